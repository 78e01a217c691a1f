#include "jobs/jobs_internal.h"
#include "records/fixture.h"

#include "base/clock.h"

#include <stdatomic.h>

/* ---- a kind of work that does as it is told ---- */

static struct {
    _Atomic int runs, given_up, together, most_together;
    _Atomic int fail_first; /* runs that fail before one succeeds */
    _Atomic int status;     /* of the failures */
    _Atomic bool hold;      /* until the server stops */
    _Atomic int64_t last_id;
    _Atomic int last_attempt;
    char order[256]; /* payload names in the order of their success */
} told;

static Error *told_run(App *app, Arena *a, const Json *payload, const JobInfo *info)
{
    int together = atomic_fetch_add(&told.together, 1) + 1;
    if (together > atomic_load(&told.most_together)) atomic_store(&told.most_together, together);
    while (atomic_load(&told.hold) && !jobs_stopping(app->jobs))
        await_sleep(2);
    atomic_fetch_sub(&told.together, 1);
    atomic_store(&told.last_id, info->id);
    atomic_store(&told.last_attempt, info->attempt);
    int run = atomic_fetch_add(&told.runs, 1);
    if (run < atomic_load(&told.fail_first))
        return error_cause(a, error_status(a, atomic_load(&told.status)), "as told");
    Str name = json_str(json_get(payload, S("name")), S("?"));
    strncat(told.order, arena_cstr(a, name), sizeof(told.order) - strlen(told.order) - 1);
    return NULL;
}

static void told_give_up(App *app, Arena *a, const Json *payload, const Error *why)
{
    (void)app;
    (void)a;
    assert_true(json_is(payload, JSON_OBJECT));
    check_str("why", why->cause, "as told");
    atomic_fetch_add(&told.given_up, 1);
}

static const JobKind TOLD = {.name = "told",
                             .run = told_run,
                             .give_up = told_give_up,
                             .max_attempts = 4,
                             .concurrency = 1,
                             .first_pause_ms = 20,
                             .longest_pause_ms = 60};

static Jobs *begin(Fixture *f, bool start)
{
    memset(&told, 0, sizeof(told));
    atomic_store(&told.status, 502);
    log_configure(LOG_ERROR + 1, LOG_TEXT); /* failures here are on purpose */
    Jobs *jobs;
    check_ok("create", jobs_create(f->a, &f->app, &jobs));
    f->app.jobs = jobs;
    jobs_handle(jobs, &TOLD);
    if (start) check_ok("start", jobs_start(jobs, f->a));
    return jobs;
}

static void end(Fixture *f)
{
    jobs_destroy(f->app.jobs);
    f->app.jobs = NULL;
}

typedef struct {
    Jobs *jobs;
    Str kind;
    const Json *payload;
} EnqueueWork;

static Error *enqueue_work(Tx *tx, void *arg)
{
    EnqueueWork *w = arg;
    return jobs_enqueue(tx, w->jobs, w->kind, w->payload);
}

static Error *enqueue(Fixture *f, Str kind, const char *payload)
{
    EnqueueWork w = {f->app.jobs, kind, fixture_json(f, payload)};
    return db_write(f->app.db, f->a, enqueue_work, &w);
}

static void queue(Fixture *f, const char *payload)
{
    check_ok(payload, enqueue(f, S("told"), payload));
}

static JobStats stats(Fixture *f)
{
    JobStats out;
    check_ok("stats", jobs_stats(f->app.jobs, f->a, &out));
    return out;
}

