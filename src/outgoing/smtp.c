/* smtp.c - handing one message to a mail server (RFC 5321, through libcurl).
 *
 * A server's reply decides what becomes of the message: "5xx" about the sender,
 * the recipient or the message itself will be the same next time; everything
 * else, signing in included, may be put right by the owner or by waiting.
 */
#include "outgoing/outgoing_internal.h"

#define CONNECT_MS 10000
#define TOTAL_MS   60000

typedef struct {
    Outgoing *o;
    Arena *arena;
    const char *url;
    const SmtpServer *server;
    const char *from;
    struct curl_slist *to;
    Str message;
    size_t sent;
    char reply[REPLY_BYTES_MAX]; /* the latest, all its lines */
    size_t reply_len;
    bool reply_ended;
    CURLcode code;
    TransferEnd end;
    bool no_memory;
    char error_text[CURL_ERROR_SIZE];
} Delivery;

bool mail_address_valid(Str s)
{
    if (s.len < 3 || s.len > 254) return false;
    size_t ats = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == 0x7f || strchr("<>()[]\\,;:\"", c)) return false;
        ats += c == '@';
    }
    return ats == 1 && s.ptr[0] != '@' && s.ptr[0] != '-' && s.ptr[s.len - 1] != '@';
}

/* A host name or address, which becomes part of a URL. */
static bool host_valid(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == 0x7f || strchr("/?#@[]\\%\"<>", c)) return false;
    }
    return s.len > 0 && s.len <= 255;
}

static bool host_is_local(Str s)
{
    return str_eq_nocase(s, S("localhost")) || str_eq(s, S("127.0.0.1")) || str_eq(s, S("::1"));
}

/* ---- libcurl's callbacks ---- */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    Delivery *d = arg;
    size_t n = MIN(size * count, d->message.len - d->sent);
    memcpy(out, d->message.ptr + d->sent, n);
    d->sent += n;
    return n;
}

static size_t on_reply(char *bytes, size_t size, size_t count, void *arg)
{
    Delivery *d = arg;
    size_t len = size * count;
    if (d->reply_ended) d->reply_len = 0;
    size_t n = MIN(len, sizeof(d->reply) - d->reply_len);
    memcpy(d->reply + d->reply_len, bytes, n);
    d->reply_len += n;
    d->reply_ended = len < 4 || bytes[3] != '-'; /* "250-…" goes on */
    return len;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    (void)arg;
    (void)purpose;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* ---- telling libcurl ---- */

static void set_sign_in(const Delivery *d, CURL *easy)
{
    const SmtpServer *s = d->server;
    if (s->username.len == 0 && s->password.len == 0) return;
    curl_easy_setopt(easy, CURLOPT_USERNAME, arena_cstr(d->arena, s->username));
    curl_easy_setopt(easy, CURLOPT_PASSWORD, arena_cstr(d->arena, s->password));
    curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS, s->auth_login ? "AUTH=LOGIN" : "AUTH=PLAIN");
    curl_easy_setopt(easy, CURLOPT_SASL_IR, 1L);
    if (!host_is_local(s->host)) curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
}

static void set_up(Delivery *d, CURL *easy)
{
    const SmtpServer *s = d->server;
    transfer_prepare(d->o, easy, d->error_text);
    curl_easy_setopt(easy, CURLOPT_URL, d->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
    set_sign_in(d, easy);
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, d->from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, d->to);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)d->message.len);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, d);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_reply);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, d);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(s->connect_timeout_ms ? s->connect_timeout_ms : CONNECT_MS));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(s->timeout_ms ? s->timeout_ms : TOTAL_MS));
}

static void deliver(void *arg)
{
    Delivery *d = arg;
    CURL *easy = curl_easy_init();
    if (!easy) {
        d->end = TRANSFER_NO_MEMORY;
        return;
    }
    set_up(d, easy);
    d->end = transfer_run(d->o, NULL, easy, true, &d->code);
    curl_easy_cleanup(easy);
}

/* ---- what became of it ---- */

