/* listen.c - from "127.0.0.1:8090" to a listening socket. */
#include "http/http_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

/* "host:port" or "[v6]:port"; an empty host is every address of this machine. */
static bool split_address(Arena *a, Str address, char **host, char **port)
{
    ptrdiff_t colon = str_rfind_char(address, ':');
    if (colon < 0) return false;
    Str name = str_sub(address, 0, (size_t)colon);
    Str number = str_from_pos(address, (size_t)colon + 1);
    uint64_t value;
    if (!str_to_u64(number, &value) || value > 65535) return false;

    bool brackets = str_starts(name, S("[")) && str_ends(name, S("]"));
    if (brackets) name = str_sub(name, 1, name.len - 2);
    if (!brackets && str_find_char(name, ':') >= 0) return false;
    *host = name.len > 0 ? arena_cstr(a, name) : NULL;
    *port = arena_cstr(a, number);
    return true;
}

/* Returns a socket, or -1 with errno and the name of what failed. */
static int open_socket(const struct addrinfo *info, const char **failed)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *failed = "socket";
    if (fd < 0) return -1;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    *failed = "SO_REUSEPORT";
    bool good = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    if (good) {
        *failed = "bind";
        good = bind(fd, info->ai_addr, info->ai_addrlen) == 0;
    }
    if (good) {
        *failed = "listen";
        good = listen(fd, BACKLOG) == 0;
    }
    if (good) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int port_in_use(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0) return 0;
    if (name.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
    return ntohs(((struct sockaddr_in *)&name)->sin_port);
}

Error *http_listen(Arena *a, Str address, int *fd, int *port)
{
    char *host, *number;
    if (!split_address(a, address, &host, &number))
        return error_new(
            a, 400,
            str_printf(a, "\"%.*s\" is not an address like 127.0.0.1:8090", STR_ARG(address)));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *info = NULL;
    int rc = getaddrinfo(host, number, &hints, &info);
    if (rc != 0)
        return error_new(
            a, 400, str_printf(a, "cannot listen on %.*s: %s", STR_ARG(address), gai_strerror(rc)));
    const char *failed = "";
    int made = open_socket(info, &failed);
    int why = errno;
    freeaddrinfo(info);
    if (made < 0) return error_errno(a, why, failed, address);

    *fd = made;
    *port = port_in_use(made);
    return NULL;
}
