/* Tests of the log as a whole: entries become rows, bounds hold, a broken file
 * harms nobody. */
#include "../records/fixture.h"

#include "base/clock.h"
#include "logs/logs_internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static LogsConfig config_of(const Fixture *f)
{
    LogsConfig config = logs_config_default(f->dir);
    config.loop_count = 0;
    config.flush_ms = 20;
    return config;
}

static Logs *begin(Fixture *f, const LogsConfig *config)
{
    check_ok("logs", logs_create(f->a, &f->app, config, &f->app.logs));
    return f->app.logs;
}

static void end(Fixture *f)
{
    logs_destroy(f->app.logs);
    f->app.logs = NULL;
}

static void put(Logs *logs, int level, Str target)
{
    EntryHead head = {.wall_ms = clock_wall_ms(), .level = (int8_t)level, .status = 200};
    Str parts[PART_COUNT] = {[PART_METHOD] = S("GET"), [PART_TARGET] = target};
    lane_put_shared(logs, &head, parts);
}

typedef struct {
    Str sql;
    int64_t value;
} Ask;

static Error *ask_work(Tx *tx, void *arg)
{
    Ask *ask = arg;
    bool found;
    return tx_one_i64(tx, ask->sql, NULL, 0, &ask->value, &found);
}

static int64_t ask(Fixture *f, Logs *logs, const char *sql)
{
    Ask ask = {.sql = str_from(sql)};
    check_ok(sql, db_read(logs_db(logs), f->a, ask_work, &ask));
    return ask.value;
}

static int64_t until(Fixture *f, Logs *logs, const char *sql, int64_t wanted)
{
    int64_t value = -1;
    for (int i = 0; i < 6000 && value != wanted; i++) {
        value = ask(f, logs, sql);
        if (value != wanted) await_sleep(10);
    }
    check_int(sql, value, wanted);
    return value;
}

static void entries_become_rows(void **state)
{
    Fixture *f = *state;
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    put(logs, LEVEL_INFO, S("/one"));
    put(logs, LEVEL_ERROR, S("/two"));
    until(f, logs, "SELECT count(*) FROM _logs", 2);
    until(f, logs, "SELECT count(*) FROM _logs WHERE message = 'GET /two' AND level = 8", 1);
    put(logs, LEVEL_INFO, S("/three"));
    end(f); /* writes what is left */

    logs = begin(f, &config);
    check_int("kept", ask(f, logs, "SELECT count(*) FROM _logs"), 3);
    check_int("indexes",
              ask(f, logs,
                  "SELECT count(*) FROM sqlite_schema WHERE type = 'index' "
                  "AND name LIKE 'idx_logs_%'"),
              3);
    end(f);
}

static void *put_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        put(arg, LEVEL_INFO, S("/many"));
    return NULL;
}

static void many_threads(void **state)
{
    Fixture *f = *state;
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_many, logs), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 6000 && logs_stats(logs).written < 2000; i++)
        await_sleep(10);
    check_int("written", logs_stats(logs).written, 2000);
    check_int("rows", ask(f, logs, "SELECT count(*) FROM _logs"), 2000);
    end(f);
}

/* Successes leave a quarter of the ring for what went wrong; what is dropped is
 * counted, and the count is an entry. */
static void full_rings_drop_and_say_so(void **state)
{
    Fixture *f = *state;
    LogsConfig config = config_of(f);
    config.ring_bytes = 8 << 10;
    config.flush_ms = 2000;
    Logs *logs = begin(f, &config);
    int64_t put_count = 0, dropped;
    for (; put_count < 150; put_count++)
        put(logs, LEVEL_INFO, S("/x"));
    put(logs, LEVEL_ERROR, S("/error"));
    put_count++;
    until(f, logs, "SELECT count(*) FROM _logs WHERE message = 'GET /error'", 1);
    dropped = (int64_t)logs_stats(logs).dropped;
    assert_true(dropped > 0);
    /* Counted a moment after the commit that a reader sees. */
    for (int i = 0; i < 60000 && (int64_t)logs_stats(logs).written + dropped < put_count; i++)
        usleep(1000);
    check_int("all are accounted for", (int64_t)logs_stats(logs).written + dropped, put_count);
    until(f, logs,
          "SELECT sum(data->>'count') FROM _logs WHERE message = 'log entries were dropped'",
          dropped);
    end(f);
}

static void settings_decide(void **state)
{
    Fixture *f = *state;
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    put(logs, LEVEL_INFO, S("/info"));
    put(logs, LEVEL_ERROR, S("/error"));
    until(f, logs, "SELECT count(*) FROM _logs", 2);

    check_ok("min level",
             settings_update(f->app.settings, f->a, fixture_json(f, "{'logs':{'minLevel':4}}")));
    logs_settings_changed(logs);
    until(f, logs, "SELECT count(*) FROM _logs", 1);
    put(logs, LEVEL_INFO, S("/info"));
    put(logs, LEVEL_WARN, S("/warn"));
    until(f, logs, "SELECT count(*) FROM _logs", 2);

    check_ok("off",
             settings_update(f->app.settings, f->a, fixture_json(f, "{'logs':{'maxDays':0}}")));
    logs_settings_changed(logs);
    until(f, logs, "SELECT count(*) FROM _logs", 0);
    put(logs, LEVEL_ERROR, S("/error"));
    end(f);
    logs = begin(f, &config);
    check_int("nothing is kept", ask(f, logs, "SELECT count(*) FROM _logs"), 0);
    end(f);
}

