/* Answers as S3, MinIO and R2 write them, and what must be refused. */
#include "testing.h"

#include "base/buf.h"
#include "s3/s3_internal.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NS  " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static void reads_a_listing(void **state)
{
    S3Answer out;
    Str text = S(XML "<ListBucketResult" NS "><Name>b</Name><Prefix>c/</Prefix>"
                     "<NextContinuationToken>1ue/+=</NextContinuationToken>"
                     "<KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>"
                     "<Contents><Key>c/r/a&amp;b.txt</Key>"
                     "<LastModified>2026-11-28T05:00:01.250Z</LastModified>"
                     "<ETag>&quot;70ee&quot;</ETag><Size>434234</Size>"
                     "<Owner><ID>x</ID><Key>not this</Key></Owner></Contents>\n"
                     "<Contents><Key>c/r/\xc3\xa4</Key>"
                     "<LastModified>2026-11-28T05:00:01Z</LastModified><Size>0</Size></Contents>"
                     "</ListBucketResult>");
    check_bool("reads", s3_xml_read(*state, text, &out), true);
    check_str("root", out.root, "ListBucketResult");
    check_int("objects", out.object_count, 2);
    check_str("entities", out.objects[0].key, "c/r/a&b.txt");
    check_str("etag", out.objects[0].etag, "\"70ee\"");
    check_int("size", out.objects[0].size_bytes, 434234);
    check_int("modified", out.objects[0].modified_ms % 1000, 250);
    check_str("UTF-8", out.objects[1].key, "c/r/\xc3\xa4");
    check_bool("truncated", out.is_truncated, true);
    check_str("token", out.next_token, "1ue/+=");
    check_int("no errors", out.error_count, 0);
}

#define NAME_OF_26  "abcdefghijklmnopqrstuvwxyz"
#define NAME_OF_130 NAME_OF_26 NAME_OF_26 NAME_OF_26 NAME_OF_26 NAME_OF_26

static const struct {
    const char *name, *text;
    bool good;
    size_t errors;
    const char *code, *upload_id;
} CASES[] = {
    {"an error", XML "<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key></Error>", true,
     1, "NoSuchKey", ""},
    {"errors of a removal",
     "<DeleteResult" NS "><Error><Key>a</Key><Code>AccessDenied</Code></Error>"
     "<Error><Code>Other</Code></Error></DeleteResult>",
     true, 2, "AccessDenied", ""},
    {"a new upload",
     "<InitiateMultipartUploadResult" NS "><Bucket>b</Bucket><UploadId> VXBsb2Fk </UploadId>"
     "</InitiateMultipartUploadResult>",
     true, 0, "", "VXBsb2Fk"},
    {"an empty listing", "<ListBucketResult/>", true, 0, "", ""},
    {"nothing", "", false, 0, "", ""},
    {"a page of a proxy", "<html><body>502<br></body></html>", false, 0, "", ""},
    {"cut off", "<ListBucketResult><Contents><Key>a", false, 0, "", ""},
    {"a DTD", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", false, 0, "", ""},
    {"a size that is none", "<L><Contents><Size>-1</Size></Contents></L>", false, 0, "", ""},
    {"a date that is none", "<L><Contents><LastModified>?</LastModified></Contents></L>", false, 0,
     "", ""},
    {"too deep", "<a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>", false, 0, "", ""},
    {"two roots", "<a/><b/>", false, 0, "", ""},
    /* Expat tells the end of an empty element even to who stopped it at the start. */
    {"an empty root with a long name", "<" NAME_OF_130 "/>", false, 0, "", ""},
};

static void reads_or_refuses(void **state)
{
    for (size_t i = 0; i < COUNT(CASES); i++) {
        S3Answer out;
        check_bool(CASES[i].name, s3_xml_read(*state, str_from(CASES[i].text), &out),
                   CASES[i].good);
        if (!CASES[i].good) continue;
        check_int(CASES[i].name, out.error_count, CASES[i].errors);
        check_str(CASES[i].name, out.code, CASES[i].code);
        check_str(CASES[i].name, out.upload_id, CASES[i].upload_id);
    }
}

static void too_many_objects_are_refused(void **state)
{
    Buf text = buf_new(*state, 1 << 16);
    S3Answer out;
    buf_add(&text, S("<ListBucketResult>"));
    for (size_t i = 0; i <= S3_PAGE_KEYS; i++)
        buf_add(&text, S("<Contents><Key>a</Key></Contents>"));
    buf_add(&text, S("</ListBucketResult>"));
    check_bool("1001", s3_xml_read(*state, buf_str(&text), &out), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(reads_a_listing),
        test_with_arena(reads_or_refuses),
        test_with_arena(too_many_objects_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
