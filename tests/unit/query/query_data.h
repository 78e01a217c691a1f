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

/* By hand: clang-format 14 crashes on texts that are put together from macros. */
// clang-format off
#define FIELD_OF(name, type, more)  "{\"name\":\"" name "\",\"type\":\"" type "\"" more "}"
#define TEXT_FIELD(name)            FIELD_OF(name, "text", "")
#define HIDDEN                      ",\"hidden\":true"
#define SELECT_FIELD(name, values, most) \
    FIELD_OF(name, "select", ",\"values\":[" values "],\"maxSelect\":" most)
#define RELATION_FIELD(name, target, most, more) \
    FIELD_OF(name, "relation", ",\"collectionId\":\"" target "\",\"maxSelect\":" most more)
#define ONE_OF(name, target)        RELATION_FIELD(name, target, "1", "")
#define SEVERAL_OF(name, target)    RELATION_FIELD(name, target, "9", "")
#define ID_FIELD \
    FIELD_OF("id", "text", ",\"primaryKey\":true,\"system\":true,\"required\":true," \
             "\"pattern\":\"^[a-z0-9]+$\",\"autogeneratePattern\":\"[a-z0-9]{15}\"," \
             "\"min\":1,\"max\":15")
#define TABLE(id, name, more, fields) \
    "{\"id\":\"" id "\",\"name\":\"" name "\"," more "\"fields\":[" ID_FIELD "," fields "]}"
#define PUBLIC                      "\"listRule\":\"\","
#define OWNERS_ONLY                 "\"listRule\":\"owner = @request.auth.id && @request.auth.id != ''\","
#define ONE_A_POST                  "\"indexes\":[\"CREATE UNIQUE INDEX idx_details_post ON details (post)\"],"
#define USERS                       "_pb_users_auth_"

/* `target` empty: a new collection; else a change of what every database has. */
static const struct {
    const char *target, *json;
} QUERY_COLLECTIONS[] = {
    {"", TABLE("orgs00", "orgs", PUBLIC, TEXT_FIELD("title"))},
    {"users", TABLE(USERS, "users", PUBLIC,
        TEXT_FIELD("name") ","
        ONE_OF("org", "orgs00") ","
        FIELD_OF("salary", "number", HIDDEN))},
    {"", TABLE("posts0", "posts", PUBLIC,
        TEXT_FIELD("title") ","
        FIELD_OF("views", "number", "") ","
        FIELD_OF("active", "bool", "") ","
        FIELD_OF("published", "date", "") ","
        SELECT_FIELD("kind", "\"news\",\"blog\"", "1") ","
        SELECT_FIELD("tags", "\"a\",\"b\",\"c\"", "3") ","
        ONE_OF("author", USERS) ","
        SEVERAL_OF("editors", USERS) ","
        FIELD_OF("data", "json", "") ","
        FIELD_OF("loc", "geoPoint", "") ","
        TEXT_FIELD("code") ","
        TEXT_FIELD("role") ","
        ONE_OF("org", "orgs00") ","
        FIELD_OF("docs", "file", ",\"maxSelect\":5") ","
        FIELD_OF("secret", "text", HIDDEN))},
    {"", TABLE("comments0", "comments", PUBLIC,
        ONE_OF("post", "posts0") ","
        FIELD_OF("stars", "number", "") ","
        TEXT_FIELD("body"))},
    {"", TABLE("bans00", "bans", PUBLIC, ONE_OF("user", USERS))},
    {"", TABLE("blocks0", "blocks", PUBLIC, ONE_OF("user", USERS))},
    {"", TABLE("members0", "members", PUBLIC, ONE_OF("user", USERS) "," ONE_OF("org", "orgs00"))},
    {"", TABLE("details0", "details", PUBLIC ONE_A_POST,
        ONE_OF("post", "posts0") "," TEXT_FIELD("summary"))},
    {"", TABLE("notes0", "notes", "", ONE_OF("post", "posts0") "," TEXT_FIELD("text"))},
    {"", TABLE("drafts0", "drafts", OWNERS_ONLY,
        ONE_OF("post", "posts0") "," ONE_OF("owner", USERS) "," TEXT_FIELD("text"))},
    {"", TABLE("audits0", "audits", PUBLIC,
        RELATION_FIELD("post", "posts0", "1", HIDDEN) "," TEXT_FIELD("text"))},
    {"", TABLE("boards0", "boards", PUBLIC, SEVERAL_OF("pins", "posts0") "," TEXT_FIELD("name"))},
};
// clang-format on

static const char QUERY_RECORDS[] =
    "INSERT INTO orgs (id, title) VALUES ('o1', 'Acme'), ('o2', 'Beta');"
    "INSERT INTO users (id, name, org, salary, email, emailVisibility, verified, tokenKey, "
    "password)"
    " VALUES ('u1', 'Ann', 'o1', 10, 'u1@x.org', 1, 1, 'k1', 'h'),"
    "        ('u2', 'Bob', 'o2', 20, 'u2@x.org', 0, 1, 'k2', 'h'),"
    "        ('u3', 'Cy', '', 30, 'u3@x.org', 0, 0, 'k3', 'h');"
    "INSERT INTO posts (id, title, views, active, published, kind, tags, author, editors, data, "
    "loc,"
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
