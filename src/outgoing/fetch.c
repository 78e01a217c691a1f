/* fetch.c - one HTTP request.
 *
 * The answer is built on the pool's thread in an arena of its own, which ends
 * with the caller's: an arena that is too small must not unwind through
 * libcurl's frames, so every growth is checked against arena_room() before.
 */
#include "outgoing/outgoing_internal.h"

#include <errno.h>
#include <unistd.h>

#define BODY_BYTES_DEFAULT (1u << 20)
#define HEADER_BYTES_MAX   (64u << 10)
#define HEADERS_MAX        200
#define CONNECT_MS         10000
#define TOTAL_MS           30000
#define STALL_MS           30000

typedef struct {
    Outgoing *o;
    const FetchRequest *request;
    Arena *arena; /* of the answer */
    FetchResponse *out;
    FetchHeader headers[HEADERS_MAX];
    size_t header_count, header_bytes;
    char *body;
    size_t body_cap;
    uint64_t sent; /* of body_fd */
    bool address_refused, too_large;
    int io_errno; /* of sink_fd or body_fd */
    Error *err;
} Fetch;

/* ---- checking the request ---- */

static bool is_token(Str s)
{
    static const char TOKEN[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == 0 || !strchr(TOKEN, s.ptr[i])) return false;
    }
    return s.len > 0;
}

static bool is_clean(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

/* The URL without what may be secret in it: user, password, query, fragment. */
static Str url_shown(Arena *a, Str url)
{
    for (size_t i = 0; i < url.len; i++) {
        if (url.ptr[i] == '?' || url.ptr[i] == '#') url.len = i;
    }
    ptrdiff_t scheme = str_find(url, S("://"));
    ptrdiff_t at = str_rfind_char(url, '@');
    if (scheme < 0 || at < scheme) return url;
    return str_printf(a, "%.*s%.*s", (int)scheme + 3, url.ptr,
                      STR_ARG(str_from_pos(url, (size_t)at + 1)));
}

static Error *bad_request(Arena *a, const char *why)
{
    return outgoing_error(a, 400, "outgoing_bad_request", S("The address cannot be used."),
                          str_from(why));
}

static Error *request_check(Arena *a, const FetchRequest *r)
{
    if (!str_starts_nocase(r->url, S("http://")) && !str_starts_nocase(r->url, S("https://")))
        return bad_request(a, "neither http:// nor https://");
    for (size_t i = 0; i < r->url.len; i++) {
        if ((unsigned char)r->url.ptr[i] <= ' ') return bad_request(a, "blank in the URL");
    }
    if (r->method && !is_token(str_from(r->method))) return bad_request(a, "method");
    for (size_t i = 0; i < r->header_count; i++) {
        if (!is_token(r->headers[i].name) || !is_clean(r->headers[i].value))
            return bad_request(a, "header with forbidden characters");
    }
    /* Others would be sent again to wherever they are redirected. */
    assert(r->max_redirects == 0 || !r->method || strcmp(r->method, "GET") == 0 ||
           strcmp(r->method, "HEAD") == 0);
    return NULL;
}

/* ---- libcurl's callbacks ---- */

static bool address_allowed(const Fetch *f, const struct sockaddr *to)
{
    Address address;
    if (!address_of_socket(to, &address)) return false;
    if (address_public(&address)) return true;
    for (size_t i = 0; i < f->o->allow_count; i++) {
        if (address_in(&address, &f->o->allow[i])) return true;
    }
    return false;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    Fetch *f = arg;
    if ((f->request->flags & FETCH_PUBLIC_ONLY) &&
        (purpose != CURLSOCKTYPE_IPCXN || !address_allowed(f, &to->addr))) {
        f->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    Fetch *f = arg;
    Str line = str_trim(str_make(bytes, size * count));
    if (str_starts(line, S("HTTP/"))) { /* another answer: after 100, after a redirect */
        f->header_count = 0;
        return size * count;
    }
    f->header_bytes += line.len;
    ptrdiff_t colon = str_find_char(line, ':');
    if (colon <= 0) return size * count;
    if (f->header_count == HEADERS_MAX || f->header_bytes > HEADER_BYTES_MAX ||
        arena_room(f->arena) < 4 * line.len + 256) {
        f->too_large = true;
        return 0;
    }
    f->headers[f->header_count++] = (FetchHeader){
        .name = str_lower(f->arena, str_sub(line, 0, (size_t)colon)),
        .value = arena_copy(f->arena, str_trim(str_from_pos(line, (size_t)colon + 1))),
    };
    return size * count;
}

static bool write_whole(int fd, Str bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes = str_from_pos(bytes, (size_t)n);
    }
    return true;
}

static bool keep_body(Fetch *f, Str bytes)
{
    size_t len = f->out->body.len;
    if (f->body_cap - len < bytes.len) {
        size_t cap = MAX(2 * f->body_cap, MAX(len + bytes.len, (size_t)4096));
        if (arena_room(f->arena) < cap + 4096) return false;
        f->body = f->body ? arena_extend(f->arena, f->body, f->body_cap, cap)
                          : arena_bytes(f->arena, cap);
        f->body_cap = cap;
    }
    memcpy(f->body + len, bytes.ptr, bytes.len);
    f->out->body = str_make(f->body, len + bytes.len);
    return true;
}

/* How much of a body is taken. Answers that are no success are small: beyond
 * the usual bound they are cut, as nobody reads an error page to its end. */
static uint64_t body_max(const Fetch *f, bool success)
{
    if (!success) return BODY_BYTES_DEFAULT;
    if (f->request->max_bytes) return f->request->max_bytes;
    return f->request->to_sink && !f->request->sink_memory ? UINT64_MAX : BODY_BYTES_DEFAULT;
}

typedef struct {
    Fetch *fetch;
    CURL *easy;
} BodyArg;

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    Fetch *f = ((BodyArg *)arg)->fetch;
    long status = 0;
    curl_easy_getinfo(((BodyArg *)arg)->easy, CURLINFO_RESPONSE_CODE, &status);
    bool success = status >= 200 && status < 300;
    Str piece = str_make(bytes, size * count);
    uint64_t room = body_max(f, success) - f->out->body_bytes;
    if (piece.len > room) {
        f->out->cut = !success || (f->request->flags & FETCH_CUT);
        f->too_large = !f->out->cut;
        if (f->too_large) return 0;
        piece.len = (size_t)room;
    }
    if (success && f->request->to_sink && f->request->sink_memory) {
        if (piece.len) memcpy(f->request->sink_memory + f->out->body_bytes, piece.ptr, piece.len);
    } else if (success && f->request->to_sink) {
        if (!write_whole(f->request->sink_fd, piece)) {
            f->io_errno = errno ? errno : EIO;
            return 0;
        }
    } else if (!keep_body(f, piece)) {
        f->too_large = true;
        return 0;
    }
    f->out->body_bytes += piece.len;
    return f->out->cut ? 0 : size * count; /* cut: what comes is of no interest */
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    Fetch *f = arg;
    const FetchRequest *r = f->request;
    size_t want = (size_t)MIN((uint64_t)(size * count), r->body_len - f->sent);
    if (want == 0) return 0;
    ssize_t n;
    do {
        n = pread(r->body_fd, out, want, (off_t)(r->body_offset + f->sent));
    } while (n < 0 && errno == EINTR);
    if (n <= 0) { /* also a file that has become shorter */
        f->io_errno = n < 0 ? errno : EIO;
        return CURL_READFUNC_ABORT;
    }
    f->sent += (uint64_t)n;
    return (size_t)n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    Fetch *f = arg;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > f->request->body_len)
        return CURL_SEEKFUNC_FAIL;
    f->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- telling libcurl ---- */

