/* request.c - the client itself, and one signed request with its retries. */
#include "s3/s3_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/crypto.h"

#define CONNECT_MS      5000
#define STALL_MS        10000
#define RETRY_MS        15000
#define PAUSE_MS        200 /* the first; each next one is twice as long */
#define PAUSE_MAX_MS    4000
#define TRIES_MAX       6
#define PART_BYTES      (UINT64_C(16) << 20)
#define SCRATCH_BYTES   (96u << 20)
#define SLOWEST_BYTES_S (UINT64_C(32) << 10) /* what is slower in the whole is given up */
#define CAUSE_MAX       500
#define HOST_MAX        255

/* ---- errors ---- */

Error *s3_error(Arena *a, int status, const char *code, Str cause)
{
    Error *err = error_status(a, status);
    err->code = code;
    err->cause = arena_copy(a, str_sub(cause, 0, CAUSE_MAX));
    return err;
}

Error *s3_error_keep(Arena *a, Error *err)
{
    Error *kept = error_new(a, err->status, arena_copy(a, err->message));
    kept->code = err->code;
    kept->cause = arena_copy(a, err->cause);
    return kept;
}

Arena *s3_scratch(Arena *a)
{
    return arena_within(a, "s3", SCRATCH_BYTES);
}

/* ---- the client ---- */

static bool is_clean(Str s, const char *forbidden)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr(forbidden, c)) return false;
    }
    return true;
}

static bool is_ip(Str host)
{
    if (str_starts(host, S("["))) return true;
    Str rest = host;
    Str name = str_split(&rest, ':');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '.' && (name.ptr[i] < '0' || name.ptr[i] > '9')) return false;
    }
    return name.len > 0;
}

static Error *bad_config(Arena *a, const char *what)
{
    Error *err = error_new(a, 400, S("The S3 storage is not set up properly."));
    err->code = "s3_config";
    err->cause = str_from(what);
    return err;
}

static Error *config_check(Arena *a, const S3Config *c)
{
    if (c->bucket.len == 0 || c->bucket.len > HOST_MAX || !is_clean(c->bucket, "/?#@:\\%\"<>"))
        return bad_config(a, "the bucket's name");
    if (c->region.len == 0 || !is_clean(c->region, "/,=")) return bad_config(a, "the region");
    if (c->access_key.len == 0 || !is_clean(c->access_key, "/,="))
        return bad_config(a, "the access key");
    if (c->secret.len == 0) return bad_config(a, "the secret is empty");
    return NULL;
}

/* What the Host header leaves out is not signed either. */
static Str without_usual_port(Str host, bool is_plain)
{
    Str usual = is_plain ? S(":80") : S(":443");
    return str_ends(host, usual) ? str_sub(host, 0, host.len - usual.len) : host;
}

static Error *endpoint_read(Arena *a, const S3Config *c, S3 *s3)
{
    Str rest = str_trim(c->endpoint);
    s3->is_plain = str_starts_nocase(rest, S("http://"));
    if (s3->is_plain || str_starts_nocase(rest, S("https://")))
        rest = str_from_pos(rest, s3->is_plain ? 7 : 8);
    Str host = str_lower(s3->arena, str_split(&rest, '/'));
    while (str_ends(rest, S("/")))
        rest.len--;
    if (host.len == 0 || host.len > HOST_MAX || !is_clean(host, "/?#@\\%\"<>") ||
        !is_clean(rest, "?#\\%\"<>"))
        return bad_config(a, "the endpoint");
    host = without_usual_port(host, s3->is_plain);
    Str path = rest.len ? str_concat(s3->arena, S("/"), rest) : S("");
    if (c->path_style || is_ip(host)) {
        s3->host = arena_copy(s3->arena, host);
        s3->base_path = str_printf(s3->arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(c->bucket));
    } else {
        s3->host = str_printf(s3->arena, "%.*s.%.*s", STR_ARG(c->bucket), STR_ARG(host));
        s3->base_path = path;
    }
    s3->base_path = s3_encode_path(s3->arena, s3->base_path);
    return NULL;
}