static int reply_code(const Delivery *d)
{
    int64_t code = 0;
    if (d->reply_len < 3 || !str_to_i64(str_make(d->reply, 3), &code)) return 0;
    return (int)code;
}

/* True when it was about the mail itself, not about reaching or being let in. */
static bool is_refusal(const Delivery *d)
{
    int code = reply_code(d);
    if (code < 500 || code > 599 || code == 530 || code == 534 || code == 535 || code == 538)
        return false;
    return d->code == CURLE_SEND_ERROR || d->sent > 0; /* MAIL, RCPT, DATA; or behind it */
}

static Error *delivery_error(Delivery *d, Arena *a)
{
    if (d->end == TRANSFER_STOPPED) return outgoing_stopped(a);
    if (d->end == TRANSFER_NO_MEMORY) return error_status(a, 500);
    if (d->code == CURLE_OK) return NULL;
    Str target = str_printf(a, "%.*s:%d", STR_ARG(d->server->host), d->server->port);
    Error *err = outgoing_curl_error(a, d->code, d->error_text, target);
    Str reply = str_trim(str_make(d->reply, d->reply_len));
    if (reply_code(d) < 400) {
        if (d->code == CURLE_LOGIN_DENIED || d->code == CURLE_USE_SSL_FAILED)
            err->code = "smtp_failed";
        return err;
    }
    err->cause = str_printf(a, "%.*s (%.*s)", STR_ARG(err->cause), STR_ARG(reply));
    err->code = is_refusal(d) ? "smtp_refused" : "smtp_failed";
    err->status = 502;
    return err;
}

static Error *bad_mail(Arena *a, const char *why)
{
    return outgoing_error(a, 400, "outgoing_bad_request", S("The mail cannot be sent."),
                          str_from(why));
}

static Error *delivery_check(Arena *a, const SmtpServer *s, Str from, const Str *to,
                             size_t to_count)
{
    if (!host_valid(s->host)) return bad_mail(a, "the mail server's host name");
    if (s->local_name.len && !host_valid(s->local_name)) return bad_mail(a, "the local name");
    if (s->port < 1 || s->port > 65535) return bad_mail(a, "the mail server's port");
    if (memchr(s->username.ptr ? s->username.ptr : "", 0, s->username.len) ||
        memchr(s->password.ptr ? s->password.ptr : "", 0, s->password.len))
        return bad_mail(a, "a NUL in the user name or password");
    if (!mail_address_valid(from)) return bad_mail(a, "the sender's address");
    for (size_t i = 0; i < to_count; i++) {
        if (!mail_address_valid(to[i])) return bad_mail(a, "a recipient's address");
    }
    return to_count ? NULL : bad_mail(a, "no recipient");
}

static const char *server_url(Arena *a, const SmtpServer *s)
{
    bool is_v6 = str_find_char(s->host, ':') >= 0;
    Str name = s->local_name.len ? s->local_name : S("localhost");
    Str url = str_printf(a, "%s://%s%.*s%s:%d/%.*s", s->tls ? "smtps" : "smtp", is_v6 ? "[" : "",
                         STR_ARG(s->host), is_v6 ? "]" : "", s->port, STR_ARG(name));
    return arena_cstr(a, url);
}

static void end_list(void *arg)
{
    curl_slist_free_all(arg);
}

Error *smtp_send(Outgoing *o, Arena *a, const SmtpServer *server, Str from, const Str *to,
                 size_t to_count, Str message)
{
    Error *err = delivery_check(a, server, from, to, to_count);
    if (err) return err;
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < to_count; i++) {
        struct curl_slist *longer = curl_slist_append(list, arena_cstr(a, to[i]));
        if (!longer) {
            curl_slist_free_all(list);
            return error_status(a, 500);
        }
        list = longer;
    }
    arena_defer(a, end_list, list);

    Delivery *d = arena_new(a, Delivery, 1);
    *d = (Delivery){.o = o, .arena = a, .server = server, .to = list, .message = message};
    d->url = server_url(a, server);
    d->from = arena_cstr(a, from);
    err = outgoing_run(o, a, deliver, d);
    return err ? err : delivery_error(d, a);
}
