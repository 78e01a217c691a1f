/* test_parse_cost.c - what a hostile document may cost (reliability L8, L9).
 *
 * Times are those of the thread, the best of a few rounds, and only asserted
 * in optimized builds without sanitizers; the documents are read in all of them.
 */
#include "testing.h"

#include "base/random.h"
#include "json/json.h"

#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define UNTIMED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNTIMED 1
#endif
#endif
#ifdef UNTIMED
enum { TIMED = 0 };
#else
enum { TIMED = 1 };
#endif

enum { MIB = 1024 * 1024, KEYS = 65536 };

static double thread_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double best_ms(const char *name, Str text, bool valid)
{
    double best = 1e9;
    Arena *a = arena_create("cost", (size_t)256 * MIB);
    for (int round = 0; round < (TIMED ? 3 : 1); round++) {
        Json *value;
        double start = thread_ms();
        Error *err = json_parse(a, text, &(JsonLimits){.depth = JSON_DEPTH_MAX}, &value);
        arena_reset(a);
        double ms = thread_ms() - start;
        best = MIN(best, ms);
        check_bool(name, err == NULL, valid);
    }
    arena_destroy(a);
    return best;
}

/* `head`, then `unit` as often as fits a megabyte, then `tail`. */
static Str filled(Arena *a, const char *head, const char *unit, const char *tail)
{
    Buf text = buf_new(a, MIB + 64);
    buf_add(&text, str_from(head));
    Str piece = str_from(unit);
    while (text.len + piece.len + 32 < MIB) {
        buf_add(&text, piece);
    }
    buf_add(&text, str_from(tail));
    return buf_str(&text);
}

static void worst_documents(void **state)
{
    Arena *a = *state;
    static const struct {
        const char *name, *head, *unit, *tail;
        bool valid;
    } CASES[] = {
        {"small numbers", "[", "1,", "1]", true},
        {"empty arrays", "[", "[],", "[]]", true},
        {"empty objects", "[", "{},", "{}]", true},
        {"tiny objects", "[", "{\"\":1},", "{}]", true},
        {"one key again and again", "{", "\"a\":1,", "\"a\":1}", true},
        {"opening brackets", "", "[", "", false},
        {"opening objects", "", "{\"a\":", "", false},
        {"deep again and again", "[", "[[[[[[[[[[1]]]]]]]]]],", "1]", true},
        {"escapes", "\"", "\\n", "\"", true},
        {"unicode escapes", "\"", "\\u00e9", "\"", true},
        {"letters that are not ASCII", "\"", "\xC3\xA9", "\"", true},
        {"one long number", "", "9", "", false},
        {"one long fraction", "0.", "9", "", true},
        {"a long small fraction", "0.", "0", "1", true},
        {"a long exponent", "1e-", "9", "", true},
        {"numbers of 17 digits", "[", "0.12345678901234567,", "1]", true},
        {"halfway numbers", "[", "9007199254740993.00000000000000000000000000000000000000001,",
         "1]", true},
        {"smallest numbers", "[", "4.9406564584124654e-324,", "1]", true},
        {"blanks", "[", " ", "1]", true},
        {"empty strings", "[", "\"\",", "\"\"]", true},
        {"words", "[", "null,", "true]", true},
        {"short escaped strings", "[", "\"\\n\",", "1]", true},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str text = filled(a, CASES[i].head, CASES[i].unit, CASES[i].tail);
        double ms = best_ms(CASES[i].name, text, CASES[i].valid);
        if (TIMED && ms > 50) fail_msg("%s: %.1f ms", CASES[i].name, ms);
        arena_reset(a);
    }
}

static void add_key(Buf *text, Str key, size_t i)
{
    if (i) buf_char(text, ',');
    json_write_string(text, key);
    buf_add(text, S(":1"));
}

static Str object_of_keys(Arena *a, Str (*key)(Arena *a, size_t i))
{
    Buf text = buf_new(a, (size_t)2 * MIB);
    buf_char(&text, '{');
    for (size_t i = 0; i < KEYS; i++) {
        add_key(&text, key(a, i), i);
    }
    buf_char(&text, '}');
    return buf_str(&text);
}

static Str random_key(Arena *a, size_t i)
{
    (void)i;
    return random_text(a, 16, ALPHABET_ID);
}

/* Collide under hashes of the kind h = 31 * h + c and h = 33 * h ^ c: "Aa" and
 * "BB" are the same to the first, so are all 2^16 texts of these pairs. */
static Str pairs_key(Arena *a, size_t i)
{
    char *text = arena_bytes(a, 32);
    for (size_t bit = 0; bit < 16; bit++) {
        memcpy(text + 2 * bit, i >> bit & 1 ? "Aa" : "BB", 2);
    }
    return str_make(text, 32);
}

/* Same length, first and last letter: the same to a summary of those. */
static Str ends_key(Arena *a, size_t i)
{
    return str_printf(a, "key%010zuend", i);
}

/* Sums and xors of words come out the same. */
static Str swapped_key(Arena *a, size_t i)
{
    return str_printf(a, "%08zx%08zx", i, (size_t)0xFFFFFFFF - i);
}

/* Multiples of 2^32, for hashes that keep the low bits only. */
static Str strided_key(Arena *a, size_t i)
{
    return str_printf(a, "0000%04zx", i);
}

static void chosen_keys_cost_as_much_as_random_ones(void **state)
{
    Arena *a = *state;
    static const struct {
        const char *name;
        Str (*key)(Arena *a, size_t i);
    } CASES[] = {
        {"pairs", pairs_key},
        {"ends", ends_key},
        {"swapped", swapped_key},
        {"strided", strided_key},
    };
    double random = best_ms("random", object_of_keys(a, random_key), true);
    for (size_t i = 0; i < COUNT(CASES); i++) {
        arena_reset(a);
        double chosen = best_ms(CASES[i].name, object_of_keys(a, CASES[i].key), true);
        if (TIMED && chosen > 2 * random + 1)
            fail_msg("%s: %.2f ms, random %.2f ms", CASES[i].name, chosen, random);
    }
}

/* Objects just below the size from which keys are hashed. */
static void sixteen_alike_keys(void **state)
{
    Arena *a = *state;
    Buf unit = buf_new(a, 1024);
    buf_char(&unit, '{');
    for (size_t i = 0; i < 16; i++) {
        add_key(&unit, str_printf(a, "a%02zxb", i), i);
    }
    buf_add(&unit, S("},"));
    double ms = best_ms("sixteen", filled(a, "[", arena_cstr(a, buf_str(&unit)), "1]"), true);
    if (TIMED && ms > 50) fail_msg("%.1f ms", ms);
}

static void comparing_is_not_quadratic(void **state)
{
    Arena *a = *state;
    Json *x = json_new_object(a), *y = json_new_object(a);
    Json one = {.type = JSON_NUMBER, .number = 1};
    for (size_t i = 0; i < KEYS; i++) {
        json_add(a, x, str_printf(a, "%zu", i), &one);
        json_add(a, y, str_printf(a, "%zu", KEYS - 1 - i), &one);
    }
    double start = thread_ms();
    check_bool("equal", json_equal(x, y), true);
    double ms = thread_ms() - start;
    if (TIMED && ms > 100) fail_msg("%.1f ms", ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(worst_documents),
        test_with_arena(chosen_keys_cost_as_much_as_random_ones),
        test_with_arena(sixteen_alike_keys),
        test_with_arena(comparing_is_not_quadratic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
