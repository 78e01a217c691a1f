/* Every validation code of api: collections §3.2, and which faults are told
 * together. */
#include "records/fixture.h"

static void make_things(Fixture *f)
{
    fixture_collection(f, "{'name':'targets','fields':[{'name':'t','type':'text'}]}");
    Str targets = fixture_find(f, "targets")->id;
    Str json = str_printf(
        f->a,
        "{'name':'things','fields':["
        "{'name':'text','type':'text','min':3,'max':5,'pattern':'^[a-z]+$'},"
        "{'name':'plain','type':'text'},"
        "{'name':'editor','type':'editor','maxSize':10},"
        "{'name':'email','type':'email','exceptDomains':['bad.io']},"
        "{'name':'email2','type':'email','onlyDomains':['good.io']},"
        "{'name':'url','type':'url','exceptDomains':['bad.io']},"
        "{'name':'url2','type':'url','onlyDomains':['good.io']},"
        "{'name':'number','type':'number','min':-2.5,'max':10},"
        "{'name':'whole','type':'number','onlyInt':true},"
        "{'name':'date','type':'date','min':'2024-01-01 00:00:00.000Z','max':'2024-12-31 "
        "00:00:00.000Z'},"
        "{'name':'kind','type':'select','values':['a','b'],'maxSelect':1},"
        "{'name':'kinds','type':'select','values':['a','b','c'],'maxSelect':2},"
        "{'name':'rel','type':'relation','collectionId':'%.*s','maxSelect':1},"
        "{'name':'rels','type':'relation','collectionId':'%.*s','minSelect':2,'maxSelect':3},"
        "{'name':'json','type':'json','maxSize':10},"
        "{'name':'geo','type':'geoPoint'},"
        "{'name':'secret','type':'password','min':4,'max':6,'pattern':'^[0-9]+$'}]}",
        STR_ARG(targets), STR_ARG(targets));
    fixture_collection(f, arena_cstr(f->a, json));
    fixture_create(f, "targets", "{'id':'target000000001'}");
    fixture_create(f, "targets", "{'id':'target000000002'}");
}

static const struct {
    const char *field, *value;
    const char *code; /* NULL = accepted */
} CASES[] = {
    {"text", "'abc'", NULL},
    {"text", "''", NULL},
    {"text", "'ab'", "validation_min_text_constraint"},
    {"text", "'abcdef'", "validation_max_text_constraint"},
    {"text", "'ab1'", "validation_invalid_format"},
    {"text", "'\xc3\xa4\xc3\xb6'", "validation_min_text_constraint"}, /* characters, not bytes */
    {"editor", "'0123456789'", NULL},
    {"editor", "'0123456789a'", "validation_content_size_limit"},
    {"email", "'a@b.io'", NULL},
    {"email", "'nope'", "validation_is_email"},
    {"email", "'a@bad.io'", "validation_email_domain_not_allowed"},
    {"email", "'a@BAD.io'", NULL}, /* exact */
    {"email2", "'a@good.io'", NULL},
    {"email2", "'a@other.io'", "validation_email_domain_not_allowed"},
    {"url", "'https://good.io/x'", NULL},
    {"url", "'no url'", "validation_invalid_url"},
    {"url", "'https://bad.io/x'", "validation_url_domain_not_allowed"},
    {"url", "'https://bad.io:81/x'", NULL},
    {"url2", "'http://good.io'", NULL},
    {"url2", "'http://good.io:81'", "validation_url_domain_not_allowed"}, /* port included */
    {"number", "10", NULL},
    {"number", "-2.5", NULL},
    {"number", "0", NULL},
    {"number", "10.5", "validation_max_number_constraint"},
    {"number", "-3", "validation_min_number_constraint"},
    {"number", "'NaN'", "validation_not_a_number"},
    {"number", "'-Infinity'", "validation_not_a_number"},
    {"whole", "3", NULL},
    {"whole", "3.5", "validation_only_int_constraint"},
    {"date", "'2024-06-01'", NULL},
    {"date", "'garbage'", NULL},
    {"date", "'2023-06-01'", "validation_min_greater_equal_than_required"},
    {"date", "'2025-06-01'", "validation_max_less_equal_than_required"},
    {"kind", "'a'", NULL},
    {"kind", "'x'", "validation_invalid_value"},
    {"kind", "['x','a']", NULL}, /* the last one counts */
    {"kinds", "['a','b']", NULL},
    {"kinds", "['a','b','c']", "validation_too_many_values"},
    {"kinds", "['a','x']", "validation_invalid_value"},
    {"rel", "'target000000001'", NULL},
    {"rel", "'missing'", "validation_missing_rel_records"},
    {"rels", "['target000000001','target000000002']", NULL},
    {"rels", "['target000000001']", "validation_not_enough_values"},
    {"rels", "['a','b','c','d']", "validation_too_many_values"},
    {"rels", "['target000000001','b']", "validation_missing_rel_records"},
    {"json", "[1,2,3]", NULL},
    {"json", "'0123456789'", "validation_json_size_limit"},
    {"geo", "{'lon':180,'lat':-90}", NULL},
    {"geo", "{'lon':0,'lat':91}", "validation_invalid_latitude"},
    {"geo", "{'lon':-181,'lat':1}", "validation_invalid_longitude"},
    {"secret", "'1234'", NULL},
    {"secret", "'123'", "validation_min_text_constraint"},
    {"secret", "'1234567'", "validation_max_text_constraint"},
    {"secret", "'abcd'", "validation_invalid_format"},
};