Error *s3_create(Arena *a, Outgoing *outgoing, Workers *workers, const S3Config *c, S3 **out)
{
    Error *err = config_check(a, c);
    if (err) return err;
    Arena *arena = arena_create("s3 client", 64u << 10);
    S3 *s3 = arena_new(arena, S3, 1);
    s3->arena = arena;
    atomic_init(&s3->references, 1);
    s3->outgoing = outgoing;
    s3->workers = workers;
    s3->bucket = arena_copy(arena, c->bucket);
    s3->keys = (S3Keys){arena_copy(arena, c->region), arena_copy(arena, c->access_key),
                        arena_copy(arena, c->secret)};
    s3->fetch_flags = c->any_address ? 0 : FETCH_PUBLIC_ONLY;
    s3->connect_timeout_ms = c->connect_timeout_ms ? c->connect_timeout_ms : CONNECT_MS;
    s3->stall_timeout_ms = c->stall_timeout_ms ? c->stall_timeout_ms : STALL_MS;
    s3->retry_ms = c->retry_ms ? c->retry_ms : RETRY_MS;
    s3->part_bytes = c->part_bytes ? c->part_bytes : PART_BYTES;
    err = endpoint_read(a, c, s3);
    if (err) {
        arena_destroy(arena);
        return err;
    }
    *out = s3;
    return NULL;
}

S3 *s3_retain(S3 *s3)
{
    atomic_fetch_add(&s3->references, 1);
    return s3;
}

void s3_release(S3 *s3)
{
    if (s3 && atomic_fetch_sub(&s3->references, 1) == 1) arena_destroy(s3->arena);
}

/* A "." or ".." would be taken out of the path on its way. */
bool s3_key_good(Str key)
{
    if (key.len == 0 || key.len > S3_KEY_MAX_BYTES || memchr(key.ptr, 0, key.len)) return false;
    Str rest = key;
    while (rest.ptr) {
        Str segment = str_split(&rest, '/');
        if (str_eq(segment, S(".")) || str_eq(segment, S(".."))) return false;
    }
    return true;
}

/* ---- one request ---- */

void s3_call_param(S3Call *call, Str name, Str value)
{
    assert(call->param_count < S3_PARAMS_MAX);
    call->params[call->param_count++] = (FetchHeader){name, value};
}

void s3_call_header(S3Call *call, Str name, Str value)
{
    assert(call->header_count < S3_HEADERS_MAX - 4); /* those that signing adds */
    call->headers[call->header_count++] = (FetchHeader){name, value};
}

typedef struct {
    int fd;
    uint64_t offset, len;
    uint8_t hash[32];
    bool ok;
} HashJob;

static void run_hash(void *arg)
{
    HashJob *job = arg;
    job->ok = sha256_fd(job->fd, job->offset, job->len, job->hash);
}

/* The hash that is signed for the body. */
static Error *payload_hash(S3 *s3, Arena *a, const S3Call *call, Str *out)
{
    HashJob job = {call->body_fd, call->body_offset, call->body_len, {0}, true};
    *out = S("UNSIGNED-PAYLOAD");
    if (!s3->is_plain) return NULL;
    if (call->body_from_fd) {
        HashJob *kept = arena_new(a, HashJob, 1);
        *kept = job;
        Error *err = await_work(s3->workers, a, run_hash, kept);
        if (err) return err;
        if (!kept->ok) return error_cause(a, error_status(a, 500), "s3: cannot read what to send");
        job = *kept;
    } else {
        sha256(call->body, job.hash);
    }
    *out = hex_encode(a, str_make((const char *)job.hash, sizeof(job.hash)));
    return NULL;
}

typedef struct {
    S3 *s3;
    const S3Call *call;
    Str path, query, hash, url;
} Prepared;

static Error *send_once(Arena *a, const Prepared *p, FetchResponse *out)
{
    S3 *s3 = p->s3;
    S3Call call = *p->call;
    int64_t now = clock_wall_ms();
    FetchHeader *headers = call.headers;
    size_t count = call.header_count;
    headers[count++] = (FetchHeader){S("host"), s3->host};
    headers[count++] = (FetchHeader){S("x-amz-content-sha256"), p->hash};
    headers[count++] = (FetchHeader){S("x-amz-date"), s3_date(a, now)};
    s3_sort(headers, count);
    S3Signing signing = {.method = call.method,
                         .path = p->path,
                         .query = p->query,
                         .headers = headers,
                         .header_count = count,
                         .payload_hash = p->hash,
                         .now_ms = now};
    Str authorization = s3_authorization(a, &s3->keys, &signing);
    headers[count++] = (FetchHeader){S("authorization"), authorization};

    uint64_t max_bytes = call.max_bytes ? call.max_bytes : S3_ANSWER_MAX;
    uint64_t moved =
        (call.body_from_fd ? call.body_len : call.body.len) + (call.to_sink ? max_bytes : 0);
    FetchRequest request = {
        .method = call.method,
        .url = p->url,
        .headers = headers,
        .header_count = count,
        .body = call.body,
        .body_from_fd = call.body_from_fd,
        .body_fd = call.body_fd,
        .body_offset = call.body_offset,
        .body_len = call.body_len,
        .to_sink = call.to_sink,
        .sink_fd = call.sink_fd,
        .sink_memory = call.sink_memory,
        .max_bytes = max_bytes,
        .connect_timeout_ms = s3->connect_timeout_ms,
        .timeout_ms = s3->stall_timeout_ms + 20000 + (uint32_t)(moved * 1000 / SLOWEST_BYTES_S),
        .stall_timeout_ms = s3->stall_timeout_ms,
        .flags = s3->fetch_flags | (call.sink_memory ? FETCH_CUT : 0),
    };
    return http_fetch(s3->outgoing, a, &request, out);
}