static struct curl_slist *add_line(struct curl_slist *list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(list, line);
    return longer ? longer : list; /* out of memory: the transfer itself will say so */
}

static struct curl_slist *header_lines(Fetch *f)
{
    const FetchRequest *r = f->request;
    struct curl_slist *list = add_line(NULL, "Expect:"); /* no round trip before a body */
    bool has_type = false;
    for (size_t i = 0; i < r->header_count; i++) {
        const FetchHeader *h = &r->headers[i];
        has_type = has_type || str_eq_nocase(h->name, S("Content-Type"));
        Str line = h->value.len
                       ? str_printf(f->arena, "%.*s: %.*s", STR_ARG(h->name), STR_ARG(h->value))
                       : str_printf(f->arena, "%.*s;", STR_ARG(h->name));
        list = add_line(list, arena_cstr(f->arena, line));
    }
    return has_type ? list : add_line(list, "Content-Type:"); /* not libcurl's guess */
}

static void set_method(Fetch *f, CURL *easy)
{
    const FetchRequest *r = f->request;
    const char *method = r->method ? r->method : "GET";
    bool is_get = strcmp(method, "GET") == 0;
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (r->body_from_fd) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, f);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, f);
    } else if (r->body.len || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
               strcmp(method, "PATCH") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    } else if (!is_get) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void set_limits(const FetchRequest *r, CURL *easy)
{
    uint32_t total = r->timeout_ms ? r->timeout_ms : TOTAL_MS;
    uint32_t stall = r->stall_timeout_ms ? r->stall_timeout_ms : STALL_MS;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(r->connect_timeout_ms ? r->connect_timeout_ms : CONNECT_MS));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total == UINT32_MAX ? 0L : (long)total);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((stall + 999) / 1000));
}

