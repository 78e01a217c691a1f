/* peer.h - another server on loopback, for tests: answers each connection with a
 * fixed script and notes what it was sent.
 *
 * HTTP (`smtp` false): reads one request, sends `answer`, closes.
 * SMTP: sends `answer`'s lines one by one, each after a line it read (or, after
 * one that begins with 354, after a mail). "STALL" as a line: says nothing more;
 * "CUT": closes. */
#ifndef CROFT_OUTGOING_PEER_H
#define CROFT_OUTGOING_PEER_H

#include "testing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_HEARD_MAX 65536

typedef struct {
    const char *answer;
    size_t answer_len; /* 0 = strlen */
    bool smtp;
    uint32_t host; /* address to listen on; 0 = 127.0.0.1 */
    int port, fd;
    pthread_t thread;
    _Atomic int connections;
    _Atomic bool stopping;
    char heard[PEER_HEARD_MAX];
    size_t heard_len;
} Peer;

static inline bool peer_read(Peer *p, int fd)
{
    ssize_t n = read(fd, p->heard + p->heard_len, PEER_HEARD_MAX - 1 - p->heard_len);
    if (n <= 0) return false;
    p->heard_len += (size_t)n;
    p->heard[p->heard_len] = 0;
    return true;
}

static inline void peer_send(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) return;
        bytes += n;
        len -= (size_t)n;
    }
}

/* The whole request: head and as much body as Content-Length says. */
static inline void peer_http(Peer *p, int fd)
{
    size_t start = p->heard_len;
    for (;;) {
        const char *head = p->heard + start, *end = strstr(head, "\r\n\r\n");
        const char *length = strstr(head, "Content-Length: ");
        size_t body = length && end && length < end ? strtoul(length + 16, NULL, 10) : 0;
        if (end && p->heard_len - start >= (size_t)(end + 4 - head) + body) break;
        if (!peer_read(p, fd)) return;
    }
    peer_send(fd, p->answer, p->answer_len ? p->answer_len : strlen(p->answer));
}

static inline void peer_smtp(Peer *p, int fd)
{
    size_t at = p->heard_len;
    const char *line = p->answer;
    while (*line) {
        const char *end = strchr(line, '\n');
        size_t len = (size_t)(end - line) + 1;
        if (strncmp(line, "CUT", 3) == 0) return;
        if (strncmp(line, "STALL", 5) == 0) {
            while (!atomic_load(&p->stopping) && peer_read(p, fd)) {
            }
            return;
        }
        peer_send(fd, line, len);
        bool mail = strncmp(line, "354", 3) == 0, more = line[3] == '-';
        line = end + 1;
        const char *until = mail ? "\r\n.\r\n" : "\r\n";
        while (!more && !strstr(p->heard + at, until)) {
            if (!peer_read(p, fd)) return;
        }
        if (!more) at = p->heard_len;
    }
}

static inline void *peer_main(void *arg)
{
    Peer *p = arg;
    for (;;) {
        int fd = accept(p->fd, NULL, NULL);
        if (fd < 0) return NULL;
        atomic_fetch_add(&p->connections, 1);
        if (p->smtp)
            peer_smtp(p, fd);
        else
            peer_http(p, fd);
        close(fd);
    }
}

static inline void peer_bind(Peer *p)
{
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(p->host ? p->host : INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&at, &len), 0);
    p->port = ntohs(at.sin_port);
}

static inline void peer_start(Peer *p)
{
    peer_bind(p);
    assert_int_equal(listen(p->fd, 16), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

/* What it heard may be looked at from here on. */
static inline void peer_stop(Peer *p)
{
    atomic_store(&p->stopping, true);
    shutdown(p->fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->fd);
}

#endif
