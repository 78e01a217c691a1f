#include "records/fixture.h"

#include "collections/collections_internal.h"

static const struct {
    const char *filter, *sort;
    int64_t page, per_page;
    bool skip_total;
    const char *names; /* NULL: refused with 400 */
    int64_t total;
} CASES[] = {
    {"", "", 1, 30, false, "_mfas,_otps,_externalAuths,_authOrigins,_superusers,users", 6},
    {"", "-name", 1, 2, false, "users,_superusers", 6},
    {"", "name", 2, 4, false, "_superusers,users", 6},
    {"", "name", 9, 4, false, "", 6},
    {"type = 'auth'", "name", 1, 30, false, "_superusers,users", 2},
    {"system = false", "", 1, 30, false, "users", 1},
    {"name ~ 'auth' && system = true", "name", 1, 30, true, "_authOrigins,_externalAuths", -1},
    {"id = '_pb_users_auth_'", "-created,updated", 1, 30, false, "users", 1},
    {"fields != ''", "", 1, 30, false, NULL, 0},
    {"options != ''", "", 1, 30, false, NULL, 0},
    {"", "listRule", 1, 30, false, NULL, 0},
    {"name =", "", 1, 30, false, NULL, 0},
};

static Str names_of(Arena *a, const Json *page)
{
    const Json *items = json_get(page, S("items"));
    Buf out = buf_new(a, 64);
    for (size_t i = 0; i < json_count(items); i++) {
        if (i > 0) buf_char(&out, ',');
        buf_add(&out, json_str(json_get(json_at(items, i), S("name")), S("?")));
    }
    return buf_str(&out);
}

static void filters_sorts_and_pages(void **state)
{
    Fixture *f = *state;
    RequestInfo *info = fixture_caller(f, fixture_superuser(f));
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str name = str_printf(f->a, "%s / %s", CASES[i].filter, CASES[i].sort);
        const char *row = arena_cstr(f->a, name);
        CollectionList list = {str_from(CASES[i].filter), str_from(CASES[i].sort), CASES[i].page,
                               CASES[i].per_page, CASES[i].skip_total};
        Json *page;
        Error *err = collections_list(&f->app, f->a, fixture_schema(f), info, &list, &page);
        check_status(row, err, CASES[i].names ? 200 : 400);
        if (err) continue;
        check_str(row, names_of(f->a, page), CASES[i].names);
        check_int(row, json_number(json_get(page, S("totalItems")), 0), CASES[i].total);
    }
}

static bool has_secret(Arena *a, const Json *json)
{
    Str text = json_format(a, json);
    return str_find(text, S("\"secret\"")) >= 0 || str_find(text, S("clientSecret")) >= 0;
}

static void shows_no_secrets(void **state)
{
    Fixture *f = *state;
    RequestInfo *info = fixture_caller(f, fixture_superuser(f));
    CollectionList list = {.page = 1, .per_page = 30};
    Json *page;
    check_ok("list", collections_list(&f->app, f->a, fixture_schema(f), info, &list, &page));
    check_bool("secrets", has_secret(f->a, page), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(filters_sorts_and_pages),
        test_with_app(shows_no_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