static void field_codes(void **state)
{
    Fixture *f = *state;
    make_things(f);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str json = str_printf(f->a, "{'%s':%s}", CASES[i].field, CASES[i].value);
        Str name = str_printf(f->a, "%s %s", CASES[i].field, CASES[i].value);
        Error *err = fixture_try(f, "things", arena_cstr(f->a, json), NULL, NULL);
        check_fault(arena_cstr(f->a, name), err, CASES[i].field, CASES[i].code);
        if (err) check_str("summary", err->summary, "Failed to create record.");
    }
}

static const struct {
    const char *type, *empty, *full;
} REQUIRED[] = {
    {"'text'", "''", "'a'"},
    {"'editor'", "''", "'a'"},
    {"'email'", "''", "'a@b.io'"},
    {"'url'", "''", "'http://a.io'"},
    {"'number'", "0", "1"},
    {"'bool'", "false", "true"},
    {"'date'", "'garbage'", "'2024-01-01'"},
    {"'select','values':['a']", "''", "'a'"},
    {"'select','values':['a','b'],'maxSelect':2", "[]", "['a']"},
    {"'json'", "null", "false"},
    {"'json'", "[]", "0"},
    {"'json'", "{}", "[null]"},
    {"'json'", "''", "'a'"},
    {"'geoPoint'", "{'lon':0,'lat':0}", "{'lon':0,'lat':1}"},
    {"'password'", "''", "'12345678'"},
};

static void required(void **state)
{
    Fixture *f = *state;
    for (size_t i = 0; i < COUNT(REQUIRED); i++) {
        Str name = str_printf(f->a, "c%zu", i);
        Str json =
            str_printf(f->a, "{'name':'c%zu','fields':[{'name':'v','required':true,'type':%s}]}", i,
                       REQUIRED[i].type);
        fixture_collection(f, arena_cstr(f->a, json));
        const char *c = arena_cstr(f->a, name);
        Str empty = str_printf(f->a, "{'v':%s}", REQUIRED[i].empty);
        Str full = str_printf(f->a, "{'v':%s}", REQUIRED[i].full);
        check_fault(REQUIRED[i].type, fixture_try(f, c, "{}", NULL, NULL), "v",
                    "validation_required");
        check_fault(REQUIRED[i].type, fixture_try(f, c, arena_cstr(f->a, empty), NULL, NULL), "v",
                    "validation_required");
        check_code(REQUIRED[i].type, fixture_try(f, c, arena_cstr(f->a, full), NULL, NULL), NULL);
    }
}

static const struct {
    const char *name, *id;
    const char *code;
} IDS[] = {
    {"too short", "12345678901234", "validation_min_text_constraint"},
    {"too long", "1234567890123456", "validation_max_text_constraint"},
    {"fits", "123456789012345", NULL},
    {"again", "123456789012345", "validation_not_unique"},
    {"upper", "ABCDEFGHIJKLMNO", "validation_invalid_format"},
};

static void ids(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'posts','fields':[{'name':'n','type':'number'}]}");
    for (size_t i = 0; i < COUNT(IDS); i++) {
        Str json = str_printf(f->a, "{'id':'%s'}", IDS[i].id);
        check_fault(IDS[i].name, fixture_try(f, "posts", arena_cstr(f->a, json), NULL, NULL), "id",
                    IDS[i].code);
    }
    check_fault(
        "change",
        fixture_update(f, "posts", S("123456789012345"), "{'id':'223456789012345'}", NULL, NULL),
        "id", "validation_pk_change");
    check_code(
        "same id",
        fixture_update(f, "posts", S("123456789012345"), "{'id':'123456789012345'}", NULL, NULL),
        NULL);
}

static const struct {
    const char *id, *code;
} OWN_IDS[] = {
    {"Hello", NULL},
    {"hELLO", "validation_pk_invalid"},
    {"a/b", "validation_forbidden_pk_character"},
    {"a b", "validation_forbidden_pk_character"},
    {"..", "validation_forbidden_pk_character"},
    {"con", "validation_reserved_pk"},
    {"LPT9", "validation_reserved_pk"},
    {"lpt0", NULL},
};

