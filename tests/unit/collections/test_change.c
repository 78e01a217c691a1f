/* The worked examples of api: collections §10, and what goes with them. */
#include "records/fixture.h"

#include "collections/collections_internal.h"

static Error *create(Fixture *f, const char *json, Collection **out)
{
    Collection *unused;
    return collection_create(&f->app, f->a, fixture_json(f, json), out ? out : &unused);
}

static Error *update(Fixture *f, const char *target, const char *json, Collection **out)
{
    Collection *unused;
    return collection_update(&f->app, f->a, str_from(target), S(""), fixture_json(f, json),
                             out ? out : &unused);
}

static void check_message(const char *name, const Error *err, int status, const char *message)
{
    if (!err) fail_msg("%s: accepted", name);
    check_int(name, err->status, status);
    check_str(name, err->field.len > 0 ? err->summary : err->message, message);
}

static void creates(void **state)
{
    Fixture *f = *state;
    Collection *c;
    check_ok("1", create(f,
                         "{'name':'new','type':'base','fields':[{'type':'text','id':'12345789',"
                         "'name':'test'}]}",
                         &c));
    check_str("1", c->fields[0].id, "text3208210256");
    check_ok("2", create(f,
                         "{'name':'x','type':'auth','fields':[{'type':'text','name':'tokenKey',"
                         "'system':true,'required':false,'min':10}]}",
                         &c));
    Error *err = create(f, "{'name':'y','fields':[{'type':'text','name':'expand'}]}", NULL);
    check_fault("3", err, "fields.1.name", "validation_not_in_invalid");
    check_message("3", err, 400, "Failed to create collection.");
    check_fault("4",
                create(f,
                       "{'name':'y','type':'auth','fields':[{'type':'text','name':"
                       "'oldPassword'}]}",
                       NULL),
                "fields.1.name", "validation_reserved_field_name");
    check_ok("4", create(f, "{'name':'y','fields':[{'type':'text','name':'oldPassword'}]}", NULL));
    check_fault("empty", create(f, "{}", NULL), "name", "validation_required");
    check_ok("view", create(f, "{'name':'v','type':'view','viewQuery':'select 1 as id'}", NULL));
    check_message("ill-typed", create(f, "{'name':1}", NULL), 400,
                  "Failed to load the submitted data due to invalid formatting.");
}

static void gives_free_ids(void **state)
{
    Fixture *f = *state;
    Collection *c;
    check_ok("first", create(f, "{'name':'posts'}", NULL));
    check_ok("renamed", update(f, "posts", "{'name':'old'}", &c));
    check_ok("second", create(f, "{'name':'posts'}", &c));
    check_str("suffix", c->id, "pbc_11258439852");
    check_fault("taken name", create(f, "{'name':'Posts'}", NULL), "name",
                "validation_collection_name_exists");
}

static void reports_together(void **state)
{
    Fixture *f = *state;
    Error *err = create(f,
                        "{'name':'a b','type':'auth','listRule':'missing > 1','authToken':"
                        "{'duration':1},'fields':[{'type':'number','name':'expand'}]}",
                        NULL);
    check_fault("name", err, "name", "validation_match_invalid");
    check_fault("rule", err, "listRule", "validation_invalid_rule");
    check_fault("option", err, "authToken.duration", "validation_min_greater_equal_than_required");
    check_fault("field", err, "fields.1.name", "validation_not_in_invalid");
}

static void updates(void **state)
{
    Fixture *f = *state;
    check_ok("demo", create(f, "{'name':'demo','fields':[{'type':'text','name':'title'}]}", NULL));
    check_fault("5", update(f, "demo", "{'type':'auth'}", NULL), "type",
                "validation_collection_type_change");
    Collection *c;
    check_ok("6", update(f, "DEMO", "{'indexes':['create index idx on anything (title)']}", &c));
    check_str("6", c->indexes[0].text, "CREATE INDEX `idx` ON `demo` (`title`)");
    Error *err = update(f, "demo", "{'listRule':'missing > 1'}", NULL);
    check_fault("7", err, "listRule", "validation_invalid_rule");
    check_message("7", err, 400, "Failed to update collection.");
    check_ok("no-op", update(f, "demo", "{}", NULL));
    check_message("unknown", update(f, "nothing", "{}", NULL), 404,
                  "The requested resource wasn't found.");
    check_ok("new field in a rule",
             update(f, "demo",
                    "{'listRule':'level > 1','fields':[{'type':'text','name':'title'},"
                    "{'type':'number','name':'level'}]}",
                    NULL));
    check_fault("field gone, rule kept",
                update(f, "demo", "{'fields':[{'type':'text','name':'title'}]}", NULL), "listRule",
                "validation_invalid_rule");
    check_fault("mfa rule", update(f, "users", "{'mfa':{'rule':'missing = 1'}}", NULL), "mfa.rule",
                "validation_invalid_rule");
}

