/* yardstick.c - the least program that does Croft's work, to measure Croft by.
 *
 *     yardstick DATA.DB PORT LOOPS
 *
 *     GET  /view/<id>        one row of "posts" by primary key, as JSON
 *     GET  /list/<category>  30 rows by an indexed column, sorted by created
 *     POST /create           a JSON body becomes a row, fsynced by group commit
 *     POST /sign-in          {"identity", "password"} of a superuser: the hash verified
 *                            on a thread of its own, a signed token beside the record
 *     GET  /hello            30 bytes
 *
 * A libuv loop per core (SO_REUSEPORT), SQLite inline with one prepared
 * statement each, one writer thread with group commit at synchronous=FULL. No
 * callers, no rules, no schema, no limits, requests taken on trust: the
 * database work and the sockets and nothing else (measurements.md, "The
 * yardstick"). Uses Croft's JSON reader and writer, so that what is compared is
 * everything around them.
 */
#include "base/base.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/random.h"
#include "json/json.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define COLUMNS  "id, title, body, category, views, author, created, updated"
#define BODY_MAX 65536

typedef struct Worker Worker;
typedef struct Conn Conn;
typedef struct Write Write;
typedef struct SignIn SignIn;

struct Write {
    Conn *conn;
    Write *next;
    Str title, body, category, author;
    double views;
    char id[16];
    char created[DATETIME_LEN];
};

struct SignIn {
    Conn *conn;
    SignIn *next;
    Str password, key, record; /* key: what tokens of the record are signed with */
    char hash[crypto_pwhash_STRBYTES];
    bool ok;
};

struct Conn {
    uv_tcp_t tcp;
    Worker *worker;
    Arena *arena; /* holds the create request on its way through the writer */
    Write write;
    SignIn sign_in;
    bool busy, closing;
    size_t used;
    char in[BODY_MAX];
};

struct Worker {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t wake;
    sqlite3 *db;
    sqlite3_stmt *view, *list, *account;
    Arena *arena;
    Write *done;      /* under lock */
    uv_poll_t hashed; /* `verified` is to be looked at */
    int hashed_fd;    /* an eventfd: a uv_async_t may spin */
    SignIn *verified; /* under lock */
    char shared[BODY_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static Write *queue, **queue_end = &queue;
static pthread_cond_t to_hash = PTHREAD_COND_INITIALIZER;
static SignIn *hash_queue, **hash_queue_end = &hash_queue;

static sqlite3 *open_db(const char *path)
{
    sqlite3 *db;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)) {
        fprintf(stderr, "yardstick: %s: %s\n", path, sqlite3_errmsg(db));
        exit(1);
    }
    sqlite3_busy_timeout(db, 10000);
    sqlite3_exec(db,
                 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=268435456;"
                 "PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=0",
                 NULL, NULL, NULL);
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL)) {
        fprintf(stderr, "yardstick: %s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
    return stmt;
}

static void add_column(Buf *out, const char *key, sqlite3_stmt *stmt, int i)
{
    buf_add(out, str_from(key));
    json_write_string(out, str_make((const char *)sqlite3_column_text(stmt, i),
                                    (size_t)sqlite3_column_bytes(stmt, i)));
}

static void add_row(Buf *out, sqlite3_stmt *stmt)
{
    add_column(out, "{\"collectionName\":\"posts\",\"id\":", stmt, 0);
    add_column(out, ",\"title\":", stmt, 1);
    add_column(out, ",\"body\":", stmt, 2);
    add_column(out, ",\"category\":", stmt, 3);
    buf_add(out, S(",\"views\":"));
    json_write_number(out, sqlite3_column_double(stmt, 4));
    add_column(out, ",\"author\":", stmt, 5);
    add_column(out, ",\"created\":", stmt, 6);
    add_column(out, ",\"updated\":", stmt, 7);
    buf_char(out, '}');
}

static void on_closed(uv_handle_t *handle)
{
    Conn *conn = (Conn *)handle;
    arena_destroy(conn->arena);
    free(conn);
}

static void conn_close(Conn *conn)
{
    conn->closing = true;
    if (!conn->busy && !uv_is_closing((uv_handle_t *)&conn->tcp))
        uv_close((uv_handle_t *)&conn->tcp, on_closed);
}

static void on_written(uv_write_t *req, int status)
{
    free(req);
}

/* One write per response; what the socket does not take at once is copied. */
static void respond(Conn *conn, Str body)
{
    char head[256];
    int n =
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                 body.len);
    uv_buf_t bufs[2] = {uv_buf_init(head, (unsigned)n),
                        uv_buf_init((char *)(uintptr_t)body.ptr, (unsigned)body.len)};
    int sent = uv_try_write((uv_stream_t *)&conn->tcp, bufs, 2);
    size_t total = (size_t)n + body.len, done = sent < 0 ? 0 : (size_t)sent;
    if (done == total) return;

    uv_write_t *req = malloc(sizeof *req + total);
    char *copy = (char *)(req + 1);
    memcpy(copy, head, (size_t)n);
    memcpy(copy + n, body.ptr, body.len);
    uv_buf_t rest = uv_buf_init(copy + done, (unsigned)(total - done));
    uv_write(req, (uv_stream_t *)&conn->tcp, &rest, 1, on_written);
}

