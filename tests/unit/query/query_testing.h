/* query_testing.h - the data of api: filters §10 in a real database, and what a
 * filter finds there.
 *
 * The state is made once for all tests of a file: they only read. Each run has
 * an arena of its own. */
#ifndef CROFT_QUERY_TESTING_H
#define CROFT_QUERY_TESTING_H

#include "query/query.h"
#include "schema/schema_testing.h"

// clang-format off: JSON in lines of its own
static const char *const TEST_COLLECTIONS[][2] = {
    {"", "{\"id\":\"orgs00000000000\",\"name\":\"orgs\",\"type\":\"base\",\"listRule\":\"\",\"fields\":["
         "{\"type\":\"text\",\"name\":\"title\"}]}"},
    {"users", "{\"listRule\":\"\",\"fields\":["
              "{\"type\":\"text\",\"name\":\"name\"},"
              "{\"type\":\"text\",\"name\":\"secret\",\"hidden\":true},"
              "{\"type\":\"relation\",\"name\":\"org\",\"collectionId\":\"orgs00000000000\"}]}"},
    {"", "{\"id\":\"posts0000000000\",\"name\":\"posts\",\"type\":\"base\",\"listRule\":\"\",\"fields\":["
         "{\"type\":\"text\",\"name\":\"title\"},"
         "{\"type\":\"number\",\"name\":\"views\"},"
         "{\"type\":\"bool\",\"name\":\"active\"},"
         "{\"type\":\"date\",\"name\":\"published\"},"
         "{\"type\":\"select\",\"name\":\"kind\",\"values\":[\"news\",\"blog\"]},"
         "{\"type\":\"select\",\"name\":\"tags\",\"maxSelect\":3,\"values\":[\"a\",\"b\",\"bc\"]},"
         "{\"type\":\"relation\",\"name\":\"author\",\"collectionId\":\"_pb_users_auth_\"},"
         "{\"type\":\"relation\",\"name\":\"editors\",\"maxSelect\":9,"
         "\"collectionId\":\"_pb_users_auth_\"},"
         "{\"type\":\"json\",\"name\":\"data\"},"
         "{\"type\":\"geoPoint\",\"name\":\"loc\"},"
         "{\"type\":\"file\",\"name\":\"docs\",\"maxSelect\":3},"
         "{\"type\":\"text\",\"name\":\"role\"},"
         "{\"type\":\"text\",\"name\":\"note\",\"hidden\":true}]}"},
    {"", "{\"id\":\"comments0000000\",\"name\":\"comments\",\"type\":\"base\",\"listRule\":\"\",\"fields\":["
         "{\"type\":\"relation\",\"name\":\"post\",\"collectionId\":\"posts0000000000\"},"
         "{\"type\":\"number\",\"name\":\"stars\"},"
         "{\"type\":\"text\",\"name\":\"body\"}]}"},
    {"", "{\"id\":\"bans00000000000\",\"name\":\"bans\",\"type\":\"base\",\"fields\":["
         "{\"type\":\"relation\",\"name\":\"user\",\"collectionId\":\"_pb_users_auth_\"},"
         "{\"type\":\"relation\",\"name\":\"post\",\"collectionId\":\"posts0000000000\"}]}"},
    {"", "{\"id\":\"members00000000\",\"name\":\"members\",\"type\":\"base\","
         "\"listRule\":\"user = @request.auth.id\",\"fields\":["
         "{\"type\":\"relation\",\"name\":\"user\",\"collectionId\":\"_pb_users_auth_\"},"
         "{\"type\":\"relation\",\"name\":\"org\",\"collectionId\":\"orgs00000000000\"}]}"},
    {"", "{\"id\":\"covers000000000\",\"name\":\"covers\",\"type\":\"base\",\"listRule\":\"\",\"fields\":["
         "{\"type\":\"relation\",\"name\":\"posts\",\"maxSelect\":9,"
         "\"collectionId\":\"posts0000000000\"},"
         "{\"type\":\"relation\",\"name\":\"main\",\"collectionId\":\"posts0000000000\"},"
         "{\"type\":\"relation\",\"name\":\"veiled\",\"hidden\":true,"
         "\"collectionId\":\"posts0000000000\"},"
         "{\"type\":\"text\",\"name\":\"label\"}],"
         "\"indexes\":[\"CREATE UNIQUE INDEX covers_main ON covers (main)\"]}"},
    {"", "{\"id\":\"latest000000000\",\"name\":\"latest\",\"type\":\"view\",\"listRule\":\"\","
         "\"viewQuery\":\"SELECT id, title FROM posts\",\"fields\":["
         "{\"type\":\"text\",\"name\":\"id\",\"primaryKey\":true,\"required\":true,"
         "\"system\":true,\"pattern\":\"^.+$\"},{\"type\":\"text\",\"name\":\"title\"}]}"},
};
// clang-format on