/* What a refusal says, in words for the log: "403 SignatureDoesNotMatch: …". */
static Error *answer_error(Arena *a, const S3Call *call, const FetchResponse *r)
{
    S3Answer said;
    if (!s3_xml_read(a, r->body, &said)) said = (S3Answer){0};
    Str cause = str_printf(a, "%s %.*s: %d %.*s: %.*s", call->method,
                           STR_ARG(call->key.len ? call->key : S("bucket")), r->status,
                           STR_ARG(said.code), STR_ARG(str_sub(said.message, 0, CAUSE_MAX / 2)));
    if (r->status == 404 && call->key.len &&
        (said.code.len == 0 || str_eq(said.code, S("NoSuchKey"))))
        return s3_error(a, 404, "s3_not_found", cause);
    if (r->status == 412) return s3_error(a, 409, "s3_changed", cause);
    if (r->status == 401 || r->status == 403) return s3_error(a, 502, "s3_denied", cause);
    Error *err = s3_error(a, 502, "s3_failed", cause);
    if (str_eq(said.code, S("RequestTimeout"))) err->status = 504; /* worth another try */
    return err;
}

static bool may_help(const Error *err, int status)
{
    if (err->code && strcmp(err->code, "outgoing_unreachable") == 0) return true;
    if (err->status == 504 || err->status == 503)
        return !err->code || strcmp(err->code, "outgoing_stopped") != 0;
    return status == 429 || (status >= 500 && status != 501);
}

S3Retry s3_retry_start(const S3 *s3)
{
    return (S3Retry){.until = clock_mono_ms() + s3->retry_ms, .pause = PAUSE_MS};
}

bool s3_retry(S3Retry *retry, const Error *err, int status)
{
    if (!may_help(err, status) || ++retry->tries == TRIES_MAX) return false;
    uint64_t wait = retry->pause / 2 + random_below((uint32_t)retry->pause / 2 + 1);
    if (clock_mono_ms() + wait >= retry->until) return false;
    log_debug("s3", "trying again", LOG_STR("cause", err->cause), LOG_INT("tries", retry->tries));
    await_sleep(wait);
    retry->pause = MIN(retry->pause * 2, (uint64_t)PAUSE_MAX_MS);
    return true;
}

static Error *try_once(Arena *a, const Prepared *p, FetchResponse *out)
{
    *out = (FetchResponse){0};
    Error *err = send_once(a, p, out);
    if (err) return err;
    if (out->status >= 200 && out->status < 300) return NULL;
    return answer_error(a, p->call, out);
}

static Str call_url(S3 *s3, Arena *a, const Prepared *p)
{
    return str_printf(a, "%s://%.*s%.*s%s%.*s", s3->is_plain ? "http" : "https", STR_ARG(s3->host),
                      STR_ARG(p->path), p->query.len ? "?" : "", STR_ARG(p->query));
}

Error *s3_call(S3 *s3, Arena *a, const S3Call *call, FetchResponse *out)
{
    Prepared p = {.s3 = s3, .call = call};
    FetchHeader params[S3_PARAMS_MAX];
    memcpy(params, call->params, sizeof(params));
    p.query = s3_query(a, params, call->param_count);
    p.path = s3->base_path;
    if (call->key.len || p.path.len == 0)
        p.path = str_printf(a, "%.*s/%.*s", STR_ARG(p.path), STR_ARG(s3_encode_path(a, call->key)));
    p.url = call_url(s3, a, &p);
    Error *err = payload_hash(s3, a, call, &p.hash);
    if (err) return err;

    S3Retry retry = s3_retry_start(s3);
    bool once = call->to_sink && !call->sink_memory;
    do {
        err = try_once(a, &p, out);
    } while (err && !once && s3_retry(&retry, err, out->status));
    return err;
}
