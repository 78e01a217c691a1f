/* realtime_internal.h - what the files of realtime/ share.
 *
 * The way of a change:
 *
 *     writer's thread   broker.c    is anybody interested? copy the record (change.c)
 *     each such loop    fanout.c    one fiber takes the changes in commit order
 *                       match.c     who may hear of it: once per viewer and topic
 *                       render.c    what is said: once per kind of viewer and topic
 *                       http/       the same bytes to each subscriber
 *
 * and of a subscription:
 *
 *     any loop          routes.c    form, caller; topics taken apart (topics.c)
 *     the client's loop hub.c       client ↔ topic, client → viewer
 *     under the lock    broker.c    which loops want to hear of which topic
 *
 * Threads: a Hub and all it holds (clients, topics, viewers) belongs to its
 * loop. What loops and the writer share is the broker: a table of clients (id
 * → hub), two tables of interests, and each hub's inbox; every access is short
 * and under a lock, and no lock is held while anything is evaluated or sent.
 *
 * Invariants
 *  1. A client that is in the broker's table has a connection, so its loop
 *     runs: a call posted to it under the broker's lock will be run.
 *  2. An interest is registered before the POST that made it is answered.
 *  3. What a fan-out may still point to (clients, topics, viewers) is freed
 *     when none is under way: see hub_bury().
 */
#ifndef CROFT_REALTIME_INTERNAL_H
#define CROFT_REALTIME_INTERNAL_H

#include "realtime/realtime.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLIENT_ID_BYTES 40
#define LOOPS_MAX       64 /* as many as an Interest has bits */

typedef struct Hub Hub;
typedef struct Client Client;
typedef struct Topic Topic;
typedef struct Viewer Viewer;
typedef struct Change Change;

/* ---- table.c: a hash table of structs that hold their own links ---- */

typedef struct TableNode TableNode;
struct TableNode {
    TableNode *next;
    uint64_t hash;
    Str key; /* must live as long as the node is in the table */
};

typedef struct {
    TableNode **buckets;
    size_t count, cap;
} Table;

void table_open(Table *t); /* aborts without memory (at start) */
void table_close(Table *t);
TableNode *table_find(const Table *t, Str key);
void table_add(Table *t, TableNode *node, Str key); /* the key is new */
void table_remove(Table *t, TableNode *node);
/* fn() of every node; those for which it says true are taken out (and may be
 * freed by it). It must not add any. */
void table_each(Table *t, bool (*fn)(TableNode *node, void *arg), void *arg);

/* ---- topics.c: what a topic says; pure ---- */

typedef struct {
    Str head;                  /* before '?': "posts/abc" */
    Json *query;               /* of ?options=, an object of texts; NULL = none */
    Json *headers;             /* keys in snake_case */
    Str filter;                /* query.filter; empty = none */
    const Filter *filter_code; /* NULL with a filter: it does not parse, nothing matches */
    ExpandNode *expand;        /* NULL = none */
    FieldsPick *fields;        /* NULL = none */
} TopicOptions;

Str topic_head(Str text);
/* Never fails: what makes no sense is not there. Texts point into `text`. */
void topic_parse(Arena *a, Str text, TopicOptions *out);
/* The six heads that a record's subscribers may have used: NAME/ID, ID/ID are
 * of its view rule, the others of the list rule. Those too long for a topic are
 * empty. `space` has HEADS_BYTES. */
#define HEADS       6
#define HEADS_VIEW  2
#define HEADS_BYTES (4 * (REALTIME_TOPIC_BYTES_MAX + 1))
void topic_heads(char *space, Str collection_name, Str collection_id, Str id, Str out[HEADS]);

/* ---- change.c: a record as it was committed ---- */

/* A schema that is held, shared by all that speak of it. */
typedef struct {
    _Atomic uint32_t refs;
    Arena *arena;
    const Schema *schema;
} Pin;

Pin *pin_new(SchemaStore *store);
Pin *pin_share(Pin *pin);
void pin_release(Pin *pin); /* NULL is fine */

struct Change {
    _Atomic uint32_t refs;
    ChangeKind kind;
    Pin *pin;
    const Collection *collection; /* of pin's schema */
    size_t size;                  /* of memory */
    /* Records that its relations name and that were deleted in the same commit
     * before it: with them the state before the delete can be told. */
    Change **parents;
    size_t parent_count;
    DbValue *values; /* in the collection's order; texts behind it */
};