static void serve_rows(Conn *conn, sqlite3_stmt *stmt, Str key)
{
    Worker *w = conn->worker;
    Buf out = buf_new(w->arena, 4096);
    sqlite3_bind_text(stmt, 1, key.ptr, (int)key.len, SQLITE_STATIC);
    bool list = stmt == w->list, first = true;
    if (list) buf_add(&out, S("{\"items\":["));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        if (!first) buf_char(&out, ',');
        add_row(&out, stmt);
        first = false;
    }
    if (list) buf_add(&out, S("],\"page\":1,\"perPage\":30,\"totalItems\":-1,\"totalPages\":-1}"));
    sqlite3_reset(stmt);
    respond(conn, buf_str(&out));
    arena_reset(w->arena);
}

static void serve_create(Conn *conn, Str text)
{
    Json *body;
    if (json_parse(conn->arena, arena_copy(conn->arena, text), NULL, &body)) {
        conn_close(conn);
        return;
    }
    Write *write = &conn->write;
    *write = (Write){.conn = conn,
                     .title = json_str(json_get(body, S("title")), S("")),
                     .body = json_str(json_get(body, S("body")), S("")),
                     .category = json_str(json_get(body, S("category")), S("")),
                     .author = json_str(json_get(body, S("author")), S("")),
                     .views = json_number(json_get(body, S("views")), 0)};
    Str id = random_id(conn->arena);
    memcpy(write->id, id.ptr, 15);
    datetime_write(write->created, clock_wall_ms());
    conn->busy = true;
    pthread_mutex_lock(&lock);
    *queue_end = write;
    queue_end = &write->next;
    pthread_cond_signal(&queued);
    pthread_mutex_unlock(&lock);
}

/* ---- sign-in ---- */

static Str account_column(Conn *conn, int i)
{
    sqlite3_stmt *stmt = conn->worker->account;
    return arena_copy(conn->arena, str_make((const char *)sqlite3_column_text(stmt, i),
                                            (size_t)sqlite3_column_bytes(stmt, i)));
}

static void serve_sign_in(Conn *conn, Str text)
{
    Arena *a = conn->arena;
    sqlite3_stmt *stmt = conn->worker->account;
    Json *body;
    if (json_parse(a, arena_copy(a, text), NULL, &body)) {
        conn_close(conn);
        return;
    }
    Str identity = json_str(json_get(body, S("identity")), S(""));
    sqlite3_bind_text(stmt, 1, identity.ptr, (int)identity.len, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        sqlite3_reset(stmt);
        conn_close(conn);
        return;
    }
    SignIn *in = &conn->sign_in;
    *in = (SignIn){.conn = conn,
                   .password = json_str(json_get(body, S("password")), S("")),
                   .key = account_column(conn, 1)};
    Str hash = account_column(conn, 0);
    memcpy(in->hash, hash.ptr, MIN(hash.len, sizeof(in->hash) - 1));
    Buf record = buf_new(a, 512);
    add_column(&record, "{\"collectionName\":\"_superusers\",\"id\":", stmt, 2);
    add_column(&record, ",\"email\":", stmt, 3);
    add_column(&record, ",\"created\":", stmt, 4);
    add_column(&record, ",\"updated\":", stmt, 5);
    buf_char(&record, '}');
    in->record = buf_str(&record);
    sqlite3_reset(stmt);

    conn->busy = true;
    pthread_mutex_lock(&lock);
    *hash_queue_end = in;
    hash_queue_end = &in->next;
    pthread_mutex_unlock(&lock);
    pthread_cond_signal(&to_hash);
}

