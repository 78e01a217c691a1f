/* test_options.c - command lines, the environment, limits and suggestions. */
#include "testing.h"

#include "app/options.h"
#include "app/supervisor.h"

#include <stdlib.h>

static Error *read_line(Arena *a, const char *line, Options *out)
{
    char name[] = "croft", *argv[32] = {name};
    int argc = 1;
    Str rest = str_from(line);
    while (rest.ptr && argc < 32)
        argv[argc++] = (char *)(uintptr_t)arena_cstr(a, str_split(&rest, ' '));
    return options_read(a, argc, argv, out);
}

static const struct {
    const char *name, *line;
    const char *error; /* its message, or NULL */
} LINES[] = {
    {"all",
     "serve --dir d --http 0.0.0.0:80 --public p --no-spa --origins x --threads 3 "
     "--user u --log-level warn --log-format json --limit body_bytes=5M",
     NULL},
    {"with equals signs", "serve --dir=d --http=[::1]:0 --limit=uri_bytes=300", NULL},
    {"flags before the command", "--dir d superuser delete a@b.c", NULL},
    {"a dash is a word", "superuser upsert a@b.c -", NULL},
    {"after two dashes all are words", "superuser upsert a@b.c -- --secret", NULL},
    {"mistyped", "serve --hptp x", "There is no flag --hptp. Did you mean --http?"},
    {"far off", "serve --zzzzzzzzzz", "There is no flag --zzzzzzzzzz. See: croft help serve"},
    {"no value", "serve --dir", "--dir wants a value: --dir FOLDER"},
    {"no port", "serve --http localhost",
     "--http must be an address and a port such as 127.0.0.1:8090, not \"localhost\"."},
    {"port too big", "serve --http 1.2.3.4:65536",
     "--http must be an address and a port such as 127.0.0.1:8090, not \"1.2.3.4:65536\"."},
    {"threads", "serve --threads 0", "--threads must be a number from 1 to 64, not \"0\"."},
    {"level", "serve --log-level loud",
     "--log-level must be debug, info, warn or error, not \"loud\"."},
    {"a switch with no", "serve --no-dir x", "There is no flag --no-dir. Did you mean --dir?"},
    {"a command's own flag", "import pocketbase d --force", NULL},
    {"before the command", "--out=x types", NULL},
    {"without its value", "types --out", "--out wants a value: --out FILE"},
    {"of another command", "serve --force",
     "--force is no flag of \"croft serve\". See: croft help serve"},
    {"limit", "serve --limit body_byte=1",
     "There is no limit \"body_byte\". Did you mean body_bytes?"},
    {"limit without value", "serve --limit body_bytes",
     "--limit wants name=value, not \"body_bytes\"."},
    {"limit out of range", "serve --limit header_fields=1",
     "--limit header_fields must be a number from 8 to 10000."},
    {"limit of other unit", "serve --limit header_timeout_ms=1M",
     "--limit header_timeout_ms must be a number from 100 to 86400000."},
};

static void reads_command_lines(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(LINES); i++) {
        Options o;
        Error *err = read_line(a, LINES[i].line, &o);
        check_str(LINES[i].name, err ? err->message : S("fine"),
                  LINES[i].error ? LINES[i].error : "fine");
    }
}

static void puts_values_where_they_belong(void **state)
{
    Arena *a = *state;
    Options o;
    check_ok("line", read_line(a, LINES[0].line, &o));
    check_str("command", o.command, "serve");
    check_str("dir", o.dir, "d");
    check_str("http", o.http, "0.0.0.0:80");
    check_str("public", o.public_dir, "p");
    check_bool("spa", o.spa, false);
    check_str("origins", o.origins, "x");
    check_int("threads", o.threads, 3);
    check_str("user", o.user, "u");
    check_int("level", o.log_level, LOG_WARN);
    check_int("format", o.log_format, LOG_JSON);
    check_int("limit", o.limits.body_bytes, 5 << 20);
    check_int("other limits stay", o.limits.uri_bytes, http_limits_default().uri_bytes);

    check_ok("words", read_line(a, "superuser upsert a@b.c -- --secret", &o));
    check_int("words", o.arg_count, 3);
    check_str("word", o.args[2], "--secret");
}

static void environment_is_between(void **state)
{
    Arena *a = *state;
    Options o;
    setenv("PORT", "8080", 1);
    check_ok("PORT", read_line(a, "serve", &o));
    check_str("PORT", o.http, "127.0.0.1:8080");
    setenv("CROFT_HTTP", "1.2.3.4:5", 1);
    check_ok("CROFT_HTTP", read_line(a, "serve", &o));
    check_str("CROFT_HTTP", o.http, "1.2.3.4:5");
    check_ok("--http", read_line(a, "serve --http 6.7.8.9:10", &o));
    check_str("--http", o.http, "6.7.8.9:10");
    setenv("CROFT_LIMIT", "form_fields=7, idle_timeout_ms=5s", 1);
    check_ok("limits", read_line(a, "serve", &o));
    check_int("limit", o.limits.form_fields, 7);
    check_int("seconds", o.limits.idle_timeout_ms, 5000);
    setenv("CROFT_SPA", "maybe", 1);
    check_str("bad", read_line(a, "serve", &o)->message,
              "In the environment, CROFT_SPA: --spa must be true or false, not \"maybe\".");
    unsetenv("PORT");
    unsetenv("CROFT_HTTP");
    unsetenv("CROFT_LIMIT");
    unsetenv("CROFT_SPA");
}

static void every_limit_has_a_name(void **state)
{
    (void)state;
    /* limits_print() writes a line for each; HttpLimits has 13 sizes and 6 others. */
    _Static_assert(sizeof(HttpLimits) == 13 * sizeof(size_t) + 6 * sizeof(uint32_t),
                   "a new limit? Add it to app/limits.c, then here.");
    FILE *file = tmpfile();
    assert_non_null(file);
    limits_print(file);
    rewind(file);
    int lines = 0, c;
    while ((c = fgetc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    check_int("lines", lines, 19);
}

static void backs_off(void **state)
{
    (void)state;
    static const struct {
        unsigned deaths;
        uint64_t wait_ms;
    } ROWS[] = {{0, 0},    {1, 0},     {4, 0},      {5, 1000},
                {6, 2000}, {9, 16000}, {10, 30000}, {1000, 30000}};
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_int("wait", supervisor_backoff_ms(ROWS[i].deaths), ROWS[i].wait_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(reads_command_lines),
        test_with_arena(puts_values_where_they_belong),
        test_with_arena(environment_is_between),
        cmocka_unit_test(every_limit_has_a_name),
        cmocka_unit_test(backs_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
