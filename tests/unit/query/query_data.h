/* query_data.h - the collections and records of api: filters §10, and a few
 * more that rules and restrictions need. Also what fuzz_filter.c runs against.
 *
 *     orgs ◀─ users ◀═ posts ◀─ comments        ─ single, ═ multiple relation
 *              ▲         ▲▲▲▲── details           at most one a post (UNIQUE)
 *       bans, members    │││└── notes             listRule null
 *                        ││└─── drafts            listRule "owner = @request.auth.id"
 *                        │└──── audits            the relation itself is hidden
 *                        └───── boards            several posts a board
 */
#ifndef CROFT_TESTS_QUERY_DATA_H
#define CROFT_TESTS_QUERY_DATA_H

#define ID_FIELD                                                                                   \
    "{\"name\":\"id\",\"type\":\"text\",\"primaryKey\":true,\"system\":true,\"required\":true,"    \
    "\"pattern\":\"^[a-z0-9]+$\",\"autogeneratePattern\":\"[a-z0-9]{15}\",\"min\":1,\"max\":15}"
#define TEXT_FIELD(name) "{\"name\":\"" name "\",\"type\":\"text\"}"
#define ONE_OF(name, target)                                                                       \
    "{\"name\":\"" name "\",\"type\":\"relation\",\"maxSelect\":1,\"collectionId\":\"" target "\"}"
#define SEVERAL_OF(name, target)                                                                   \
    "{\"name\":\"" name "\",\"type\":\"relation\",\"maxSelect\":9,\"collectionId\":\"" target "\"}"
#define PUBLIC_TABLE(id, name, fields)                                                             \
    "{\"id\":\"" id "\",\"name\":\"" name "\",\"listRule\":\"\",\"fields\":[" ID_FIELD             \
    "," fields "]}"

/* `target` empty: a new collection. */
static const struct {
    const char *target, *json;
} QUERY_COLLECTIONS[] = {
    {"", PUBLIC_TABLE("orgs00", "orgs", TEXT_FIELD("title"))},
    {"users",
     "{\"listRule\":\"\",\"fields\":[" ID_FIELD "," TEXT_FIELD("name") "," ONE_OF(
         "org", "orgs00") ",{\"name\":\"salary\",\"type\":\"number\",\"hidden\":true}]}"},
    {"",
     PUBLIC_TABLE(
         "posts0", "posts",
         TEXT_FIELD("title") ",{\"name\":\"views\",\"type\":\"number\"}"
                             ",{\"name\":\"active\",\"type\":\"bool\"}"
                             ",{\"name\":\"published\",\"type\":\"date\"}"
                             ",{\"name\":\"kind\",\"type\":\"select\",\"values\":[\"news\",\"blog\"],"
                             "\"maxSelect\":1}"
                             ",{\"name\":\"tags\",\"type\":\"select\",\"values\":[\"a\",\"b\",\"c\"],"
                             "\"maxSelect\":3}"
                             "," ONE_OF("author", "_pb_users_auth_") "," SEVERAL_OF(
                                 "editors", "_pb_users_auth_")
                             ",{\"name\":\"data\",\"type\":\"json\"}"
                             ",{\"name\":\"loc\",\"type\":\"geoPoint\"}"
                             "," TEXT_FIELD("code") "," TEXT_FIELD("role")
                             "," ONE_OF("org", "orgs00")
                             ",{\"name\":\"docs\",\"type\":\"file\",\"maxSelect\":5}"
                             ",{\"name\":\"secret\",\"type\":\"text\",\"hidden\":true}")},
    {"", PUBLIC_TABLE("comments0", "comments",
                      ONE_OF("post", "posts0") ",{\"name\":\"stars\",\"type\":\"number\"}"
                                               "," TEXT_FIELD("body"))},
    {"", PUBLIC_TABLE("bans00", "bans", ONE_OF("user", "_pb_users_auth_"))},
    {"", PUBLIC_TABLE("blocks0", "blocks", ONE_OF("user", "_pb_users_auth_"))},
    {"", PUBLIC_TABLE("members0", "members",
                      ONE_OF("user", "_pb_users_auth_") "," ONE_OF("org", "orgs00"))},
    {"",
     "{\"id\":\"details0\",\"name\":\"details\",\"listRule\":\"\",\"fields\":[" ID_FIELD "," ONE_OF(
         "post", "posts0") "," TEXT_FIELD("summary") "],\"indexes\":["
                                                     "\"CREATE UNIQUE INDEX idx_details_post ON "
                                                     "details (post)\"]}"},
    {"", "{\"id\":\"notes0\",\"name\":\"notes\",\"fields\":[" ID_FIELD "," ONE_OF(
             "post", "posts0") "," TEXT_FIELD("text") "]}"},
    {"", "{\"id\":\"drafts0\",\"name\":\"drafts\",\"listRule\":\"owner = @request.auth.id && "
         "@request.auth.id != ''\",\"fields\":[" ID_FIELD "," ONE_OF("post", "posts0") "," ONE_OF(
             "owner", "_pb_users_auth_") "," TEXT_FIELD("text") "]}"},
    {"", PUBLIC_TABLE("audits0", "audits",
                      "{\"name\":\"post\",\"type\":\"relation\",\"maxSelect\":1,\"hidden\":true,"
                      "\"collectionId\":\"posts0\"}"
                      "," TEXT_FIELD("text"))},
    {"", PUBLIC_TABLE("boards0", "boards", SEVERAL_OF("pins", "posts0") "," TEXT_FIELD("name"))},
};