static void keeps_data(void **state)
{
    Fixture *f = *state;
#define SELECT(max)                                                                                \
    "{'type':'select','id':'s','name':'tags','values':['a','b'],'maxSelect':" max "}"
    check_ok("create", create(f,
                              "{'name':'demo','fields':[{'type':'text','id':'1','name':'a'},"
                              "{'type':'text','id':'2','name':'b'}," SELECT("1") "]}",
                              NULL));
    Record *r = fixture_create(f, "demo", "{'a':'x','b':'y','tags':'a'}");
    Str id = record_id(r);
    check_fault("more than there are", update(f, "demo", "{'fields':[" SELECT("3") "]}", NULL),
                "fields.1.maxSelect", "validation_max_less_equal_than_required");
    check_ok("13, 14, 15", update(f, "demo",
                                  "{'fields':[{'type':'text','id':'1','name':'b'},"
                                  "{'type':'text','id':'2','name':'a'}," SELECT("2") "]}",
                                  NULL));
    r = fixture_row(f, "demo", id);
    check_str("swapped", record_str(r, S("a")), "y");
    check_str("swapped", record_str(r, S("b")), "x");
    check_str("list", record_str(r, S("tags")), "[\"a\"]");
    check_ok("write", fixture_update(f, "demo", id, "{'tags':['a','b']}", NULL, NULL));
    check_ok("16", update(f, "demo",
                          "{'fields':[{'type':'text','id':'1','name':'b'},{'type':"
                          "'text','id':'2','name':'a'}," SELECT("1") "]}",
                          NULL));
    check_str("last one", record_str(fixture_row(f, "demo", id), S("tags")), "b");
}

static void renames_with_rate_limits(void **state)
{
    Fixture *f = *state;
    check_ok("create", create(f, "{'name':'demo'}", NULL));
    Json *patch = fixture_json(f, "{'rateLimits':{'rules':[{'label':'demo:list','duration':1,"
                                  "'maxRequests':5}]}}");
    check_ok("limits", settings_update(f->app.settings, f->a, patch));
    check_ok("rename", update(f, "demo", "{'name':'other'}", NULL));
    check_str("label", settings_hold(f->app.settings, f->a)->rate_limit_rules[0].label,
              "other:list");
    check_fault("refused", update(f, "other", "{'name':'demo','listRule':'nope = 1'}", NULL),
                "listRule", "validation_invalid_rule");
    check_str("rolled back", settings_hold(f->app.settings, f->a)->rate_limit_rules[0].label,
              "other:list");
}

static void deletes(void **state)
{
    Fixture *f = *state;
    check_message("12", collection_delete(&f->app, f->a, S("_superusers"), S("")), 400,
                  "Failed to delete collection.");
    check_message("unknown", collection_delete(&f->app, f->a, S("nothing"), S("")), 404,
                  "The requested resource wasn't found.");
    check_ok("one", create(f, "{'name':'one','id':'one1'}", NULL));
    check_ok("two", create(f,
                           "{'name':'two','fields':[{'type':'relation','name':'r',"
                           "'collectionId':'one1'}]}",
                           NULL));
    check_message("referenced", collection_delete(&f->app, f->a, S("one"), S("")), 400,
                  "Failed to delete collection probably due to existing reference in two.");
    check_ok("two first", collection_delete(&f->app, f->a, S("TWO"), S("")));
    check_ok("then one", collection_delete(&f->app, f->a, S("one1"), S("")));
    assert_null(schema_find(fixture_schema(f), S("one")));
}

static void truncates(void **state)
{
    Fixture *f = *state;
    check_ok("create", create(f, "{'name':'demo'}", NULL));
    Str id = record_id(fixture_create(f, "demo", "{}"));
    fixture_create(f, "demo", "{}");
    fixture_told(f, NULL);
    check_ok("truncate", collection_truncate(&f->app, f->a, S("demo")));
    assert_null(fixture_row(f, "demo", id));
    check_int("told", f->change_count, 2);

    check_message("unknown", collection_truncate(&f->app, f->a, S("nothing")), 404,
                  "The requested resource wasn't found.");
}

static void refuses_to_truncate_what_is_needed(void **state)
{
    Fixture *f = *state;
    check_ok("parent", create(f, "{'name':'parent','id':'p1'}", NULL));
    check_ok("child", create(f,
                             "{'name':'child','fields':[{'type':'relation','name':'r',"
                             "'required':true,'collectionId':'p1'}]}",
                             NULL));
    Str id = record_id(fixture_create(f, "parent", "{}"));
    fixture_create(f, "child", arena_cstr(f->a, str_printf(f->a, "{'r':'%.*s'}", STR_ARG(id))));
    check_message("needed", collection_truncate(&f->app, f->a, S("parent")), 400,
                  "Failed to truncate collection (most likely due to required cascade delete "
                  "record references).");
    assert_non_null(fixture_row(f, "parent", id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(creates),
        test_with_app(gives_free_ids),
        test_with_app(reports_together),
        test_with_app(updates),
        test_with_app(keeps_data),
        test_with_app(renames_with_rate_limits),
        test_with_app(deletes),
        test_with_app(truncates),
        test_with_app(refuses_to_truncate_what_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
