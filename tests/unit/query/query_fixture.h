/* query_fixture.h - a database with the collections and records of query_data.h,
 * and one way to ask it anything.
 *
 *     QueryCase ask = {.filter = "title ~ 'hello'"};
 *     check_str("like", query_ids(t, &ask), "p1 p2");
 *
 * Every answer is asked for three times: as rows, as a number and as a yes or
 * no, which must agree. */
#ifndef CROFT_TESTS_QUERY_FIXTURE_H
#define CROFT_TESTS_QUERY_FIXTURE_H

#include "query/query.h"
#include "schema/schema_testing.h"

typedef struct {
    TestSchema *base;
    Arena *arena;         /* for one test */
    const Schema *schema; /* held until the test's end */
    AuthInfo ann, bob, cy, root;
} QueryFixture;

/* Who asks. */
typedef enum { AS_GUEST, AS_ANN, AS_BOB, AS_CY, AS_ROOT } QueryCaller;

/* What is asked, NULL and 0 being the usual: posts, all of them, as a guest. */
typedef struct {
    const char *collection;
    QueryCaller caller;
    const char *rule, *filter, *sort;   /* ids come in the order of `sort`, else in their own */
    const char *context, *method;       /* "default", "GET" */
    const char *query, *headers, *body; /* JSON objects */
    int64_t now_ms;
    int64_t limit, offset;
    Str from; /* select_from() */
    const DbValue *from_params;
    size_t from_count;
} QueryCase;

int query_setup(void **state);
int query_teardown(void **state);
#define test_with_query(fn) cmocka_unit_test_setup_teardown(fn, query_setup, query_teardown)

const Collection *query_collection(QueryFixture *t, const char *name);
RequestInfo query_request(QueryFixture *t, const QueryCase *ask);
const AuthInfo *query_caller(QueryFixture *t, QueryCaller caller);

/* "p1 p3", or the error: "400 unknown field …". Fails the test when rows,
 * number and existence disagree, or when SQL fails. */
Str query_ids(QueryFixture *t, const QueryCase *ask);
/* The ids for which rule_matches_row() says yes. */
Str query_matching_rows(QueryFixture *t, const QueryCase *ask);
/* How often query and headers were asked for since the setup. */
int query_lazy_count(void);

/* A collection made or changed within the test; the schema held is then the new one. */
void query_save(QueryFixture *t, const char *target, const char *json);
void query_exec(QueryFixture *t, const char *sql);

#endif