static void old_entries_go(void **state)
{
    Fixture *f = *state;
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    LogRow rows[2];
    row_of_ours(f->a, LEVEL_INFO, S("old"), S("{}"), &rows[0]);
    rows[0].created = datetime_format(f->a, clock_wall_ms() - INT64_C(6) * 86400000);
    row_of_ours(f->a, LEVEL_INFO, S("young"), S("{}"), &rows[1]);
    rows[1].created = datetime_format(f->a, clock_wall_ms() - INT64_C(4) * 86400000);
    check_ok("insert", store_insert(logs_db(logs), f->a, rows, 2));
    check_ok("cleanup", logs_cleanup(logs, f->a));
    check_int("all", ask(f, logs, "SELECT count(*) FROM _logs"), 1);
    check_int("young", ask(f, logs, "SELECT count(*) FROM _logs WHERE message = 'young'"), 1);
    check_ok("optimize", logs_optimize(logs, f->a));
    end(f);
}

static void the_table_keeps_to_its_size(void **state)
{
    Fixture *f = *state;
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    char *data = arena_bytes(f->a, 1000);
    memset(data, ' ', 1000);
    memcpy(data, "{}", 2);
    LogRow *rows = arena_new(f->a, LogRow, 5000);
    for (size_t i = 0; i < 5000; i++)
        row_of_ours(f->a, LEVEL_INFO, i < 2500 ? S("old") : S("new"), str_make(data, 1000),
                    &rows[i]);
    check_ok("insert", store_insert(logs_db(logs), f->a, rows, 5000));
    int64_t removed;
    check_ok("enough room", store_fit(logs_db(logs), f->a, 64 << 20, &removed));
    check_int("none", removed, 0);
    check_ok("too large", store_fit(logs_db(logs), f->a, 5 << 20, &removed));
    check_int("the oldest", removed, 2000);
    check_int("new", ask(f, logs, "SELECT count(*) FROM _logs WHERE message = 'new'"), 2500);
    check_ok("clear", store_clear(logs_db(logs), f->a));
    assert_true(ask(f, logs, "PRAGMA page_count") < 20);
    end(f);
}

static void write_file(Fixture *f, const char *name, Str text)
{
    int fd = open(arena_cstr(f->a, str_printf(f->a, "%.*s/%s", STR_ARG(f->dir), name)),
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.ptr, text.len), (ssize_t)text.len);
    close(fd);
}

static void a_damaged_file_is_set_aside(void **state)
{
    Fixture *f = *state;
    char *rubbish = arena_bytes(f->a, 8192);
    memset(rubbish, 'x', 8192);
    write_file(f, "auxiliary.db", str_make(rubbish, 8192));
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    put(logs, LEVEL_INFO, S("/x"));
    until(f, logs, "SELECT count(*) FROM _logs", 1);
    end(f);
    struct stat st;
    Str aside = str_printf(f->a, "%.*s/auxiliary.db.damaged", STR_ARG(f->dir));
    assert_int_equal(stat(arena_cstr(f->a, aside), &st), 0);
    check_int("its bytes", st.st_size, 8192);
}

static void without_a_file_nothing_fails(void **state)
{
    Fixture *f = *state;
    Str path = str_printf(f->a, "%.*s/auxiliary.db", STR_ARG(f->dir));
    assert_int_equal(mkdir(arena_cstr(f->a, path), 0700), 0);
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    assert_null(logs_db(logs));
    for (int i = 0; i < 300; i++)
        put(logs, LEVEL_INFO, S("/x"));
    check_ok("cleanup", logs_cleanup(logs, f->a));
    check_ok("optimize", logs_optimize(logs, f->a));
    logs_settings_changed(logs);
    end(f);
}

static void what_the_server_says(void **state)
{
    Fixture *f = *state;
    LogsConfig config = config_of(f);
    Logs *logs = begin(f, &config);
    logs_take_process_log(logs);
    log_info("auth", "signed \"in\"", LOG_STR("id", S("a\nb")), LOG_INT("n", 7),
             LOG_DOUBLE("d", 0.5));
    log_warn("http", "request failed", LOG_STR("path", S("/in the request log already")));
    log_debug("auth", "not wanted");
    until(f, logs, "SELECT count(*) FROM _logs", 1);
    check_int("as written",
              ask(f, logs,
                  "SELECT count(*) FROM _logs WHERE level = 0 AND message = 'signed \"in\"' AND "
                  "data = '{\"area\":\"auth\",\"id\":\"a\\nb\",\"n\":7,\"d\":0.5}'"),
              1);
    end(f);
    log_info("auth", "nobody listens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(entries_become_rows),
        test_with_app(many_threads),
        test_with_app(full_rings_drop_and_say_so),
        test_with_app(settings_decide),
        test_with_app(old_entries_go),
        test_with_app(the_table_keeps_to_its_size),
        test_with_app(a_damaged_file_is_set_aside),
        test_with_app(without_a_file_nothing_fails),
        test_with_app(what_the_server_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
