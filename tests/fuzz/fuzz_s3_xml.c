/* fuzz_s3_xml.c - any bytes at all, read as an answer of an S3 server.
 *
 * Properties: it ends, within its bounds; what was read is complete: every object
 * is counted, and a truncated page is only what says so. */
#include "s3/s3_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_create("fuzz", 8 << 20);
    S3Answer out;
    if (s3_xml_read(a, str_make((const char *)data, size), &out)) {
        assert(out.root.len > 0);
        assert(out.object_count <= S3_PAGE_KEYS);
        for (size_t i = 0; i < out.object_count; i++)
            assert(out.objects[i].key.len <= size);
        assert(out.code.len <= size && out.next_token.len <= size && out.upload_id.len <= size);
    }
    arena_destroy(a);
    return 0;
}