/* NULL when memory is out, or when the collection is gone. */
Change *change_new(Pin *pin, ChangeKind kind, const Record *r);
/* The value of field `f` of `c` in a row of `from`, an older or newer state of
 * the same collection; NULL when it has none. */
DbValue value_by_field(const Collection *from, const DbValue *values, const Collection *c,
                       const Field *f);
Change *change_share(Change *change);
void change_release(Change *change);
Str change_text(const Change *change, Str field);
bool change_bool(const Change *change, Str field);

/* ---- hub.c: the clients of one loop ---- */

typedef struct {
    Client *client;
    struct Subscription *subscription;
} Subscriber;

typedef struct Subscription {
    Topic *topic;
    uint32_t at; /* in topic->subscribers */
} Subscription;

struct Client {
    TableNode node; /* in the broker's table, by id */
    Hub *hub;
    HttpStream *stream; /* NULL: gone */
    Viewer *viewer;     /* as of the last POST; see client_viewer() */
    Subscription *subscriptions;
    uint32_t subscription_count;
    uint32_t generation;   /* of the subscriptions */
    int64_t token_ends_ms; /* wall clock; 0 = a guest, whose stream no token ends */
    Client *next_gone;
    uint8_t ip_len;
    char ip[46];
    char id[CLIENT_ID_BYTES];
};

/* All topics of one head: they differ in their options. */
typedef struct {
    TableNode node; /* in hub->heads */
    Topic *topics;
    char key[];
} Head;

struct Topic {
    TableNode node; /* in hub->topics, by its whole text */
    Head *head;
    Topic *next_of_head, *next_gone;
    Subscriber *subscribers;
    uint32_t count, cap;
    uint64_t mark;             /* of the latest POST that named it */
    Arena *arena;              /* options live here; NULL = none */
    TopicOptions *options;     /* NULL = none */
    uint64_t filter_schema[2]; /* version of the schema filter_legal is of */
    bool filter_legal[2];      /* may [a superuser] ask this of that collection? */
    char text[];
};

/* Who subscribers are: one for all connections of an auth record. */
struct Viewer {
    TableNode node; /* in hub->viewers, by "collection id/record id" */
    uint32_t refs;
    bool revoked;  /* whoever has it is a guest now */
    AuthInfo auth; /* `collection` is not used; texts are in `text` */
    Str token_key, secret;
    char *text;
    uint64_t stamp;   /* of the topic's fan-out that `frame` is of */
    HttpBytes *frame; /* what is sent; NULL = nothing */
    Viewer *next_judged;
    char key[];
};

typedef struct InboxItem InboxItem;

struct Hub {
    Realtime *rt;
    Loop *loop; /* NULL before its first client */
    int index;

    pthread_mutex_t lock; /* of the next four */
    InboxItem *first, *last;
    size_t inbox_bytes;
    bool overflow;

    Table topics, heads, viewers;
    Viewer *guest;
    Pin *pin;                  /* the schema against which viewers were checked */
    uint64_t settings_version; /* those against which addresses were */
    uint64_t mark;

    bool fanning;       /* the fiber is at work */
    bool fan_out_waits; /* for a fiber to be had */
    uint64_t stamp;
    Viewer *judged; /* those with a frame */
    Client *gone_clients;
    Topic *gone_topics;
    Arena *scratch, *eval; /* of one change; of one verdict */
};

void hub_open(Hub *hub, Realtime *rt, int index);
void hub_close(Hub *hub);

/* A connection becomes a client. Its PB_CONNECT is sent. */
MUST_CHECK Error *hub_connect(Hub *hub, Req *req, Res *res);

/* The topics a POST asks for, taken apart on its own loop. */
typedef struct {
    Str text;
    Arena *arena; /* handed over; NULL = no options */
    TopicOptions *options;
} WantedTopic;

typedef enum {
    SUBSCRIBED,
    SUBSCRIBE_NO_CLIENT,
    SUBSCRIBE_OTHER_IP,
    SUBSCRIBE_OTHER_AUTH,
    SUBSCRIBE_FULL
} SubscribeOutcome;

typedef struct {
    Str ip;
    const Record *caller; /* NULL = guest */
    Str secret;           /* of the caller's collection */
    int64_t token_ends_ms;
    WantedTopic *topics;
    size_t count;
    SubscribeOutcome outcome;
} SubscribeCall;

