/* output.c - how much memory all the large answers under way may take together.
 *
 * A whole answer lies in its request's arena until the client has read it. One
 * of 4 MB is nothing; a hundred clients that ask for it and do not read are a
 * way to take the server's memory. So answers from LARGE_BYTES on count, from
 * before their first byte to the end of their request, by what their arena
 * holds, and together they stay below limits.output_pending_bytes:
 *
 *     fits                       sent
 *     does not fit               who has read nothing for STALL_MS is cut off
 *     still does not             503, Retry-After: its memory is free at once
 *
 * Small answers are always sent. Only connections of the own loop are cut off:
 * others belong to other threads, which come here too.
 */
#include "http/http_internal.h"

#define LARGE_BYTES ((size_t)64 * 1024)
#define STALL_MS    2000
#define WAIT_TURNS  3 /* of the loop, for those cut off to end */

static void output_give(void *arg)
{
    Request *r = arg;
    atomic_fetch_sub(&r->server->output_pending, r->output_held);
    r->output_held = 0;
}

static bool try_take(Request *r, size_t bytes)
{
    HttpServer *server = r->server;
    size_t limit = server->config.limits.output_pending_bytes;
    size_t now = atomic_load(&server->output_pending);
    do {
        /* One alone may be larger than the limit; its arena has a limit too. */
        if (now > 0 && (bytes > limit || now > limit - bytes)) return false;
    } while (!atomic_compare_exchange_weak(&server->output_pending, &now, now + bytes));
    r->output_held = bytes;
    return true;
}

/* Its queue is looked at by the sweep; `write_from_ms` is when it last moved. */
static bool has_stalled(const Conn *c, uint64_t now_ms)
{
    const Request *r = c->request;
    if (c->state != CONN_REQUEST || !r || r->output_held == 0 || r->wait != WAIT_WRITE)
        return false;
    size_t pending = uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
    return pending == c->write_pending && now_ms - c->write_from_ms >= STALL_MS;
}

static bool cut_off_stalled(HttpLoop *hl)
{
    bool any = false;
    uint64_t now_ms = loop_now_ms(hl->loop);
    for (Conn *c = hl->conns, *next; c; c = next) {
        next = c->next;
        if (!has_stalled(c, now_ms)) continue;
        count_add(&hl->counters.timeouts, 1);
        conn_close(c);
        any = true;
    }
    return any;
}

Error *output_take(Request *r, size_t body_bytes)
{
    if (body_bytes < LARGE_BYTES || r->output_held > 0 || r->req.is_head) return NULL;
    arena_defer(r->req.arena, output_give, r); /* may end the request: before it counts */
    size_t bytes = MAX(body_bytes, arena_used(r->req.arena));
    if (try_take(r, bytes)) return NULL;
    if (cut_off_stalled(r->hloop)) {
        for (int i = 0; i < WAIT_TURNS; i++) {
            await_turn();
            if (try_take(r, bytes)) return NULL;
        }
    }
    return error_new(r->req.arena, 503,
                     S("The server is sending too much at the moment. Please try again."));
}