static const char QUERY_RECORDS[] =
    "INSERT INTO orgs (id, title) VALUES ('o1', 'Acme'), ('o2', 'Beta');"
    "INSERT INTO users (id, name, org, salary, email, emailVisibility, verified, tokenKey, password)"
    " VALUES ('u1', 'Ann', 'o1', 10, 'u1@x.org', 1, 1, 'k1', 'h'),"
    "        ('u2', 'Bob', 'o2', 20, 'u2@x.org', 0, 1, 'k2', 'h'),"
    "        ('u3', 'Cy', '', 30, 'u3@x.org', 0, 0, 'k3', 'h');"
    "INSERT INTO posts (id, title, views, active, published, kind, tags, author, editors, data, loc,"
    " code, role, org, docs, secret) VALUES"
    " ('p1', 'Hello', 5, 1, '2024-01-01 00:00:00.000Z', 'news', '[\"a\",\"b\"]', 'u1',"
    "  '[\"u1\",\"u2\"]', '{\"x\":{\"y\":1},\"list\":[10,20]}', '{\"lon\":23.3,\"lat\":42.7}',"
    "  'k1', 'admin', 'o1', '[\"one.txt\"]', 'red'),"
    " ('p2', 'hello world', 0, 0, '', '', '[]', '', '[]', NULL, '{\"lon\":0,\"lat\":0}',"
    "  '', '', '', '[]', ''),"
    " ('p3', '100% off', 20, 1, '2024-06-01 12:00:00.000Z', 'blog', '[\"b\"]', 'u2', '[\"u2\"]',"
    "  '\"str\"', '{\"lon\":0,\"lat\":0}', 'k3', 'editor', 'o2', '[\"b.txt\",\"c.txt\"]', 'blue');"
    "INSERT INTO comments (id, post, stars, body) VALUES"
    " ('c1', 'p1', 5, 'ok'), ('c2', 'p1', 1, ''), ('c3', 'p3', 5, '');"
    "INSERT INTO bans (id, user) VALUES ('b1', 'u2'), ('b2', 'u3');"
    "INSERT INTO members (id, user, org) VALUES ('m1', 'u1', 'o1'), ('m2', 'u2', 'o2');"
    "INSERT INTO details (id, post, summary) VALUES ('d1', 'p1', 'short');"
    "INSERT INTO notes (id, post, text) VALUES ('n1', 'p1', 'private');"
    "INSERT INTO drafts (id, post, owner, text) VALUES"
    " ('f1', 'p1', 'u1', 'mine'), ('f2', 'p3', 'u2', 'his');"
    "INSERT INTO audits (id, post, text) VALUES ('t1', 'p1', 'seen');"
    "INSERT INTO boards (id, pins, name) VALUES ('k1', '[\"p1\",\"p3\"]', 'front'),"
    " ('k2', '[\"p3\"]', 'sale');";

#endif
