/* listen.h - the listening sockets, one per loop on one address. */
#ifndef CROFT_APP_LISTEN_H
#define CROFT_APP_LISTEN_H

#include "base/base.h"

#include "app/options.h"

typedef struct {
    int fds[THREADS_MAX];
    int count;
    int port;         /* the one in use, also when 0 was asked for */
    Str host;         /* as given, brackets included */
    bool is_loopback; /* reachable from this machine only */
} Listeners;

/* Binds `count` sockets to "host:port". Errors name the remedy; that the port is
 * taken is told after 2 s of patience. */
MUST_CHECK Error *listeners_open(Arena *a, Str address, int count, Listeners *out);

/* "http://127.0.0.1:8090", as somebody on this machine would reach it. */
Str listeners_url(Arena *a, const Listeners *l);

#endif
