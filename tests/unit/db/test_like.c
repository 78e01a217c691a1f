/* test_like.c - LIKE means what SQLite's own means, and ends when time is up. */
#include "db_testing.h"

#include "base/clock.h"

#include <sqlite3.h>

typedef struct {
    Str text, pattern, escape;
    Str out;
} LikeCase;

static Error *like_work(Tx *tx, void *arg)
{
    LikeCase *c = arg;
    DbValue params[] = {DB_VALUE_TEXT(c->text), DB_VALUE_TEXT(c->pattern),
                        DB_VALUE_TEXT(c->escape)};
    Str sql =
        c->escape.len ? S("SELECT quote(?1 LIKE ?2 ESCAPE ?3)") : S("SELECT quote(?1 LIKE ?2)");
    bool found;
    return tx_one_str(tx, sql, params, c->escape.len ? 3 : 2, &c->out, &found);
}

static const struct {
    const char *name, *text, *pattern, *escape, *expected;
} CASES[] = {
    {"whole", "abc", "abc", "", "1"},
    {"ASCII without case", "aBc", "AbC", "", "1"},
    {"other letters with case", "É", "é", "", "0"},
    {"within", "xabcx", "%abc%", "", "1"},
    {"one character, two bytes", "é", "_", "", "1"},
    {"two wanted", "é", "__", "", "0"},
    {"empty pattern, empty text", "", "", "", "1"},
    {"only any", "", "%%", "", "1"},
    {"the last one must end it", "abcb", "%b", "", "1"},
    {"and does not", "abcb", "%bc", "", "0"},
    {"an escaped percent", "5%", "5\\%", "\\", "1"},
    {"is not any", "5x", "5\\%", "\\", "0"},
    {"an escape that escapes nought", "a\\", "a\\", "\\", "0"},
    {"percent as the escape", "%", "%%", "%", "1"},
    {"which then is not any", "abc", "a%c", "%", "0"},
    {"no escape", "5\\%", "5\\%", "", "1"},
};

static void means_what_it_says(void **state)
{
    TestDb *t = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        LikeCase c = {.text = str_from(CASES[i].text),
                      .pattern = str_from(CASES[i].pattern),
                      .escape = str_from(CASES[i].escape)};
        check_ok(CASES[i].name, db_read(t->db, t->arena, like_work, &c));
        check_str(CASES[i].name, c.out, CASES[i].expected);
    }
    check_str("NULL", db_one(t, S("SELECT quote(NULL LIKE 'a') || quote('a' LIKE NULL)")),
              "NULLNULL");
    check_str("numbers", db_one(t, S("SELECT 125 LIKE '%2%'")), "1");
}

static Str random_text(Arena *a, size_t length, const char *const *alphabet, uint32_t count)
{
    Buf b = buf_new(a, length * 2 + 1);
    for (size_t i = 0; i < length; i++)
        buf_add(&b, str_from(alphabet[chance_below(count)]));
    return buf_str(&b);
}

/* A pattern times a text long enough for the comparison of our own. The length is
 * that of a run of '%' where there can be one: SQLite's own looks for the end of
 * the text at each step when strings are checked strictly. */
static void agrees_with_sqlite(void **state)
{
    static const char *const LETTERS[] = {"a", "b", "é", "%", "_", "\\"};
    static const char *const PATTERNS[] = {"a", "b", "é", "A", "_", "\\%", "\\_", "\\\\", "%", "%"};
    TestDb *t = *state;
    Arena *a = arena_create("like", 0);
    static const Str ANY = STR_INIT("%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"
                                    "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%");
    int matched = 0;
    for (int i = 0; i < 200; i++) {
        arena_reset(a);
        bool before = i % 3 != 0, after = i % 5 != 0;
        Str text = random_text(a, before || after ? 8000 : 200000, LETTERS, 3 + (uint32_t)(i % 4));
        Str pattern = random_text(a, 3 + chance_below(12), PATTERNS, COUNT(PATTERNS));
        if (before) pattern = str_concat(a, ANY, pattern);
        if (after) pattern = str_concat(a, pattern, ANY);
        LikeCase c = {.text = text, .pattern = pattern, .escape = S("\\")};
        check_ok("read", db_read(t->db, a, like_work, &c));
        bool expected = sqlite3_strlike(arena_cstr(a, pattern), arena_cstr(a, text), '\\') == 0;
        check_str(arena_cstr(a, pattern), c.out, expected ? "1" : "0");
        matched += expected;
    }
    check_bool("some match, some do not", matched > 10 && matched < 190, true);
    arena_destroy(a);
}

/* SQLite's own LIKE would take ten seconds of a statement that no progress
 * handler sees. */
static void ends_when_time_is_up(void **state)
{
    TestDb *t = *state;
    check_ok("schema", db_exec(t, S("CREATE TABLE n (v TEXT);"
                                    "INSERT INTO n VALUES (replace(hex(zeroblob(2000000)), '0', "
                                    "'a'))")));
    Str sql = S("SELECT count(*) FROM n WHERE v LIKE '%' || replace(hex(zeroblob(1500)), '0', 'a')"
                " || 'b%'");
    uint64_t started_ms = clock_mono_ms();
    Error *err = db_read_slow(t->db, t->arena, 200, exec_work, &sql);
    check_int("kind", db_error_kind(err), DB_ERROR_TOO_SLOW);
    check_bool("in time", clock_mono_ms() - started_ms < 9000, true);
    check_str("goes on", db_one(t, S("SELECT count(*) FROM n WHERE v LIKE 'aaa%'")), "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_db(means_what_it_says),
        test_with_db(agrees_with_sqlite),
        test_with_db(ends_when_time_is_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