static void set_up(Fetch *f, CURL *easy, struct curl_slist *headers, BodyArg *body_arg)
{
    const FetchRequest *r = f->request;
    const char *schemes = r->flags & FETCH_HTTPS_ONLY ? "https" : "http,https";
    curl_easy_setopt(easy, CURLOPT_URL, arena_cstr(f->arena, r->url));
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes);
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Croft/" CROFT_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, r->max_redirects > 0 ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)r->max_redirects);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, body_arg);
    set_limits(r, easy);
    set_method(f, easy);
}

/* ---- the job ---- */

static Error *fetch_error(Fetch *f, CURLcode code, const char *error_text)
{
    Arena *a = f->arena;
    Str shown = url_shown(a, f->request->url);
    if (f->too_large)
        return outgoing_error(a, 502, "outgoing_too_large",
                              S("Another server's answer is too large."), shown);
    if (f->io_errno) return error_errno(a, f->io_errno, "transfer", shown);
    if (f->address_refused)
        return outgoing_error(a, 400, "outgoing_address",
                              S("The address is not one of the public Internet."), shown);
    return outgoing_curl_error(a, code, error_text, shown);
}

static void take_answer(Fetch *f, CURL *easy)
{
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    f->out->status = (int)status;
    f->out->headers = arena_new(f->arena, FetchHeader, f->header_count);
    f->out->header_count = f->header_count;
    if (f->header_count)
        memcpy(f->out->headers, f->headers, f->header_count * sizeof(f->headers[0]));
}

/* The connections that this thread of the pool keeps. */
static CURLM *kept(Fetch *f)
{
    Keep *keep = &f->o->keeps[worker_index()];
    CURLM **slot = f->request->flags & FETCH_PUBLIC_ONLY ? &keep->public_only : &keep->trusted;
    if (!*slot) *slot = curl_multi_init();
    return *slot;
}

static void fetch_with(Fetch *f, CURLM *multi)
{
    CURL *easy = curl_easy_init();
    if (!easy) {
        f->err = error_status(f->arena, 500);
        return;
    }
    char error_text[CURL_ERROR_SIZE];
    BodyArg body_arg = {f, easy};
    struct curl_slist *headers = header_lines(f);
    transfer_prepare(f->o, easy, error_text);
    set_up(f, easy, headers, &body_arg);
    CURLcode code = CURLE_FAILED_INIT;
    switch (transfer_run(f->o, multi, easy, false, &code)) {
    case TRANSFER_DONE:
        if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && f->out->cut))
            take_answer(f, easy);
        else
            f->err = fetch_error(f, code, error_text);
        break;
    case TRANSFER_STOPPED:
        f->err = outgoing_stopped(f->arena);
        break;
    case TRANSFER_NO_MEMORY:
        f->err = error_status(f->arena, 500);
        break;
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
}

static void fetch_in_pool(void *arg)
{
    fetch_with(arg, kept(arg));
}

static void fetch_here(void *arg)
{
    fetch_with(arg, NULL);
}

Error *http_fetch(Outgoing *o, Arena *a, const FetchRequest *request, FetchResponse *out)
{
    Error *err = request_check(a, request);
    if (err) return err;
    size_t body_bytes = request->to_sink || !request->max_bytes
                            ? BODY_BYTES_DEFAULT
                            : (size_t)MIN(request->max_bytes, (uint64_t)1 << 30);
    size_t sent_bytes = request->url.len;
    for (size_t i = 0; i < request->header_count; i++)
        sent_bytes += request->headers[i].name.len + request->headers[i].value.len + 16;
    Arena *own = arena_within(a, "fetch", 4 * MAX(body_bytes, BODY_BYTES_DEFAULT) + 8 * sent_bytes);

    FetchResponse response = {0};
    Fetch *f = arena_new(own, Fetch, 1);
    *f = (Fetch){.o = o, .request = request, .arena = own, .out = &response};
    err = outgoing_run(o, a, fiber_current() ? fetch_in_pool : fetch_here, f);
    if (!err) err = f->err;
    if (err) return err;
    *out = response;
    return NULL;
}

Str fetch_header(const FetchResponse *response, Str name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (str_eq(response->headers[i].name, name)) return response->headers[i].value;
    }
    return (Str){0};
}