static void *hasher(void *arg)
{
    pthread_setname_np(pthread_self(), "passwords");
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!hash_queue)
            pthread_cond_wait(&to_hash, &lock);
        SignIn *in = hash_queue;
        hash_queue = in->next;
        if (!hash_queue) hash_queue_end = &hash_queue;
        pthread_mutex_unlock(&lock);

        in->ok = crypto_pwhash_str_verify(in->hash, in->password.ptr, in->password.len) == 0;

        Worker *w = in->conn->worker;
        pthread_mutex_lock(&lock);
        in->next = w->verified;
        w->verified = in;
        pthread_mutex_unlock(&lock);
        eventfd_write(w->hashed_fd, 1);
    }
    return NULL;
}

static void sign_in_answer(SignIn *in)
{
    Conn *conn = in->conn;
    Arena *a = conn->arena;
    Buf token = buf_new(a, 512);
    buf_add(&token, S("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
    buf_add(&token, base64url_encode(a, in->record)); /* as good as claims */
    uint8_t mac[32];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)in->key.ptr, in->key.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)token.ptr, token.len);
    crypto_auth_hmacsha256_final(&state, mac);
    buf_char(&token, '.');
    buf_add(&token, base64url_encode(a, str_make((const char *)mac, sizeof(mac))));

    Buf out = buf_new(a, 1024);
    buf_add(&out, S("{\"record\":"));
    buf_add(&out, in->record);
    buf_add(&out, S(",\"token\":"));
    json_write_string(&out, buf_str(&token));
    buf_char(&out, '}');
    conn->busy = false;
    if (in->ok)
        respond(conn, buf_str(&out));
    else
        conn->closing = true;
    arena_reset(a);
    if (conn->closing) conn_close(conn);
}

static void on_hashed(uv_poll_t *poll, int status, int events)
{
    Worker *w = poll->data;
    eventfd_t count;
    eventfd_read(w->hashed_fd, &count);
    pthread_mutex_lock(&lock);
    SignIn *verified = w->verified;
    w->verified = NULL;
    pthread_mutex_unlock(&lock);
    for (SignIn *next; verified; verified = next) {
        next = verified->next;
        sign_in_answer(verified);
    }
}

/* ---- */

static void serve(Conn *conn, Str target, Str body)
{
    if (str_starts(target, S("/view/")))
        serve_rows(conn, conn->worker->view, str_from_pos(target, 6));
    else if (str_starts(target, S("/list/")))
        serve_rows(conn, conn->worker->list, str_from_pos(target, 6));
    else if (str_eq(target, S("/create")))
        serve_create(conn, body);
    else if (str_eq(target, S("/sign-in")))
        serve_sign_in(conn, body);
    else
        respond(conn, S("{\"message\":\"hello, world\"}"));
}

/* Serves the first whole request in conn->in; returns its length, 0 when more
 * is needed. */
static size_t serve_first(Conn *conn)
{
    Str in = {conn->in, conn->used};
    ptrdiff_t end = str_find(in, S("\r\n\r\n"));
    if (end < 0) return 0;
    size_t head = (size_t)end + 4, length = 0;
    ptrdiff_t at = str_find(str_sub(in, 0, head), S("Content-Length: "));
    if (at >= 0) length = strtoul(in.ptr + at + 16, NULL, 10);
    if (conn->used < head + length) return 0;

    Str line = in;
    str_split(&line, ' ');
    serve(conn, str_split(&line, ' '), str_sub(in, head, length));
    return head + length;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    Conn *conn = (Conn *)handle;
    *buf = uv_buf_init(conn->in + conn->used, (unsigned)(sizeof conn->in - conn->used));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    Conn *conn = (Conn *)stream;
    if (n < 0) {
        conn_close(conn);
        return;
    }
    conn->used += (size_t)n;
    size_t done;
    while (!conn->busy && !conn->closing && (done = serve_first(conn)) > 0) {
        memmove(conn->in, conn->in + done, conn->used - done);
        conn->used -= done;
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status < 0) return;
    Conn *conn = malloc(sizeof *conn);
    *conn = (Conn){.worker = listener->data, .arena = arena_create("conn", 0)};
    uv_tcp_init(listener->loop, &conn->tcp);
    if (uv_accept(listener, (uv_stream_t *)&conn->tcp)) {
        conn_close(conn);
        return;
    }
    uv_tcp_nodelay(&conn->tcp, 1);
    uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
}

