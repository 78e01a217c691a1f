/* realtime.h - changes told to whoever listens, as they are committed (api:
 * records §11).
 *
 * A client opens GET /api/realtime, an endless answer of server-sent events,
 * and says with POST /api/realtime which topics it wants to hear of:
 *
 *     posts                               every record of a collection it may list;
 *                                         also written with a slash and an asterisk
 *     posts/abc?options={"query":{…}}     one it may view, filtered, expanded, picked
 *     @oauth2                             anything else is a plain channel
 *
 * Other modules need only find such a client and tell it something: sign-in
 * through a provider ends with a message to the page that began it.
 *
 *     RealtimeMessage m = {.client_id = state, .ip = cx->real_ip, .topic = S("@oauth2"),
 *                          .data = json, .drop_topic = true};
 *     if (realtime_send(app, &m) != REALTIME_SENT) …
 */
#ifndef CROFT_REALTIME_H
#define CROFT_REALTIME_H

#include "records/records.h"

typedef struct Realtime Realtime;

/* What 0 stands for is in the comment. */
typedef struct {
    size_t clients;       /* 50000 connected, on all loops; beyond it 503 */
    size_t memory_bytes;  /* 128 MiB for subscriptions in all; beyond it 503 */
    size_t backlog_bytes; /* 32 MiB of changes waiting on one loop; beyond it
                              its subscribers are cut off, and look for themselves */
    size_t pending_bytes; /* 256 KiB waiting for one client, or it is cut off */
    uint64_t idle_ms;     /* 5 minutes without a message end a connection */
    uint64_t lifetime_ms; /* 30 minutes in any case */
} RealtimeLimits;

#define REALTIME_SUBSCRIPTIONS_MAX 1000 /* of one client */
#define REALTIME_TOPIC_BYTES_MAX   2500

/* Listens to the change feed and becomes App.realtime. `limits` may be NULL. */
MUST_CHECK Error *realtime_create(Arena *a, App *app, int loop_count, const RealtimeLimits *limits,
                                  Realtime **out);
void realtime_destroy(Realtime *rt); /* after the loops and the last write; NULL is fine */

typedef enum {
    REALTIME_SENT,
    REALTIME_NO_CLIENT, /* never was, or has gone */
    REALTIME_OTHER_IP,
    REALTIME_NOT_SUBSCRIBED
} RealtimeOutcome;

typedef struct {
    Str client_id;
    Str ip;          /* as settings_real_ip() tells it; must be that of the connection */
    Str topic;       /* must be among the client's subscriptions */
    Str data;        /* JSON; empty: nothing is sent, only looked */
    bool drop_topic; /* the subscription ends with this message */
} RealtimeMessage;

/* Sends one event to one client. In a fiber (it may be another loop's client). */
RealtimeOutcome realtime_send(App *app, const RealtimeMessage *m);

size_t realtime_client_count(const App *app);

extern const Route realtime_routes[]; /* /api/realtime */
extern const size_t realtime_route_count;

#endif
