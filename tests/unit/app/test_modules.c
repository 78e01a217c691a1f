/* test_modules.c - nothing is served that the authorisation matrix does not know. */
#include "testing.h"

#include "app/modules.h"
#include "base/buf.h"

#include <stdio.h>

/* "GET /api/crons/{id}" as the table writes it: "GET /api/crons/{}". */
static Str route_key(Arena *a, const Route *route)
{
    Buf key = buf_new(a, 128);
    buf_add(&key, str_from(route->method));
    buf_char(&key, ' ');
    bool inside = false;
    for (const char *p = route->path; *p; p++) {
        if (*p == '}') inside = false;
        if (!inside) buf_char(&key, *p);
        if (*p == '{') inside = true;
    }
    return buf_str(&key);
}

static Json *read_table(Arena *a)
{
    static char text[256 * 1024];
    FILE *file = fopen(ROUTES_JSON, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text), file);
    fclose(file);
    Json *table = NULL;
    check_ok("routes.json", json_parse(a, str_make(text, len), NULL, &table));
    return table;
}

/* A new route? Add its row to tests/e2e/routes.json: what a guest, a user, a user
 * of another collection and a superuser get. */
static void every_route_is_in_the_matrix(void **state)
{
    Arena *a = *state;
    const Json *table = read_table(a);
    RouteTable modules[MODULES_MAX];
    size_t count = modules_routes(modules);
    size_t missing = 0;
    for (size_t m = 0; m < count; m++) {
        for (size_t i = 0; i < modules[m].count; i++) {
            Str key = route_key(a, &modules[m].routes[i]);
            if (json_get(table, key)) continue;
            print_error("not in tests/e2e/routes.json: %.*s\n", STR_ARG(key));
            missing++;
        }
    }
    check_int("routes missing in tests/e2e/routes.json", missing, 0);
}

static bool is_served(Arena *a, const RouteTable *modules, size_t count, Str key)
{
    for (size_t m = 0; m < count; m++)
        for (size_t i = 0; i < modules[m].count; i++)
            if (str_eq(route_key(a, &modules[m].routes[i]), key)) return true;
    return false;
}

/* A row that asks for nothing that is served asserts nothing. */
static void every_row_is_a_route(void **state)
{
    Arena *a = *state;
    const Json *table = read_table(a);
    RouteTable modules[MODULES_MAX];
    size_t count = modules_routes(modules);
    size_t stale = 0;
    for (size_t i = 0; i < json_count(table); i++) {
        const JsonMember *row = &table->object.members[i];
        bool other_build = json_get(&row->value, S("only")) != NULL;
        if (other_build || is_served(a, modules, count, row->key)) continue;
        print_error("in tests/e2e/routes.json, but not served: %.*s\n", STR_ARG(row->key));
        stale++;
    }
    check_int("rows without a route in tests/e2e/routes.json", stale, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(every_route_is_in_the_matrix),
        test_with_arena(every_row_is_a_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