#define TEST_ROWS                                                                                  \
    "INSERT INTO orgs (id, title) VALUES ('o1','Acme'), ('o2','Beta');"                            \
    "INSERT INTO users (id, name, org, secret, email, emailVisibility, verified, tokenKey)"        \
    " VALUES ('u1','Ann','o1','x','ann@x.test',1,1,'k1'),"                                         \
    " ('u2','Bob','o2','y','bob@x.test',0,0,'k2'), ('u3','Cy','','z','cy@x.test',1,0,'k3');"       \
    "INSERT INTO posts (id, title, views, active, published, kind, tags, author, editors, data,"   \
    " loc, role, note) VALUES"                                                                     \
    " ('p1','Hello',5,1,'2024-01-01 00:00:00.000Z','news','[\"a\",\"b\"]','u1',"                   \
    "  '[\"u1\",\"u2\"]','{\"x\":{\"y\":1},\"list\":[10,20]}','{\"lon\":23.3,\"lat\":42.7}',"      \
    "  'admin','n1'),"                                                                             \
    " ('p2','hello world',0,0,'','','[]','','[]',NULL,'{\"lon\":0,\"lat\":0}','',''),"             \
    " ('p3','100% off',20,1,'2024-06-01 12:00:00.000Z','blog','[\"b\"]','u2','[\"u2\"]',"          \
    "  '\"str\"','{\"lon\":0,\"lat\":0}','editor','');"                                            \
    "INSERT INTO comments (id, post, stars, body) VALUES"                                          \
    " ('c1','p1',5,'ok'), ('c2','p1',1,''), ('c3','p3',5,'');"                                     \
    "INSERT INTO bans (id, user, post) VALUES ('b1','u2','p1');"                                   \
    "INSERT INTO members (id, user, org) VALUES ('m1','u1','o1'), ('m2','u2','o1');"               \
    "INSERT INTO covers (id, posts, main, label) VALUES ('v1','[\"p1\",\"p3\"]','p1','one'),"      \
    " ('v2','[\"p3\"]','p3','two');"

static inline int query_setup(void **state)
{
    Arena *a = arena_create("test", 256 << 20);
    TestSchema *t = arena_new(a, TestSchema, 1);
    t->arena = a;
    t->db = test_db_new(a);
    test_db_open(t->db);
    check_ok("store", schema_store_open(a, t->db->db, query_compile_schema, NULL, &t->store));
    for (size_t i = 0; i < COUNT(TEST_COLLECTIONS); i++) {
        const char *name = TEST_COLLECTIONS[i][0], *json = TEST_COLLECTIONS[i][1];
        check_ok(json, test_save(t, name, json));
    }
    check_ok("rows", db_exec(t->db, S(TEST_ROWS)));
    *state = t;
    return 0;
}

/* ---- one question ---- */

typedef struct {
    const Schema *schema;
    const Collection *collection;
    const RequestInfo *info;
    const Filter *rule; /* may be NULL */
    Str filter, sort;   /* a client's, may be empty */
    bool subscriber;
    Str sql, ids;       /* the answer: "p1 p3", by id unless sorted */
    int64_t count;
    bool exists, never, joins;
} Question;

static inline Error *read_ids(Tx *tx, Question *q, Select *select)
{
    static const Str ID[] = {STR_INIT("id")};
    Stmt *stmt;
    q->sql = select_rows_sql(select, ID, 1, -1, 0);
    Error *err = tx_prepare(tx, q->sql, &stmt);
    if (err) return err;
    select_bind(select, stmt);
    Buf out = buf_new(tx_arena(tx), 64);
    for (bool row = true; row;) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        if (out.len > 0) buf_char(&out, ' ');
        buf_add(&out, stmt_str(stmt, 0));
    }
    q->ids = arena_copy(tx_arena(tx), buf_str(&out));
    return NULL;
}

