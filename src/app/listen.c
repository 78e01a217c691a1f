/* listen.c - binding, with errors that say what to do.
 *
 * The sockets share their port (SO_REUSEPORT), so the kernel would let a second
 * Croft of the same user join it unnoticed and hand each every other visitor.
 * Hence the probe: bind once without that option before. */
#include "app/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The worker of a server that was just killed holds the port until it has ended, which takes a
 * second (worker.c) and may wait for a flush: 3 s of patience. */
#define PROBE_TRIES    150
#define PROBE_PAUSE_NS 20000000

static Error *address_error(Arena *a, Str address)
{
    return error_new(a, 400,
                     str_printf(a,
                                "--http: \"%.*s\" is not an IP address and a port, such "
                                "as 127.0.0.1:8090 or [::1]:8090.",
                                STR_ARG(address)));
}

static bool is_loopback(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const void *)sa;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static Error *bind_error(Arena *a, Str address, int errno_value)
{
    const char *why = NULL;
    if (errno_value == EADDRINUSE)
        why = "is taken by another program. Stop that one, or choose another port with --http";
    if (errno_value == EACCES) why = "needs root: ports below 1024 are reserved";
    if (errno_value == EADDRNOTAVAIL) why = "is not an address of this machine";
    if (!why) return error_errno(a, errno_value, "bind", address);
    return error_new(a, 400, str_printf(a, "%.*s %s.", STR_ARG(address), why));
}

/* Binds and listens for a moment; returns errno, 0 when that went well. */
static int probe_once(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool good = bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, 1) == 0;
    int failed = good ? 0 : errno;
    close(fd);
    return failed;
}

/* Fails when somebody listens there and goes on to. */
static Error *probe(Arena *a, Str address, const struct addrinfo *info)
{
    int failed = probe_once(info);
    for (int tries = 0; failed == EADDRINUSE && tries < PROBE_TRIES; tries++) {
        const struct timespec pause = {.tv_nsec = PROBE_PAUSE_NS};
        (void)nanosleep(&pause, NULL);
        failed = probe_once(info);
    }
    return failed ? bind_error(a, address, failed) : NULL;
}

/* "host:port" into its parts; localhost is the one name that is understood. */
static Error *address_split(Arena *a, Str address, Str *host, Str *port)
{
    ptrdiff_t colon = str_rfind_char(address, ':');
    if (colon <= 0) return address_error(a, address);
    *host = str_sub(address, 0, (size_t)colon);
    *port = str_from_pos(address, (size_t)colon + 1);
    if (str_eq(*host, S("localhost"))) *host = S("127.0.0.1");
    return NULL;
}

static Error *address_check(Arena *a, Str address, Str host, Str port, bool *loopback)
{
    Str bare = host;
    if (str_starts(bare, S("[")) && str_ends(bare, S("]"))) bare = str_sub(host, 1, host.len - 2);
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *info;
    if (getaddrinfo(arena_cstr(a, bare), arena_cstr(a, port), &hints, &info) != 0)
        return address_error(a, address);
    *loopback = is_loopback(info->ai_addr);
    Error *err = str_eq(port, S("0")) ? NULL : probe(a, address, info);
    freeaddrinfo(info);
    return err;
}

Error *listeners_open(Arena *a, Str address, int count, Listeners *out)
{
    assert(count > 0 && count <= THREADS_MAX);
    Str port = S("");
    *out = (Listeners){0};
    Error *err = address_split(a, address, &out->host, &port);
    if (err) return err;
    err = address_check(a, address, out->host, port, &out->is_loopback);
    if (err) return err;

    for (int i = 0; i < count; i++) {
        /* With port 0 the first socket finds one and the others follow. */
        Str at = i == 0 ? str_printf(a, "%.*s:%.*s", STR_ARG(out->host), STR_ARG(port))
                        : str_printf(a, "%.*s:%d", STR_ARG(out->host), out->port);
        err = http_listen(a, at, &out->fds[i], &out->port);
        if (err) return err;
        out->count++;
    }
    return NULL;
}

Str listeners_url(Arena *a, const Listeners *l)
{
    Str host = l->host;
    if (str_eq(host, S("0.0.0.0"))) host = S("127.0.0.1");
    if (str_eq(host, S("[::]"))) host = S("[::1]");
    if (l->port == 80) return str_concat(a, S("http://"), host);
    return str_printf(a, "http://%.*s:%d", STR_ARG(host), l->port);
}
