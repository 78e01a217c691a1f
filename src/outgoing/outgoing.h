/* outgoing.h - what the server sends out by itself: HTTP requests and mail.
 *
 *     FetchResponse answer;
 *     err = http_fetch(out, a, &(FetchRequest){.url = url, .flags = FETCH_PUBLIC_ONLY}, &answer);
 *     if (err) return err;                      nobody there, too slow, too large …
 *     if (answer.status != 200) …               what the other side said
 *
 * The work is libcurl's, in a pool of threads of its own: in a fiber only the
 * fiber waits; elsewhere the calling thread does it itself. Nothing here follows
 * a redirect, decompresses, keeps cookies, reads .netrc or uses a proxy unless
 * it is asked to; certificates are always verified.
 *
 * Errors have these codes (status 502 unless said otherwise); `cause` has the
 * library's words and, for mail, the server's reply:
 *
 *     outgoing_bad_request    the URL, a header or an address cannot be sent (status 400)
 *     outgoing_address        FETCH_PUBLIC_ONLY and the address is not a public one (status 400)
 *     outgoing_unreachable    no such name, refused, cut off, certificate not trusted
 *     outgoing_timeout        too slow (504)
 *     outgoing_too_large      more than max_bytes
 *     outgoing_stopped        the server is stopping (503)
 *     smtp_refused            the mail server said 5xx about the sender, recipient or message
 *     smtp_failed             it said 4xx, or anything about signing in
 *     sendmail_missing, sendmail_failed
 */
#ifndef CROFT_OUTGOING_H
#define CROFT_OUTGOING_H

#include "base/base.h"
#include "loop/loop.h"

typedef struct Outgoing Outgoing; /* any thread */

typedef struct {
    int threads;      /* 16 */
    size_t queue_max; /* 256 waiting; beyond it 503 */
    Str ca_file;      /* trusted authorities (PEM); empty = $SSL_CERT_FILE, or the system's */
    /* Addresses and CIDR ranges that FETCH_PUBLIC_ONLY lets through although they
     * are not public: "10.1.0.0/16", "fd00::/8". Borrowed. */
    const Str *allow;
    size_t allow_count;
} OutgoingConfig;

OutgoingConfig outgoing_config_default(void);

/* Before threads start (libcurl's own initialisation is not thread-safe). */
MUST_CHECK Error *outgoing_create(Arena *a, const OutgoingConfig *config, Outgoing **out);
/* What is under way ends within half a second with outgoing_stopped, and nothing
 * new begins. Any thread, any number of times. */
void outgoing_stop(Outgoing *o);
void outgoing_destroy(Outgoing *o); /* stops, and waits; NULL is fine */

/* ---- HTTP ---- */

typedef struct {
    Str name, value;
} FetchHeader;

enum {
    /* Connect to public addresses only (no loopback, private, link-local, shared,
     * multicast, reserved or documentation range, in any spelling; checked on the
     * address that is connected to, after resolution). For every URL that somebody
     * other than the owner had a say in. */
    FETCH_PUBLIC_ONLY = 1,
    /* A body longer than max_bytes is cut there instead of being an error. */
    FETCH_CUT = 2,
    /* https:// only, redirects included. */
    FETCH_HTTPS_ONLY = 4,
};

typedef struct {
    const char *method; /* "GET" when NULL */
    Str url;            /* http:// or https:// */
    const FetchHeader *headers;
    size_t header_count;

    /* What is sent: `body`, or, with body_from_fd, body_len bytes of body_fd from
     * body_offset on (pread; its position stays), streamed. */
    Str body;
    bool body_from_fd;
    int body_fd;
    uint64_t body_offset, body_len;

    /* Where a 2xx body goes: into FetchResponse.body, or, with to_sink, streamed
     * to sink_memory (max_bytes of room), or else to sink_fd by write(2) from its
     * position on. Other bodies: always FetchResponse.body. */
    bool to_sink;
    int sink_fd;
    char *sink_memory;
    uint64_t max_bytes; /* of a 2xx body; 0 = 1 MiB in memory, no limit to a sink */

    uint32_t connect_timeout_ms; /* 0 = 10000; name resolution included */
    uint32_t timeout_ms;         /* 0 = 30000 in all; UINT32_MAX = none */
    uint32_t stall_timeout_ms;   /* 0 = 30000 with less than 1 byte a second in either direction */
    int max_redirects;           /* 0: a redirect is an answer like any other */
    unsigned flags;              /* FETCH_… */
} FetchRequest;

typedef struct {
    int status;
    FetchHeader *headers; /* of the last answer; names in lower case */
    size_t header_count;
    Str body;            /* empty with to_sink and 2xx */
    uint64_t body_bytes; /* how many came, wherever they went */
    bool cut;            /* FETCH_CUT took effect */
} FetchResponse;

/* Sends it and waits for the answer, whatever its status. *out lives as long as
 * the arena. Everything in `request` must stay until this returns. */
MUST_CHECK Error *http_fetch(Outgoing *o, Arena *a, const FetchRequest *request,
                             FetchResponse *out);

/* First header of that name (lower case); {NULL, 0} when absent. */
Str fetch_header(const FetchResponse *response, Str name);

/* True when this IPv4 or IPv6 text is an address of the public Internet. */
bool address_is_public(Str ip);

/* ---- mail ---- */

typedef struct {
    Str host;
    int port;
    bool tls;                    /* from the first byte; otherwise STARTTLS when it is offered */
    Str username, password;      /* both empty: no sign-in */
    bool auth_login;             /* AUTH LOGIN; otherwise PLAIN */
    Str local_name;              /* said in EHLO; empty = "localhost" */
    uint32_t connect_timeout_ms; /* 0 = 10000 */
    uint32_t timeout_ms;         /* 0 = 60000 in all */
} SmtpServer;

/* Hands one message (RFC 5322, CRLF lines) to the server. Returns NULL only when
 * it has accepted it for every recipient. A password goes over an encrypted
 * connection only, unless the host is localhost, 127.0.0.1 or ::1. */
MUST_CHECK Error *smtp_send(Outgoing *o, Arena *a, const SmtpServer *server, Str from,
                            const Str *to, size_t to_count, Str message);

/* Hands it to the machine's `sendmail -i -t`: /usr/sbin, /usr/bin, then the
 * absolute folders of $PATH. No shell is involved. 0 = 30000 ms. */
MUST_CHECK Error *sendmail_send(Outgoing *o, Arena *a, Str message, uint32_t timeout_ms);

/* True for what may stand in a mail's envelope: one address, no blanks, brackets
 * or control characters, at most 254 bytes. */
bool mail_address_valid(Str address);

#endif