void hub_subscribe(Client *client, void *call);        /* SubscribeCall */
void hub_send(Client *client, void *call);             /* SendCall */
void hub_auth_changed(Hub *hub, const Change *change); /* an auth record was written */
/* Brings viewers in line with the present schema: cheap when it is the same. */
void hub_check_schema(Hub *hub);
/* Streams of superusers at addresses where there may be none any more are ended. */
void hub_check_settings(Hub *hub);
Viewer *client_viewer(Client *client);
/* True when its token has expired: the stream ends, and tells nothing before. The
 * client comes again with the token that it has by now. */
bool client_ends(Client *client, int64_t now_ms);
void viewer_let_go(Hub *hub, Viewer *v); /* one reference; the last one takes it off the hub */
bool client_has_topic(const Client *client, const Topic *topic);
void hub_cut_all(Hub *hub); /* subscribers; they come again and look for themselves */
void hub_bury(Hub *hub);    /* frees what has gone */

typedef struct {
    const RealtimeMessage *message;
    RealtimeOutcome outcome;
} SendCall;

/* viewer.c */
Viewer *viewer_new(Str key, const AuthInfo *auth, Str token_key, Str secret); /* NULL: no memory */
bool viewer_set(Viewer *v, const AuthInfo *auth, Str token_key, Str secret);
void viewer_release(Viewer *v);
Str viewer_key(char *space, size_t size, Str collection_id, Str id); /* empty: too long */
#define VIEWER_KEY_BYTES 1024

/* ---- broker.c: what is shared ---- */

struct Realtime {
    App *app;
    RealtimeLimits limits;
    Hub *hubs;
    int hub_count;
    _Atomic size_t client_count; /* zero: changes cost one load */
    _Atomic size_t memory;       /* of subscriptions */

    pthread_mutex_t lock;    /* of the rest */
    Table clients;           /* id → Client */
    Table topics, callers;   /* head, "collection id/record id" → Interest */
    Pin *pin;                /* of the present schema, when last asked */
    struct Deleted *deleted; /* of the commit under way; the writer's alone */
};

typedef enum { INTEREST_TOPIC, INTEREST_CALLER } InterestKind;
/* False without memory. One hub asks once for each key. */
MUST_CHECK bool broker_watch(Realtime *rt, InterestKind kind, Str key, const Hub *hub);
void broker_unwatch(Realtime *rt, InterestKind kind, Str key, const Hub *hub);

MUST_CHECK bool broker_add(Realtime *rt, Client *client); /* false: too many */
void broker_remove(Realtime *rt, Client *client);
/* Runs fn(client, arg) on the client's loop and waits for it; false when there
 * is no such client. In a fiber. */
bool broker_call(Realtime *rt, Str id, void (*fn)(Client *client, void *arg), void *arg);
Pin *broker_pin(Realtime *rt); /* the present schema, with a reference */

/* ---- fanout.c ---- */

struct InboxItem {
    InboxItem *next;
    Change *change;
};
/* From the writer's thread. NULL: a change that could not be copied. */
void fanout_push(Hub *hub, Change *change);

/* One change on its way to the subscribers of one hub. */
typedef struct {
    Hub *hub;
    const Change *change;
    Pin *pin; /* of the schema it is judged by: the present one */
    const Collection *c;
    Record record; /* its values, by that schema */
    int64_t now_ms;
    Str json[4]; /* the record as each kind of viewer sees it; see render.c */
} Delivery;

/* One topic of it. */
typedef struct {
    Delivery *d;
    Topic *topic;
    RuleKind rule;
    uint64_t stamp;
    HttpBytes *frames[4]; /* by kind of viewer; NULL = not made yet */
} TopicDelivery;

/* Looks at the change by the present schema; false when its collection is gone. */
bool delivery_refresh(Delivery *d);

/* match.c: sets viewer->frame and ->stamp. May wait. */
void judge_viewer(TopicDelivery *td, Viewer *viewer);

/* One question to match.c and render.c. */
typedef struct {
    TopicDelivery *td;
    RequestInfo info;
    AuthInfo auth;
    bool is_superuser;
    bool may;                            /* the verdict */
    bool email_shown;                    /* auth records: to this viewer */
    bool asks_rule, asks_email, expands; /* what needs the database */
    HttpBytes *frame;
} Judgement;

/* render.c: the bytes of the message; `expanded` NULL: the record as it is.
 * NULL without memory. A reference for the caller. */
HttpBytes *render_frame(const Judgement *j, const Record *expanded);
/* "\nevent:<topic>\ndata:<json>\n\n" */
HttpBytes *frame_new(Str topic, Str json);
/* Sends a frame to one client, with its id in front. */
bool frame_send(const Client *client, HttpBytes *frame);

#endif
