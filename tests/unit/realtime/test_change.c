/* Copies of committed records: what they keep, and when they go. */
#include "records/fixture.h"

#include "realtime/realtime_internal.h"

static Change *change_of(Fixture *f, ChangeKind kind, const Record *r)
{
    Pin *pin = pin_new(f->app.schema);
    Change *change = change_new(pin, kind, r);
    pin_release(pin);
    assert_non_null(change);
    return change;
}

static void a_copy_outlives_its_record(void **state)
{
    Fixture *f = *state;
    fixture_collection(
        f, "{'name':'posts','fields':[{'name':'title','type':'text'},{'name':'on','type':'bool'},"
           "{'name':'data','type':'json'}]}");
    Record *r = fixture_create(f, "posts", "{'title':'hello','on':true,'data':{'a':[1]}}");
    Change *change = change_of(f, CHANGE_CREATE, r);
    char *bytes = (char *)(uintptr_t)record_str(r, S("title")).ptr;
    memset(bytes, '?', 5);
    check_str("title", change_text(change, S("title")), "hello");
    check_str("data", change_text(change, S("data")), "{\"a\":[1]}");
    assert_true(change_bool(change, S("on")));
    assert_false(change_bool(change, S("title")));
    check_str("unknown", change_text(change, S("nothing")), "");
    change_release(change);
}

/* The schema may move on between the record and its copy, and after it. */
static void values_follow_their_fields(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'posts','fields':[{'id':'f1','name':'a','type':'text'},{'id':'"
                          "f2','name':'b','type':'text'}]}");
    Record *r = fixture_create(f, "posts", "{'a':'first','b':'second'}");
    const Collection *c =
        fixture_collection(f, "{'name':'posts','fields':[{'id':'f2','name':'renamed','type':'text'}"
                              ",{'id':'f3','name':'a','type':'number'}]}");
    Change *change = change_of(f, CHANGE_UPDATE, r);
    assert_ptr_equal(change->collection, c);
    check_str("moved", change_text(change, S("renamed")), "second");
    check_str("another one", change_text(change, S("a")), "");
    change_release(change);
}

static void a_chain_of_parents_goes_with_its_last_child(void **state)
{
    Fixture *f = *state;
    fixture_collection(f, "{'name':'posts','fields':[{'name':'title','type':'text'}]}");
    Record *r = fixture_create(f, "posts", "{'title':'x'}");
    Change *first = change_of(f, CHANGE_DELETE, r), *last = change_share(first);
    for (int i = 0; i < 20000; i++) {
        Change *child = change_of(f, CHANGE_DELETE, r);
        child->parents = calloc(2, sizeof(Change *));
        child->parents[child->parent_count++] = last;
        child->parents[child->parent_count++] = change_share(first);
        last = child;
    }
    change_release(last);
    assert_int_equal(first->refs, 1);
    change_release(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(a_copy_outlives_its_record),
        test_with_app(values_follow_their_fields),
        test_with_app(a_chain_of_parents_goes_with_its_last_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
