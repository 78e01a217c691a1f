/* query_bench.c - what it costs to turn a request into SQL, in nanoseconds.
 *
 *     ninja -C build bench/query_bench && build/bench/query_bench
 *
 * Each line is the median of ROUNDS rounds. No database is involved: only the
 * texts and the parameters are made. The aim for both typical selects is below
 * 2 us (docs/performance.md). */
#include "base/clock.h"
#include "query/query.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 31
#define REPEAT 20000

typedef struct {
    Arena *arena;
    const Schema *schema;
    const Collection *posts;
    RequestInfo info;
    const Filter *rule, *owner_rule;
    size_t bytes; /* of SQL, so that nothing is optimised away */
} Bench;

static void must(Error *err)
{
    if (!err) return;
    fprintf(stderr, "%.*s\n", STR_ARG(err->message));
    exit(1);
}

static Select *start(Bench *b)
{
    return select_new(b->arena, &sqlite_dialect, b->schema, b->posts, &b->info);
}

static void view(Bench *b)
{
    Select *q = start(b);
    must(select_where_id(q, S("abcdefghijklmno")));
    must(select_where_rule(q, b->rule));
    b->bytes += select_rows_sql(q, NULL, 0, 1, 0).len;
}

static void view_of_owner(Bench *b)
{
    Select *q = start(b);
    must(select_where_id(q, S("abcdefghijklmno")));
    must(select_where_rule(q, b->owner_rule));
    b->bytes += select_rows_sql(q, NULL, 0, 1, 0).len;
}

static void list(Bench *b)
{
    Select *q = start(b);
    must(select_where_rule(q, b->rule));
    must(select_where_client(q, S("author = \"abcdefghijklmno\"")));
    must(select_sort_client(q, S("-created")));
    b->bytes += select_rows_sql(q, NULL, 0, 30, 0).len;
}

static void list_of_related(Bench *b)
{
    Select *q = start(b);
    must(select_where_rule(q, b->rule));
    must(select_where_client(q, S("author.name ~ \"ann\" && tags:each = \"a\"")));
    must(select_sort_client(q, S("-created")));
    b->bytes += select_rows_sql(q, NULL, 0, 30, 0).len;
    b->bytes += select_count_sql(q).len;
}

static void verdict(Bench *b)
{
    b->bytes += filter_eval(b->rule, b->arena, b->schema, b->posts, &b->info, NULL, NULL);
}

static void parse(Bench *b)
{
    Filter *f;
    must(filter_parse(b->arena, S("author = \"abcdefghijklmno\" && (views > 5 || active = true)"),
                      &f));
    b->bytes += f != NULL;
}

static int by_size(const void *x, const void *y)
{
    double d = *(const double *)x - *(const double *)y;
    return d < 0 ? -1 : d > 0 ? 1 : 0;
}

static void measure(Bench *b, const char *name, void (*work)(Bench *b))
{
    double rounds[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t begin = clock_mono_ns();
        for (int i = 0; i < REPEAT; i++) {
            work(b);
            if (i % 16 == 15) arena_reset(b->arena); /* a request keeps warm memory too */
        }
        rounds[r] = (double)(clock_mono_ns() - begin) / REPEAT;
        arena_reset(b->arena);
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], by_size);
    printf("%-34s %7.0f ns\n", name, rounds[ROUNDS / 2]);
}

static Collection *collection(Arena *a, const char *text)
{
    Json *json;
    Collection *c;
    must(json_parse(a, str_from(text), NULL, &json));
    must(collection_from_json(a, NULL, json, &c));
    return c;
}

int main(void)
{
    Arena *a = arena_create("bench", 64 << 20);
    const Collection *collections[] = {
        collection(a, "{\"id\":\"people000000000\",\"name\":\"people\",\"type\":\"auth\","
                      "\"listRule\":\"\",\"fields\":[{\"name\":\"name\",\"type\":\"text\"}]}"),
        collection(
            a, "{\"id\":\"posts0000000000\",\"name\":\"posts\","
               "\"listRule\":\"@request.auth.id != ''\","
               "\"viewRule\":\"author = @request.auth.id\",\"fields\":["
               "{\"name\":\"title\",\"type\":\"text\"},{\"name\":\"body\",\"type\":\"editor\"},"
               "{\"name\":\"views\",\"type\":\"number\"},{\"name\":\"active\",\"type\":\"bool\"},"
               "{\"name\":\"tags\",\"type\":\"select\",\"maxSelect\":3,\"values\":[\"a\",\"b\"]},"
               "{\"name\":\"author\",\"type\":\"relation\",\"collectionId\":\"people000000000\"},"
               "{\"name\":\"data\",\"type\":\"json\"},"
               "{\"name\":\"created\",\"type\":\"autodate\",\"onCreate\":true},"
               "{\"name\":\"updated\",\"type\":\"autodate\",\"onUpdate\":true}]}"),
    };
    Schema schema = {.collections = collections, .count = COUNT(collections)};
    query_compile_schema(NULL, a, &schema);
    AuthInfo auth = {.collection = collections[0],
                     .id = S("abcdefghijklmno"),
                     .collection_id = collections[0]->id,
                     .collection_name = collections[0]->name};
    Bench b = {.arena = arena_create("work", 64 << 20),
               .schema = &schema,
               .posts = collections[1],
               .info = {.context = S("default"), .method = S("GET"), .auth = &auth},
               .rule = rule_filter(collections[1], RULE_LIST),
               .owner_rule = rule_filter(collections[1], RULE_VIEW)};

    measure(&b, "rule, verdict in memory", verdict);
    measure(&b, "view: id, rule of the request", view);
    measure(&b, "view: id, rule of the owner", view_of_owner);
    measure(&b, "list: rule, filter, sort", list);
    measure(&b, "list: relation, :each, count", list_of_related);
    measure(&b, "parse three comparisons", parse);
    arena_destroy(b.arena);
    arena_destroy(a);
    return b.bytes == 0;
}
