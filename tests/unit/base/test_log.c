/* test_log.c - lines that cannot be forged, cut or repeated without end. */
#include "testing.h"

#include "base/log.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int saved_stderr, capture;

static void capture_start(void)
{
    char path[] = "/tmp/croft-test-log-XXXXXX";
    capture = mkstemp(path);
    assert_true(capture >= 0);
    (void)unlink(path);
    saved_stderr = dup(STDERR_FILENO);
    (void)dup2(capture, STDERR_FILENO);
}

/* Before any check: what fails must be seen. */
static Str capture_end(Arena *a)
{
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    off_t size = lseek(capture, 0, SEEK_END);
    char *text = arena_bytes(a, (size_t)size);
    assert_int_equal(pread(capture, text, (size_t)size, 0), size);
    (void)close(capture);
    return str_make(text, (size_t)size);
}

static const struct {
    const char *value, *text, *json;
} VALUES[] = {
    {"plain", "v=\"plain\"", "\"v\":\"plain\""},
    {"", "v=\"\"", "\"v\":\"\""},
    {"a\nERROR forged", "v=\"a\\nERROR forged\"", "\"v\":\"a\\nERROR forged\""},
    {"q\"\\t\t", "v=\"q\\\"\\\\t\\t\"", "\"v\":\"q\\\"\\\\t\\t\""},
    {"\x1b[31m\x7f", "v=\"\\x1b[31m\\x7f\"", "\"v\":\"\\u001b[31m\\u007f\""},
    {"ö你", "v=\"ö你\"", "\"v\":\"ö你\""},
    {"\xff\xc3", "v=\"\\xff\\xc3\"", "\"v\":\"\\ufffd\\ufffd\""},
    {"\xc2\x9b"
     "31m",
     "v=\"\\u009b31m\"", "\"v\":\"\\u009b31m\""},
};

static void values_are_quoted(void **state)
{
    Arena *a = *state;
    for (int format = 0; format < 2; format++) {
        log_configure(LOG_INFO, format ? LOG_JSON : LOG_TEXT);
        for (size_t i = 0; i < COUNT(VALUES); i++) {
            const char *message = arena_cstr(a, S("m")); /* a place of its own */
            capture_start();
            log_info("test", message, LOG_STR("v", str_from(VALUES[i].value)), LOG_INT("n", -5),
                     LOG_DOUBLE("d", 1.5), LOG_DOUBLE("inf", INFINITY));
            Str line = capture_end(a);
            Str wanted = str_from(format ? VALUES[i].json : VALUES[i].text);
            if (str_find(line, wanted) < 0)
                fail_msg("%.*s not in %.*s", STR_ARG(wanted), STR_ARG(line));
            check_int("one line", str_find_char(line, '\n'), line.len - 1);
            check_bool("end",
                       str_ends(line, format ? S("\"n\":-5,\"d\":1.5,\"inf\":null}\n")
                                             : S("n=-5 d=1.5 inf=null\n")),
                       true);
        }
    }
    log_configure(LOG_INFO, LOG_TEXT);
}

static void levels_count(void **state)
{
    capture_start();
    log_debug("test", "not shown");
    log_warn("test", "shown");
    Str text = capture_end(*state);
    check_bool("shown", str_ends(text, S("Z WARN test shown\n")), true);
    check_int("only that", text.len, 24 + 17);
    check_bool("enabled", log_enabled(LOG_INFO), true);
    check_bool("not enabled", log_enabled(LOG_DEBUG), false);
}

static void long_values_are_cut(void **state)
{
    Arena *a = *state;
    for (int format = 0; format < 2; format++) {
        log_configure(LOG_INFO, format ? LOG_JSON : LOG_TEXT);
        for (size_t size = 3700; size < 4200; size += format ? 7 : 11) {
            char *value = arena_bytes(a, size);
            memset(value, 'v', size);
            const char *message = arena_cstr(a, S("long"));
            capture_start();
            log_info("test", message, LOG_STR("first", str_make(value, size)),
                     LOG_STR("second", S("\x01\x01\x01\x01\x01\x01\x01\x01\x01")),
                     LOG_INT("third", INT64_MIN));
            Str line = capture_end(a);
            check_bool("bounded", line.len <= LOG_LINE_MAX, true);
            check_bool("ends", str_ends(line, format ? S("}\n") : S("\n")), true);
            size_t quotes = 0;
            for (size_t i = 0; i < line.len; i++) {
                quotes += line.ptr[i] == '"';
            }
            check_int("quotes are paired", quotes % 2, 0);
        }
    }
    log_configure(LOG_INFO, LOG_TEXT);
}

static size_t count_of(Str text, Str needle)
{
    size_t count = 0;
    for (ptrdiff_t at; (at = str_find(text, needle)) >= 0; count++) {
        text = str_from_pos(text, (size_t)at + needle.len);
    }
    return count;
}

static void repeated_lines_are_held_back(void **state)
{
    capture_start();
    for (int i = 0; i < 1000; i++) {
        log_error("test", "again and again");
    }
    log_info("test", "another place");
    log_flush();
    log_flush();
    Str text = capture_end(*state);
    size_t shown = count_of(text, S("ERROR test again and again\n"));
    /* 20 a second; the loop may run over the turn of one. */
    check_bool("held back", shown >= 20 && shown <= 100, true);
    check_int("other places go on", count_of(text, S("another place\n")), 1);
    check_bool("said", count_of(text, S("WARN log lines held back area=\"test\"")) >= 1, true);
}

static void *log_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        log_info("test", "from a thread", LOG_INT("i", i));
    }
    return NULL;
}

static void threads_write_whole_lines(void **state)
{
    pthread_t threads[4];
    capture_start();
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    log_flush();
    Str rest = capture_end(*state);
    while (rest.len) {
        Str line = str_split(&rest, '\n');
        check_bool("whole", line.len > 24 && line.ptr[23] == 'Z', true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(values_are_quoted),         test_with_arena(levels_count),
        test_with_arena(long_values_are_cut),       test_with_arena(repeated_lines_are_held_back),
        test_with_arena(threads_write_whole_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
