/* receive.c - the body of a request, piece by piece, as it arrives.
 *
 * A piece lies in the connection's own input buffer; while the caller holds it
 * the buffer does not move (input_room() in conn.c looks at `outstanding`).
 */
#include "http/http_internal.h"

#define RATE_WINDOW_MS 2000

static Error *fail(Request *r, int status, Str message)
{
    r->body.failed = status;
    r->res.close = true;
    return error_new(r->req.arena, status, message);
}

static Error *fail_short(Request *r)
{
    return fail(r, 400, S("The request body is incomplete."));
}

static Error *too_large(Request *r)
{
    r->res.close = true;
    r->body.failed = 413;
    return error_status(r->req.arena, 413);
}

static Error *check_encoding(Request *r)
{
    Str encoding = req_header(&r->req, S("content-encoding"));
    if (encoding.len == 0 || str_eq_nocase(encoding, S("identity"))) return NULL;
    return fail(r, 415, S("Compressed request bodies are not accepted."));
}

Error *req_body_expect(Req *req, uint64_t limit)
{
    Request *r = request_of(req);
    ReqBody *b = &r->body;
    if (b->kind == BODY_NONE) return NULL;
    b->limit = limit;
    if (b->kind == BODY_LENGTH && b->length > limit) return too_large(r);
    return check_encoding(r);
}

uint64_t req_content_length(const Req *req, bool *known)
{
    const ReqBody *b = &request_of(req)->body;
    *known = b->kind != BODY_CHUNKED;
    return b->kind == BODY_LENGTH ? b->length : 0;
}

bool req_body_ready(Req *req, Str *whole)
{
    Request *r = request_of(req);
    ReqBody *b = &r->body;
    Conn *c = r->conn;
    Str in = conn_input(c);
    bool all_there =
        b->kind == BODY_LENGTH && b->received == 0 && !b->failed && in.len >= b->length;
    if (!all_there) return false;
    *whole = arena_copy(req->arena, str_sub(in, 0, (size_t)b->length));
    c->in.start += (uint32_t)b->length;
    b->received = b->length;
    b->done = true;
    b->continue_pending = false;
    return true;
}

/* Suspends until there is input, or gives the error for which there is none. */
static Error *wait_for_input(Request *r)
{
    Conn *c = r->conn;
    ReqBody *b = &r->body;
    if (b->continue_pending) {
        b->continue_pending = false;
        Error *err = send_continue(r);
        if (err) return err;
    }
    conn_own_input(c);
    if (!conn_alive(c) || r->res.failed || c->peer_eof) return fail_short(r);

    conn_read_more(c);
    b->wait_from_ms = loop_now_ms(r->hloop->loop);
    r->wait = WAIT_BODY;
    while (conn_input(c).len == 0 && conn_alive(c) && !c->peer_eof && !b->too_slow)
        fiber_suspend();
    r->wait = WAIT_NONE;
    b->waited_ms += loop_now_ms(r->hloop->loop) - b->wait_from_ms;

    if (b->too_slow) return fail(r, 408, S("The request body arrives too slowly."));
    return conn_input(c).len > 0 ? NULL : fail_short(r);
}

static Error *hand_out(Request *r, Str piece, Str *chunk)
{
    ReqBody *b = &r->body;
    b->received += piece.len;
    if (b->received > b->limit) return too_large(r);
    if (b->kind == BODY_LENGTH && b->received == b->length) b->done = true;
    b->outstanding = piece;
    *chunk = piece;
    return NULL;
}

static Error *take_length(Request *r, Str in, Str *chunk)
{
    ReqBody *b = &r->body;
    uint64_t left = b->length - b->received;
    Str piece = str_sub(in, 0, left < in.len ? (size_t)left : in.len);
    r->conn->in.start += (uint32_t)piece.len;
    return hand_out(r, piece, chunk);
}

static Error *take_chunked(Request *r, Str in, Str *chunk)
{
    size_t used;
    Str piece;
    ChunkedResult result = chunked_read(&r->body.chunked, in, &used, &piece);
    r->conn->in.start += (uint32_t)used;
    if (result == CHUNKED_DATA) return hand_out(r, piece, chunk);
    if (result == CHUNKED_BAD) return fail(r, 400, S("Malformed chunked body."));
    if (result == CHUNKED_END) r->body.done = true;
    return NULL;
}

Error *req_body_read(Req *req, Str *chunk)
{
    Request *r = request_of(req);
    ReqBody *b = &r->body;
    b->outstanding = *chunk = (Str){0};
    if (b->failed) return error_status(req->arena, b->failed);
    if (b->kind == BODY_LENGTH && b->length > b->limit) return too_large(r);
    if (b->received == 0 && !b->done) {
        Error *err = check_encoding(r);
        if (err) return err;
    }
    while (!b->done && chunk->len == 0) {
        conn_own_input(r->conn); /* pieces must not lie where others read to */
        Str in = conn_input(r->conn);
        Error *err = NULL;
        if (in.len == 0)
            err = wait_for_input(r);
        else
            err = b->kind == BODY_LENGTH ? take_length(r, in, chunk) : take_chunked(r, in, chunk);
        if (err) return err;
    }
    return NULL;
}

static Error *drain(void *arg)
{
    Request *r = arg;
    uint64_t budget = r->body.received + DRAIN_BYTES;
    r->body.limit = budget;
    Str piece;
    do {
        Error *err = req_body_read(&r->req, &piece);
        if (err) return err;
    } while (piece.len > 0);
    return NULL;
}

bool body_drain(Request *r)
{
    if (r->body.done) return true;
    if (r->body.failed || r->body.continue_pending) return false;
    Error *err = arena_protect(r->req.arena, drain, r);
    return !err && conn_alive(r->conn);
}

/* Under the minimum rate? Only waiting counts: what the handler does meanwhile
 * is not the client's fault. After the grace, each window must have its share,
 * so that a fast start does not buy hours of silence. */
void body_sweep(Request *r, uint64_t now_ms)
{
    const HttpLimits *limits = &r->server->config.limits;
    ReqBody *b = &r->body;
    uint64_t waited = b->waited_ms + (now_ms - b->wait_from_ms);
    if (waited < limits->body_grace_ms) return;
    if (b->window_ms == 0) {
        b->window_ms = MAX(waited, 1);
        b->window_bytes = b->received;
        return;
    }
    uint64_t window = waited - b->window_ms;
    if (window < MIN(RATE_WINDOW_MS, limits->body_grace_ms)) return;
    if ((b->received - b->window_bytes) * 1000 >= (uint64_t)limits->body_min_rate * window) {
        b->window_ms = waited;
        b->window_bytes = b->received;
        return;
    }
    count_add(&r->hloop->counters.timeouts, 1);
    b->too_slow = true;
    fiber_resume(r->fiber);
}