#define wait_until(condition)                                                                      \
    do {                                                                                           \
        for (int tries = 0; tries < 6000 && !(condition); tries++)                                 \
            await_sleep(10);                                                                       \
        if (!(condition)) fail_msg("not in time: %s", #condition);                                 \
    } while (0)

/* ---- tests ---- */

static void what_is_queued_is_done_soon(void **state)
{
    Fixture *f = *state;
    begin(f, true);
    uint64_t started = clock_mono_ms();
    queue(f, "{'name':'a'}");
    wait_until(stats(f).waiting == 0);
    check_bool("soon", clock_mono_ms() - started < 10000, true);
    assert_string_equal(told.order, "a");
    check_int("attempt", told.last_attempt, 0);
    end(f);
}

static void it_is_done_in_order(void **state)
{
    Fixture *f = *state;
    begin(f, false);
    queue(f, "{'name':'a'}");
    queue(f, "{'name':'b'}");
    queue(f, "{'name':'c'}");
    check_int("waiting", stats(f).waiting, 3);
    check_ok("start", jobs_start(f->app.jobs, f->a));
    wait_until(stats(f).waiting == 0);
    assert_string_equal(told.order, "abc");
    check_int("one at a time", told.most_together, 1);
    end(f);
}

static Error *queue_and_fail(Tx *tx, void *arg)
{
    Fixture *f = arg;
    Error *err = jobs_enqueue(tx, f->app.jobs, S("told"), fixture_json(f, "{'name':'x'}"));
    return err ? err : error_status(tx_arena(tx), 418);
}

static void what_is_rolled_back_is_not_done(void **state)
{
    Fixture *f = *state;
    begin(f, true);
    check_int("fails", db_write(f->app.db, f->a, queue_and_fail, f)->status, 418);
    await_sleep(100);
    check_int("runs", told.runs, 0);
    check_int("waiting", stats(f).waiting, 0);
    end(f);
}

static void failures_are_tried_again(void **state)
{
    Fixture *f = *state;
    begin(f, true);
    atomic_store(&told.fail_first, 2);
    queue(f, "{'name':'a'}");
    wait_until(stats(f).delivered == 1); /* counted after the row has gone */
    check_int("waiting", stats(f).waiting, 0);
    check_int("runs", told.runs, 3);
    check_int("attempt", told.last_attempt, 2);
    check_int("given up", told.given_up, 0);
    check_int("attempts", stats(f).attempts, 3);
    end(f);
}

static void tried_often_enough_is_given_up(void **state)
{
    Fixture *f = *state;
    begin(f, true);
    atomic_store(&told.fail_first, 100);
    queue(f, "{'name':'a'}");
    wait_until(stats(f).dead == 1);
    check_int("runs", told.runs, 4);
    check_int("given up", told.given_up, 1);
    check_int("waiting", stats(f).waiting, 0);
    await_sleep(150);
    check_int("for good", told.runs, 4);
    end(f);
}

static void what_is_useless_is_given_up_at_once(void **state)
{
    Fixture *f = *state;
    begin(f, true);
    atomic_store(&told.fail_first, 1);
    atomic_store(&told.status, 400);
    queue(f, "{'name':'a'}");
    queue(f, "{'name':'b'}"); /* does not wait behind it */
    wait_until(stats(f).dead == 1 && stats(f).waiting == 0);
    check_int("runs", told.runs, 2);
    assert_string_equal(told.order, "b");
    end(f);
}

static void what_waits_is_done_by_the_next_process(void **state)
{
    Fixture *f = *state;
    begin(f, false);
    queue(f, "{'name':'a'}");
    end(f); /* nothing ran: as if it had been killed */
    begin(f, true);
    wait_until(stats(f).waiting == 0);
    assert_string_equal(told.order, "a");
    end(f);
}

static void a_stop_in_the_middle_leaves_it_waiting(void **state)
{
    Fixture *f = *state;
    begin(f, true);
    atomic_store(&told.hold, true);
    atomic_store(&told.fail_first, 1);
    queue(f, "{'name':'a'}");
    wait_until(told.together == 1);
    end(f); /* it fails while stopping: that does not count */
    begin(f, false);
    check_int("waiting", stats(f).waiting, 1);
    end(f);
    begin(f, true);
    wait_until(stats(f).waiting == 0);
    check_int("attempt", told.last_attempt, 0);
    end(f);
}

static Error *far_off(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("INSERT INTO _jobs VALUES "
                         "(NULL, 'told', '{\"name\":\"a\"}', 0, 9999999999999, 1, 0, ''),"
                         "(NULL, 'other', '{}', 0, 0, 0, 0, ''),"
                         "(NULL, 'told', 'not json', 0, 0, 0, 0, '')"));
}

static void a_clock_that_was_set_back_strands_nothing(void **state)
{
    Fixture *f = *state;
    begin(f, false);
    check_ok("rows", db_write(f->app.db, f->a, far_off, NULL));
    check_ok("start", jobs_start(f->app.jobs, f->a));
    wait_until(stats(f).waiting == 1); /* of a kind nobody handles (yet) */
    check_int("unreadable", stats(f).dead, 1);
    assert_string_equal(told.order, "a");
    end(f);
}

static void a_kind_nobody_handles_is_a_mistake(void **state)
{
    Fixture *f = *state;
    begin(f, false);
    Error *err = enqueue(f, S("odd"), "{}");
    check_int("500", err->status, 500);
    end(f);
}

/* ---- crons ---- */

static _Atomic int cron_runs, cron_let; /* begun; of them so many may end */

static Error *count_run(App *app, Arena *a, void *arg)
{
    (void)app;
    (void)a;
    (void)arg;
    int run = atomic_fetch_add(&cron_runs, 1);
    while (atomic_load(&cron_let) <= run)
        await_sleep(2);
    return NULL;
}