static void on_wake(uv_async_t *async)
{
    Worker *w = async->data;
    pthread_mutex_lock(&lock);
    Write *done = w->done;
    w->done = NULL;
    pthread_mutex_unlock(&lock);

    for (Write *next; done; done = next) {
        next = done->next;
        Conn *conn = done->conn;
        Buf out = buf_new(w->arena, 1024);
        buf_add(&out, S("{\"id\":"));
        json_write_string(&out, str_make(done->id, 15));
        buf_add(&out, S(",\"title\":"));
        json_write_string(&out, done->title);
        buf_add(&out, S(",\"body\":"));
        json_write_string(&out, done->body);
        buf_add(&out, S(",\"created\":"));
        json_write_string(&out, str_make(done->created, DATETIME_LEN));
        buf_char(&out, '}');
        conn->busy = false;
        respond(conn, buf_str(&out));
        arena_reset(w->arena);
        arena_reset(conn->arena);
        if (conn->closing) conn_close(conn);
    }
}

static void insert(sqlite3_stmt *stmt, const Write *write)
{
    sqlite3_bind_text(stmt, 1, write->id, 15, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, write->title.ptr, (int)write->title.len, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, write->body.ptr, (int)write->body.len, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, write->category.ptr, (int)write->category.len, SQLITE_STATIC);
    sqlite3_bind_double(stmt, 5, write->views);
    sqlite3_bind_text(stmt, 6, write->author.ptr, (int)write->author.len, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 7, write->created, DATETIME_LEN, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE) fprintf(stderr, "yardstick: an insert failed\n");
    sqlite3_reset(stmt);
}

/* Takes all that is queued, one commit for it, one wake-up a loop. */
static void *writer(void *path)
{
    sqlite3 *db = open_db(path);
    sqlite3_stmt *stmt = prepare(db, "INSERT INTO posts (" COLUMNS ") "
                                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)");
    sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *commit = prepare(db, "COMMIT");
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!queue)
            pthread_cond_wait(&queued, &lock);
        Write *batch = queue;
        queue = NULL;
        queue_end = &queue;
        pthread_mutex_unlock(&lock);

        sqlite3_step(begin);
        sqlite3_reset(begin);
        for (Write *write = batch; write; write = write->next)
            insert(stmt, write);
        if (sqlite3_step(commit) != SQLITE_DONE) fprintf(stderr, "yardstick: commit failed\n");
        sqlite3_reset(commit);
        int pages = 0, moved = 0;
        if (sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_NOOP, &pages, &moved) ==
                SQLITE_OK &&
            pages > 4000)
            sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);

        pthread_mutex_lock(&lock);
        for (Write *write = batch, *next; write; write = next) {
            next = write->next;
            Worker *w = write->conn->worker;
            write->next = w->done;
            if (!w->done) uv_async_send(&w->wake);
            w->done = write;
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *run_worker(void *arg)
{
    Worker *w = arg;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void worker_listen(Worker *w, int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr)) {
        perror("yardstick: bind");
        exit(1);
    }
    uv_tcp_init(&w->loop, &w->listener);
    uv_tcp_open(&w->listener, fd);
    w->listener.data = w;
    uv_listen((uv_stream_t *)&w->listener, 4096, on_connection);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: yardstick DATA.DB PORT LOOPS\n");
        return 2;
    }
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_initialize();
    int loops = (int)strtol(argv[3], NULL, 10), port = (int)strtol(argv[2], NULL, 10);
    pthread_t thread;
    if (sodium_init() < 0) return 1;
    pthread_create(&thread, NULL, hasher, NULL);
    for (int i = 0; i < loops; i++) {
        Worker *w = calloc(1, sizeof *w);
        uv_loop_init(&w->loop);
        w->wake.data = w;
        uv_async_init(&w->loop, &w->wake, on_wake);
        w->wake.data = w;
        w->arena = arena_create("worker", 0);
        w->db = open_db(argv[1]);
        w->view = prepare(w->db, "SELECT " COLUMNS " FROM posts WHERE id = ?1");
        w->list = prepare(w->db, "SELECT " COLUMNS " FROM posts WHERE category = ?1 "
                                 "ORDER BY created LIMIT 30");
        w->account = prepare(w->db, "SELECT password, tokenKey, id, email, created, updated "
                                    "FROM _superusers WHERE email = ?1");
        w->hashed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        uv_poll_init(&w->loop, &w->hashed, w->hashed_fd);
        w->hashed.data = w;
        uv_poll_start(&w->hashed, UV_READABLE, on_hashed);
        worker_listen(w, port);
        pthread_create(&thread, NULL, run_worker, w);
    }
    writer(argv[1]);
    return 0;
}