static void ids_of_own_pattern(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'own','fields':[{'name':'id','type':'text','system':true,"
                          "'primaryKey':true,'required':true,'pattern':'^.+$','min':0,'max':0}]}");
    for (size_t i = 0; i < COUNT(OWN_IDS); i++) {
        Str json = str_printf(f->a, "{'id':'%s'}", OWN_IDS[i].id);
        check_fault(OWN_IDS[i].id, fixture_try(f, "own", arena_cstr(f->a, json), NULL, NULL), "id",
                    OWN_IDS[i].code);
    }
}

/* Fields that need the database and fields that do not fail together. */
static void faults_together(void **state)
{
    Fixture *f = *state;
    make_things(f);
    Error *err = fixture_try(f, "things", "{'text':'a','rel':'missing','email':'x'}", NULL, NULL);
    check_fault("text", err, "text", "validation_min_text_constraint");
    check_fault("rel", err, "rel", "validation_missing_rel_records");
    check_fault("email", err, "email", "validation_is_email");
    check_str("message", fixture_fault(err, "text")->message, "Must be at least 3 character(s).");
    check_int("params", json_number(json_get(fixture_fault(err, "text")->params, S("min")), 0), 3);
}

/* The whole record is validated: a stale value blocks other changes. */
static void stale_values(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'c','fields':[{'name':'s','type':'select','values':['a','b']},"
                          "{'name':'n','type':'number'}]}");
    Record *r = fixture_create(f, "c", "{'s':'b'}");
    fixture_collection(f, "{'name':'c','fields':[{'name':'s','type':'select','values':['a']},"
                          "{'name':'n','type':'number'}]}");
    check_fault("stale", fixture_update(f, "c", record_id(r), "{'n':1}", NULL, NULL), "s",
                "validation_invalid_value");
    check_code("healed", fixture_update(f, "c", record_id(r), "{'n':1,'s':'a'}", NULL, NULL), NULL);
}

static void uniqueness(void **state)
{
    Fixture *f = *state;
    fixture_collection(f,
                       "{'name':'u','fields':[{'name':'a','type':'text'},"
                       "{'name':'b','type':'text'},{'name':'e','type':'text'}],'indexes':["
                       "'CREATE UNIQUE INDEX i1 ON u (a)','CREATE UNIQUE INDEX i2 ON u (b,e)']}");
    fixture_create(f, "u", "{'a':'1','b':'x','e':'y'}");
    Error *err = fixture_try(f, "u", "{'a':'1','b':'z'}", NULL, NULL);
    check_fault("single", err, "a", "validation_not_unique");
    check_str("message", err->message, "Value must be unique.");
    err = fixture_try(f, "u", "{'a':'2','b':'x','e':'y'}", NULL, NULL);
    check_fault("first", err, "b", "validation_not_unique");
    check_fault("second", err, "e", "validation_not_unique");
    Record *r = fixture_create(f, "u", "{'a':'3','b':'q'}");
    check_fault("update", fixture_update(f, "u", record_id(r), "{'a':'1'}", NULL, NULL), "a",
                "validation_not_unique");
}

static void references(void **state)
{
    Fixture *f = *state;
    Record *root = fixture_superuser(f);
    Str json = str_printf(f->a,
                          "{'collectionRef':'%.*s','recordRef':'%.*s','provider':'google',"
                          "'providerId':'1'}",
                          STR_ARG(root->collection->id), STR_ARG(record_id(root)));
    check_code("right", fixture_try(f, "_externalAuths", arena_cstr(f->a, json), NULL, NULL), NULL);
    check_fault(
        "collection",
        fixture_try(f, "_mfas", "{'collectionRef':'x','recordRef':'y','method':'otp'}", NULL, NULL),
        "collectionRef", "validation_invalid_collection_id");
    json = str_printf(f->a, "{'collectionRef':'%.*s','recordRef':'y','method':'otp'}",
                      STR_ARG(fixture_find(f, "_otps")->id));
    check_fault("no auth collection", fixture_try(f, "_mfas", arena_cstr(f->a, json), NULL, NULL),
                "collectionRef", "validation_invalid_collection_type");
    json = str_printf(f->a, "{'collectionRef':'%.*s','recordRef':'y','method':'otp'}",
                      STR_ARG(root->collection->id));
    check_fault("no record", fixture_try(f, "_mfas", arena_cstr(f->a, json), NULL, NULL),
                "recordRef", "validation_invalid_record");
    json = str_printf(f->a,
                      "{'collectionRef':'%.*s','recordRef':'%.*s','provider':'nobody',"
                      "'providerId':'2'}",
                      STR_ARG(root->collection->id), STR_ARG(record_id(root)));
    check_fault("provider", fixture_try(f, "_externalAuths", arena_cstr(f->a, json), NULL, NULL),
                "provider", "validation_missing_provider");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(field_codes),
        test_with_app(required),
        test_with_app(ids),
        test_with_app(ids_of_own_pattern),
        test_with_app(faults_together),
        test_with_app(stale_values),
        test_with_app(uniqueness),
        test_with_app(references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
