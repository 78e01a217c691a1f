#include "records/fixture.h"

#include "collections/collections_internal.h"

static Error *import(Fixture *f, const char *json)
{
    return collections_import(&f->app, f->a, fixture_json(f, json));
}

static void check_failure(const char *name, const Error *err, const char *part)
{
    check_fault(name, err, "collections", "validation_collections_import_failure");
    check_int(name, err->status, 400);
    check_str(name, err->summary, "Failed to import collections.");
    if (str_find(err->message, str_from(part)) < 0)
        fail_msg("%s: \"%.*s\" does not say \"%s\"", name, STR_ARG(err->message), part);
}

static void refuses_empty_lists(void **state)
{
    Fixture *f = *state;
    check_fault("11", import(f, "{'collections':[]}"), "collections", "validation_required");
    check_fault("none", import(f, "{}"), "collections", "validation_required");
}

static void imports_in_any_order(void **state)
{
    Fixture *f = *state;
    check_ok("import",
             import(f, "{'collections':["
                       "{'name':'b','id':'b1','listRule':'r.n > 1','fields':[{'type':'relation',"
                       "'name':'r','collectionId':'a1'}]},"
                       "{'name':'a','id':'a1','fields':[{'type':'number','name':'n'},"
                       "{'type':'relation','name':'back','collectionId':'b1'}]}]}"));
    check_str("b", fixture_find(f, "b")->rules[RULE_LIST].text, "r.n > 1");
    check_int("a", fixture_find(f, "a")->field_count, 3);
}

static void merges_on_what_is_there(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'a','id':'a1','listRule':'','fields':[{'type':'text','id':'f1',"
                          "'name':'x'},{'type':'text','id':'f2','name':'y'}]}");
    Str id = record_id(fixture_create(f, "a", "{'x':'1','y':'2'}"));
    fixture_collection(f, "{'name':'gone'}");

    check_ok("keeps", import(f, "{'collections':[{'name':'a','fields':[{'type':'text','id':'new',"
                                "'name':'x','max':9},{'type':'bool','name':'z'}]}]}"));
    const Collection *a = fixture_find(f, "a");
    check_str("id adopted", collection_field(a, S("x"))->id, "f1");
    check_int("option", collection_field(a, S("x"))->max, 9);
    assert_non_null(collection_field(a, S("y")));
    assert_non_null(collection_field(a, S("z")));
    check_bool("rule kept", a->rules[RULE_LIST].is_null, false);
    assert_non_null(schema_find(fixture_schema(f), S("gone")));
    check_str("data kept", record_str(fixture_row(f, "a", id), S("x")), "1");

    check_ok("removes", import(f, "{'deleteMissing':true,'collections':[{'id':'a1','name':'a2',"
                                  "'fields':[{'type':'text','id':'f2','name':'y'}]}]}"));
    a = fixture_find(f, "a2");
    check_int("only y", a->field_count, 2);
    check_str("data kept", record_str(fixture_row(f, "a2", id), S("y")), "2");
    assert_null(schema_find(fixture_schema(f), S("gone")));
    assert_null(schema_find(fixture_schema(f), S("users")));
    assert_non_null(schema_find(fixture_schema(f), S("_superusers")));

    check_ok("no fields", import(f, "{'deleteMissing':true,'collections':[{'id':'a1'}]}"));
    check_int("system only", fixture_find(f, "a2")->field_count, 1);
}

static void is_all_or_nothing(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'kept','id':'k1'}");
    fixture_collection(f, "{'name':'other','fields':[{'type':'relation','name':'r',"
                          "'collectionId':'k1'}]}");
    uint64_t version = schema_version(f->app.schema);
    check_failure("field",
                  import(f, "{'collections':[{'name':'a'},{'name':'b','fields':[{'type':"
                            "'text','name':'expand'}]}]}"),
                  "\"b\"; fields.1.name: Must not be in list");
    check_failure("type", import(f, "{'collections':[{'name':'a','fields':[{'type':'odd'}]}]}"),
                  "invalid formatting");
    check_failure("no object", import(f, "{'collections':[1]}"), "invalid formatting");
    check_failure("twice", import(f, "{'collections':[{'name':'a'},{'name':'a'}]}"), "twice");
    check_failure("index",
                  import(f, "{'collections':[{'name':'a','indexes':["
                            "'create index i on a (nope)']}]}"),
                  "no such column");
    check_failure("rule", import(f, "{'collections':[{'name':'a','listRule':'nope = 1'}]}"),
                  "listRule");
    check_failure("relation",
                  import(f, "{'collections':[{'name':'a','fields':[{'type':'relation','name':'r',"
                            "'collectionId':'nope'}]}]}"),
                  "collectionId");
    check_int("unchanged", schema_version(f->app.schema), version);
    assert_null(schema_find(fixture_schema(f), S("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(refuses_empty_lists),
        test_with_app(imports_in_any_order),
        test_with_app(merges_on_what_is_there),
        test_with_app(is_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
