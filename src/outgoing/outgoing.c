/* outgoing.c - the pool of threads, and how one transfer of libcurl runs in it.
 *
 * A transfer is driven by a loop of ours around curl_multi_poll(), so that it
 * notices within a quarter of a second that the server is stopping. The multi
 * handle holds the connections; a thread of the pool keeps its own ones from
 * transfer to transfer, callers outside of the pool have none to keep.
 */
#include "outgoing/outgoing_internal.h"

#include <stdlib.h>
#include <unistd.h>

#define POLL_MS 250

OutgoingConfig outgoing_config_default(void)
{
    return (OutgoingConfig){.threads = 16, .queue_max = 256};
}

static Error *allow_list(Arena *a, const OutgoingConfig *config, Outgoing *o)
{
    o->allow = arena_new(a, AddressRange, config->allow_count);
    for (size_t i = 0; i < config->allow_count; i++) {
        if (!address_range_parse(config->allow[i], &o->allow[i]))
            return error_new(a, 400,
                             str_printf(a, "\"%.*s\" is neither an address nor a CIDR range.",
                                        STR_ARG(config->allow[i])));
    }
    o->allow_count = config->allow_count;
    return NULL;
}

Error *outgoing_create(Arena *a, const OutgoingConfig *config, Outgoing **out)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_cause(a, error_status(a, 500), "curl_global_init failed");
    Outgoing *o = arena_new(a, Outgoing, 1);
    Error *err = allow_list(a, config, o);
    if (err) return err;
    const char *named = getenv("SSL_CERT_FILE"); /* what OpenSSL's own tools obey */
    if (config->ca_file.len)
        o->ca_file = arena_cstr(a, config->ca_file);
    else if (named && *named)
        o->ca_file = arena_cstr(a, str_from(named));

    int threads = config->threads > 0 ? config->threads : 16;
    o->keeps = arena_new(a, Keep, (size_t)threads);
    o->keep_count = threads;
    err = workers_create(a, "outgoing", threads, config->queue_max ? config->queue_max : 256,
                         &o->pool);
    if (err) return err;
    *out = o;
    return NULL;
}

void outgoing_stop(Outgoing *o)
{
    atomic_store(&o->stopping, true);
}

void outgoing_destroy(Outgoing *o)
{
    if (!o) return;
    outgoing_stop(o);
    workers_destroy(o->pool);
    for (int i = 0; i < o->keep_count; i++) {
        if (o->keeps[i].trusted) curl_multi_cleanup(o->keeps[i].trusted);
        if (o->keeps[i].public_only) curl_multi_cleanup(o->keeps[i].public_only);
    }
    curl_global_cleanup();
}

Error *outgoing_run(Outgoing *o, Arena *a, void (*job)(void *arg), void *arg)
{
    if (atomic_load(&o->stopping)) return outgoing_stopped(a);
    if (fiber_current()) return await_work(o->pool, a, job, arg);
    job(arg);
    return NULL;
}

/* ---- one transfer ---- */

/* A mail session is ended with QUIT, for whose answer libcurl would wait as long
 * as for any. The message is accepted by then: nothing more is read. */
static void stop_reading(CURL *easy)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK &&
        socket != CURL_SOCKET_BAD)
        (void)shutdown(socket, SHUT_RD); /* it may be closed already */
}

static TransferEnd transfer_loop(Outgoing *o, CURLM *multi, CURLcode *code)
{
    for (;;) {
        int running = 0;
        if (curl_multi_perform(multi, &running) != CURLM_OK) return TRANSFER_NO_MEMORY;
        if (running == 0) break;
        if (atomic_load(&o->stopping)) return TRANSFER_STOPPED;
        if (curl_multi_poll(multi, NULL, 0, POLL_MS, NULL) != CURLM_OK) return TRANSFER_NO_MEMORY;
    }
    int left = 0;
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    if (!message || message->msg != CURLMSG_DONE) return TRANSFER_NO_MEMORY;
    *code = message->data.result;
    return TRANSFER_DONE;
}

TransferEnd transfer_run(Outgoing *o, CURLM *multi, CURL *easy, bool ends_session, CURLcode *code)
{
    CURLM *own = multi ? NULL : curl_multi_init();
    if (!multi) multi = own;
    if (!multi) return TRANSFER_NO_MEMORY;
    TransferEnd end = TRANSFER_NO_MEMORY;
    if (curl_multi_add_handle(multi, easy) == CURLM_OK) {
        end = transfer_loop(o, multi, code);
        if (ends_session) stop_reading(easy);
        (void)curl_multi_remove_handle(multi, easy); /* it is in there */
    }
    if (own) curl_multi_cleanup(own);
    return end;
}

void transfer_prepare(const Outgoing *o, CURL *easy, char error_text[CURL_ERROR_SIZE])
{
    error_text[0] = 0;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not what the environment says either */
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    /* A name that takes long to resolve does not hold the thread beyond its time. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (o->ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
}

/* ---- errors ---- */

Error *outgoing_error(Arena *a, int status, const char *code, Str message, Str cause)
{
    Error *err = error_new(a, status, message);
    err->code = code;
    err->cause = cause;
    return err;
}

Error *outgoing_stopped(Arena *a)
{
    return outgoing_error(a, 503, "outgoing_stopped", S("The server is stopping."), S(""));
}

Error *outgoing_curl_error(Arena *a, CURLcode code, const char *error_text, Str target)
{
    Str cause = str_printf(a, "%.*s: %s", STR_ARG(target),
                           error_text[0] ? error_text : curl_easy_strerror(code));
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return outgoing_error(a, 400, "outgoing_bad_request", S("The address cannot be used."),
                              cause);
    case CURLE_OPERATION_TIMEDOUT:
        return outgoing_error(a, 504, "outgoing_timeout", S(""), cause);
    case CURLE_FILESIZE_EXCEEDED:
        return outgoing_error(a, 502, "outgoing_too_large",
                              S("Another server's answer is too large."), cause);
    default:
        return outgoing_error(a, 502, "outgoing_unreachable", S(""), cause);
    }
}