static void crons_run_by_the_clock_and_by_hand(void **state)
{
    Fixture *f = *state;
    Jobs *jobs = begin(f, false);
    atomic_store(&cron_runs, 0);
    atomic_store(&cron_let, 0);
    check_ok("b", jobs_cron_set(jobs, f->a, S("b"), S("@daily"), count_run, NULL));
    check_ok("a", jobs_cron_set(jobs, f->a, S("a"), S("* * * * *"), count_run, NULL));
    check_code("odd", jobs_cron_set(jobs, f->a, S("c"), S("odd"), count_run, NULL),
               "validation_invalid_cron");
    check_ok("again", jobs_cron_set(jobs, f->a, S("b"), S("@yearly"), count_run, NULL));
    Arena *request = arena_create("request", 0); /* holds the jobs that it lists, to its end */
    check_str(
        "list", json_format(request, crons_list(jobs, request)),
        "[{\"id\":\"a\",\"expression\":\"* * * * *\"},{\"id\":\"b\",\"expression\":\"0 0 1 1 *\"},"
        "{\"id\":\"__pbLogsCleanup__\",\"expression\":\"0 */6 * * *\"},"
        "{\"id\":\"__pbDBOptimize__\",\"expression\":\"0 0 * * *\"},"
        "{\"id\":\"__pbMFACleanup__\",\"expression\":\"0 * * * *\"},"
        "{\"id\":\"__pbOTPCleanup__\",\"expression\":\"0 * * * *\"}]");
    arena_destroy(request);
    check_int("not before the start", crons_run_now(jobs, f->a, S("a"))->status, 503);
    check_ok("start", jobs_start(jobs, f->a));
    check_ok("by hand", crons_run_now(jobs, f->a, S("a")));
    wait_until(cron_runs == 1);
    crons_tick(jobs, clock_wall_ms() + 60000); /* still running: skipped */
    await_sleep(150);
    check_int("runs", cron_runs, 1);
    atomic_store(&cron_let, 1);
    for (int minute = 2; minute < 1000 && cron_runs < 2; minute++) { /* until the first has ended */
        crons_tick(jobs, clock_wall_ms() + minute * 60000);
        await_sleep(20);
    }
    check_int("runs", cron_runs, 2);
    check_bool("removed", jobs_cron_remove(jobs, S("a")), true); /* while it runs */
    check_bool("once", jobs_cron_remove(jobs, S("a")), false);
    check_int("gone", crons_run_now(jobs, f->a, S("a"))->status, 404);
    atomic_store(&cron_let, 1000);
    end(f);
}

/* ---- the built-in ones ---- */

static Error *expired_rows(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(
        tx, S("INSERT INTO _otps (id, collectionRef, recordRef, password, sentTo, created, updated)"
              " VALUES ('old', (SELECT id FROM _collections WHERE name='users'), 'u', 'x', '',"
              " '2020-01-01 00:00:00.000Z', '2020-01-01 00:00:00.000Z'),"
              " ('new', (SELECT id FROM _collections WHERE name='users'), 'u', 'x', '',"
              " '2999-01-01 00:00:00.000Z', '2020-01-01 00:00:00.000Z');"
              "INSERT INTO _mfas (id, collectionRef, recordRef, method, created, updated)"
              " VALUES ('old', (SELECT id FROM _collections WHERE name='users'), 'u', 'x',"
              " '2020-01-01 00:00:00.000Z', '2020-01-01 00:00:00.000Z')"));
}

static Error *count_rows(Tx *tx, void *arg)
{
    bool found;
    return tx_one_i64(tx,
                      S("SELECT (SELECT count(*) FROM _otps) * 10 + (SELECT count(*) FROM _mfas)"),
                      NULL, 0, arg, &found);
}

static int64_t rows(Fixture *f)
{
    int64_t n = -1;
    check_ok("count", db_read(f->app.db, f->a, count_rows, &n));
    return n;
}

static void expired_rows_are_removed(void **state)
{
    Fixture *f = *state;
    f->app.listener_count = 0; /* it takes notes in our arena, from the writer's thread */
    Jobs *jobs = begin(f, false);
    check_ok("rows", db_write(f->app.db, f->a, expired_rows, NULL));
    check_int("before", rows(f), 21);
    check_ok("start", jobs_start(jobs, f->a)); /* from here on an hour may begin */
    check_ok("otps", crons_run_now(jobs, f->a, S("__pbOTPCleanup__")));
    check_ok("mfas", crons_run_now(jobs, f->a, S("__pbMFACleanup__")));
    wait_until(rows(f) == 10);
    log_configure(LOG_ERROR, LOG_TEXT);
    check_ok("optimize", crons_run_now(jobs, f->a, S("__pbDBOptimize__")));
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_app(what_is_queued_is_done_soon),
        test_with_app(it_is_done_in_order),
        test_with_app(what_is_rolled_back_is_not_done),
        test_with_app(failures_are_tried_again),
        test_with_app(tried_often_enough_is_given_up),
        test_with_app(what_is_useless_is_given_up_at_once),
        test_with_app(what_waits_is_done_by_the_next_process),
        test_with_app(a_stop_in_the_middle_leaves_it_waiting),
        test_with_app(a_clock_that_was_set_back_strands_nothing),
        test_with_app(a_kind_nobody_handles_is_a_mistake),
        test_with_app(crons_run_by_the_clock_and_by_hand),
        test_with_app(expired_rows_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