static inline Error *read_number(Tx *tx, const Select *select, Str sql, int64_t *out)
{
    Stmt *stmt;
    bool row;
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    select_bind(select, stmt);
    err = stmt_step(stmt, &row);
    if (err) return err;
    *out = row ? stmt_i64(stmt, 0) : 0;
    return NULL;
}

static inline Error *question_conditions(Question *q, Select *select)
{
    Error *err = select_where_rule(select, q->rule);
    if (err) return err;
    err = q->subscriber ? select_where_subscriber(select, q->filter)
                        : select_where_client(select, q->filter);
    if (err) return err;
    /* whatever the order is, by id at last */
    return q->sort.len ? select_sort_client(select, q->sort) : NULL;
}

static inline Error *question_work(Tx *tx, void *arg)
{
    Question *q = arg;
    int64_t exists;
    Select *select = select_new(tx_arena(tx), db_dialect(tx_db(tx)), q->schema, q->collection,
                                q->info);
    Error *err = question_conditions(q, select);
    if (err) return err;
    q->never = select_is_never(select);
    q->joins = select_has_joins(select);
    err = read_ids(tx, q, select);
    if (err) return err;
    err = read_number(tx, select, select_count_sql(select), &q->count);
    if (err) return err;
    err = read_number(tx, select, select_exists_sql(select), &exists);
    if (err) return err;
    q->exists = exists == 1;
    return NULL;
}

static inline size_t word_count(Str text)
{
    size_t n = 0;
    for (Str rest = text; text.len > 0 && rest.ptr; n++)
        (void)str_split(&rest, ' ');
    return n;
}

/* Asks, and checks that count, existence and rows agree. */
static inline Error *ask(TestSchema *t, Arena *a, Question *q)
{
    q->schema = schema_hold(t->store, a);
    Error *err = db_read(t->db->db, a, question_work, q);
    if (err) return err;
    check_int(arena_cstr(a, q->sql), q->count, word_count(q->ids));
    check_bool(arena_cstr(a, q->sql), q->exists, q->count > 0);
    if (q->never) check_int("never", q->count, 0);
    return NULL;
}

static inline const Filter *test_filter(Arena *a, const char *text)
{
    Filter *f = NULL;
    Error *err = filter_parse(a, str_from(text), &f);
    check_ok(text, err);
    return f;
}

/* Sorted by id, when the statement does not say otherwise: rows come in the
 * order of insertion, which is that of the ids here, unless a join drives. */
static inline Str sorted_words(Arena *a, Str text)
{
    Str words[16];
    size_t n = 0;
    for (Str rest = text; text.len > 0 && rest.ptr && n < COUNT(words);)
        words[n++] = str_split(&rest, ' ');
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && str_cmp(words[j], words[j - 1]) < 0; j--) {
            Str other = words[j];
            words[j] = words[j - 1];
            words[j - 1] = other;
        }
    Buf out = buf_new(a, text.len + 1);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) buf_char(&out, ' ');
        buf_add(&out, words[i]);
    }
    return buf_str(&out);
}

/* The request of a row of a table: {auth id or NULL, body or NULL}. */
static inline const RequestInfo *test_request(TestSchema *t, Arena *a, const char *auth_id,
                                              const char *body)
{
    static const char *const KNOWN[][2] = {{"u1", "ann@x.test"}, {"u2", "bob@x.test"},
                                           {"u3", "cy@x.test"}};
    RequestInfo *info = arena_new(a, RequestInfo, 1);
    info->context = S("default");
    info->method = S("GET");
    if (body) info->body = test_json(a, body);
    if (!auth_id) return info;

    AuthInfo *auth = arena_new(a, AuthInfo, 1);
    bool super = strcmp(auth_id, "super") == 0;
    auth->collection = schema_find(schema_hold(t->store, a), super ? S("_superusers") : S("users"));
    auth->id = str_from(auth_id);
    auth->collection_id = auth->collection->id;
    auth->collection_name = auth->collection->name;
    auth->is_superuser = super;
    auth->verified = strcmp(auth_id, "u1") == 0;
    for (size_t i = 0; i < COUNT(KNOWN); i++)
        if (strcmp(auth_id, KNOWN[i][0]) == 0) auth->email = str_from(KNOWN[i][1]);
    info->auth = auth;
    return info;
}

#endif
