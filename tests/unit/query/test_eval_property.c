/* test_eval_property.c - the verdict in memory is what SQL says: random rules,
 * asked of random records and requests (reliability A2), and constants of all
 * kinds against each other, judged by SQLite itself.
 *
 * The same rules in each run; SEED=<number> asks others, ROUNDS=<number> more or
 * fewer of them. */
#include "query_fixture.h"

#include <stdlib.h>

/* ---- chance ---- */

#define PICK(table) ((table)[chance_below(COUNT(table))])

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value;
    return text && str_to_u64(str_from(text), &value) ? value : otherwise;
}

/* ---- what rules are made of ---- */

static const char *const TEXTS[] = {
    "''",        "'a'",     "'A'",       "'ab'",       "'b'",         "'5'",
    "'5.0'",     "'05'",    "' 5'",      "'-1'",       "'0'",         "'1e2'",
    "'true'",    "'null'",  "'news'",    "'u1'",       "'o1'",        "'2024-01-01 00:00:00.000Z'",
    "'2024-06'", "'%'",     "'_'",       "'a%'",       "'%a'",        "'a_'",
    "'%a_%'",    "'\\\\%'", "'a\\\\'",   "'\xc3\xa4'", "'\xc3\x84%'", "'9007199254740993'",
    "'a b'",     "'\\n'",   "'[\"a\"]'", "'Ann'",
};
static const char *const NUMBERS[] = {
    "0",
    "1",
    "5",
    "-1",
    "0.5",
    "5.0",
    "20",
    "100",
    "9007199254740993",
    "-0",
    "12345678901234567890",
    "0.1",
    "1704067200000",
};
static const char *const WORDS[] = {"true", "false", "null"};
static const char *const PLAIN_COLUMNS[] = {
    "title", "views", "active", "published", "kind",   "author",
    "code",  "role",  "org",    "id",        "secret",
};
static const char *const OTHER_COLUMNS[] = {
    "tags",
    "editors",
    "docs",
    "data",
    "data.x.y",
    "data.list.0",
    "loc.lat",
    "title:lower",
    "tags:length",
    "tags:each",
    "editors:each",
    "author:length",
    "author.name",
    "author.org.title",
    "editors.name",
    "comments_via_post.stars",
    "comments_via_post.body",
    "details_via_post.summary",
    "@collection.bans.user",
    "@collection.members:m.org",
    "strftime('%Y', published)",
    "geoDistance(loc.lon, loc.lat, 1, 2)",
    "author.salary",
    "kind:each",
};
static const char *const REQUEST_PARTS[] = {
    "@request.auth.id",
    "@request.auth.verified",
    "@request.auth.collectionName",
    "@request.auth.email",
    "@request.auth.emailVisibility",
    "@request.auth.nope",
    "@request.auth.id:lower",
    "@request.method",
    "@request.context",
    "@request.query.q",
    "@request.query.n:lower",
    "@request.query.q:isset",
    "@request.headers.x_token",
    "@request.body.title",
    "@request.body.title:isset",
    "@request.body.views",
    "@request.body.active",
    "@request.body.tags",
    "@request.body.tags:length",
    "@request.body.kind:length",
    "@request.body.data",
    "@request.body.data.x",
    "@request.body.data.x.0",
    "@request.body.other",
    "@request.body.loc.lat",
    "@request.body.author",
    "@now",
    "@todayStart",
    "@year",
    "@month",
};
static const char *const ROW_REQUEST_PARTS[] = {
    "@request.auth.org",
    "@request.auth.org.title",
    "@request.auth.posts_via_author.title",
    "@request.body.author.org",
    "@request.body.editors.name",
    "@request.body.tags:each",
    "@request.body.title:changed",
    "@request.body.views:changed",
    "@request.body.tags:changed",
};
static const char *const SIGNS[] = {"=",  "!=",  ">",  ">=",  "<",  "<=",  "~",  "!~",
                                    "?=", "?!=", "?>", "?>=", "?<", "?<=", "?~", "?!~"};

/* Mostly what can be known in memory, as rules mostly are. */
static const char *operand(void)
{
    switch (chance_below(12)) {
    case 0:
    case 1:
        return PICK(TEXTS);
    case 2:
        return PICK(NUMBERS);
    case 3:
        return PICK(WORDS);
    case 4:
    case 5:
    case 6:
    case 7:
        return PICK(PLAIN_COLUMNS);
    case 8:
    case 9:
        return PICK(REQUEST_PARTS);
    case 10:
        return PICK(ROW_REQUEST_PARTS);
    default:
        return PICK(OTHER_COLUMNS);
    }
}

static void comparison(Buf *out)
{
    buf_add(out, str_from(operand()));
    buf_char(out, ' ');
    buf_add(out, str_from(PICK(SIGNS)));
    buf_char(out, ' ');
    buf_add(out, str_from(operand()));
}

static void expression(Buf *out, int depth)
{
    size_t terms = 1 + chance_below(depth == 0 ? 3 : 2);
    for (size_t i = 0; i < terms; i++) {
        if (i > 0) buf_add(out, chance_below(2) ? S(" && ") : S(" || "));
        bool group = depth < 2 && chance_below(4) == 0;
        if (group) buf_char(out, '(');
        if (group)
            expression(out, depth + 1);
        else
            comparison(out);
        if (group) buf_char(out, ')');
    }
}

static const QueryCase REQUESTS[] = {
    {.caller = AS_GUEST},
    {.caller = AS_ANN, .method = "POST", .query = "{\"q\":\"\",\"n\":\"A\"}"},
    {.caller = AS_BOB,
     .query = "{\"q\":\"5\"}",
     .headers = "{\"x_token\":\"a%\"}",
     .body = "{\"title\":\"a\",\"views\":\"5\",\"active\":true,\"tags\":[\"a\",\"b\"],"
             "\"kind\":\"news\",\"data\":{\"x\":[1,null,\"t\"]},\"other\":\"A\",\"author\":\"u1\","
             "\"editors\":[\"u1\",\"u2\"],\"loc\":{\"lon\":1,\"lat\":2.5}}"},
    {.caller = AS_CY,
     .headers = "{\"x_token\":\"_\"}",
     .body = "{\"title\":null,\"views\":0,\"active\":false,\"tags\":[],\"kind\":\"\",\"data\":null,"
             "\"other\":5.5,\"author\":\"\",\"editors\":[]}"},
    {.caller = AS_ROOT,
     .context = "batch",
     .body = "{\"title\":\"%\",\"tags\":\"b\",\"views\":-1}"},
};

/* ---- records with values that are easily taken for others ---- */

static const char RECORDS[] =
    "INSERT INTO posts (id, title, views, active, published, kind, tags, author, editors, data,"
    " code, role, org) VALUES"
    " ('r1', 'a', 5, 1, '2024-01-01 00:00:00.000Z', 'news', '[\"a\"]', 'u1', '[\"u1\",\"u3\"]',"
    "  '{\"x\":{\"y\":\"1\"},\"list\":[\"a\"]}', 'A', '5', 'o1'),"
    " ('r2', 'A', -1, 0, '', '', '[]', 'u3', '[]', '1', 'a', '5.0', ''),"
    " ('r3', '5', 0.5, 1, '2024-06-15 10:00:00.000Z', 'blog', '[\"a\",\"b\",\"c\"]', 'gone',"
    "  '[\"gone\"]', 'true', '%', 'true', 'o2'),"
    " ('r4', '', 9007199254740993, 0, '', 'news', '[]', '', '[]', '\"\"', '', '', ''),"
    " ('r5', 'ab', 1e300, 1, '1999-12-31 23:59:59.999Z', '', '[\"b\"]', 'u2', '[\"u2\"]',"
    "  '[1,2]', '_', 'a b', 'o1'),"
    " ('r6', 'a%', 0, 0, '', '', '[]', 'u2', '[]', NULL, 'a\\', '\xc3\xa4', ''),"
    " ('r7', '\xc3\x84pfel', 100, 1, '', '', '[]', 'u1', '[]', '{}', 'null', '0', 'o2'),"
    " ('r8', '9007199254740993', 12345678901234567890, 1, '', '', '[]', 'u1', '[]', '{}',"
    "  ' 5', '05', 'o1'),"
    " ('r9', x'61006200', 1, 1, '', '', '[]', '', '[]', NULL, 'a_', '1e2', '');"
    "UPDATE posts SET title = CAST(title AS TEXT);"; /* one with a NUL */

#define ROWS_MAX 20

typedef struct {
    Str id;
    DbValue *values; /* by field */
} Record;

typedef struct {
    QueryFixture *t;
    const Collection *posts;
    Record rows[ROWS_MAX];
    size_t row_count;
    Arena *scratch;
    RequestInfo info;
    const Filter *rule;
    bool matches[ROWS_MAX];
} Property;

static DbValue column_value(Arena *a, Stmt *stmt, int column)
{
    DbType type = stmt_type(stmt, column);
    DbValue v = {.type = type};
    if (type == DB_INTEGER)
        v.integer = stmt_i64(stmt, column);
    else if (type == DB_REAL)
        v.real = stmt_double(stmt, column);
    else if (type != DB_NULL)
        v.text = arena_copy(a, stmt_str(stmt, column));
    return v;
}

static Error *read_rows(Tx *tx, void *arg)
{
    Property *p = arg;
    Arena *a = p->t->arena;
    RequestInfo info = {.context = S("default"), .method = S("GET")};
    Select *q = select_new(a, db_dialect(tx_db(tx)), p->t->schema, p->posts, &info);
    Stmt *stmt;
    Error *err = tx_prepare(tx, select_rows_sql(q, NULL, 0, -1, 0), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    for (p->row_count = 0;; p->row_count++) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        assert_true(p->row_count < ROWS_MAX);
        Record *r = &p->rows[p->row_count];
        r->values = arena_new(a, DbValue, p->posts->field_count);
        for (size_t i = 0; i < p->posts->field_count; i++)
            r->values[i] = column_value(a, stmt, (int)i);
        r->id = r->values[0].text;
    }
}

/* ---- one rule, all records ---- */

static Error *ask_sql(Tx *tx, void *arg)
{
    Property *p = arg;
    memset(p->matches, 0, sizeof p->matches);
    Select *q = select_new(tx_arena(tx), db_dialect(tx_db(tx)), p->t->schema, p->posts, &p->info);
    Error *err = select_where_rule(q, p->rule);
    if (err) return err;
    static const Str ID = STR_INIT("id");
    Stmt *stmt;
    err = tx_prepare(tx, select_rows_sql(q, &ID, 1, -1, 0), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        for (size_t i = 0; i < p->row_count; i++)
            if (str_eq(p->rows[i].id, stmt_str(stmt, 0))) p->matches[i] = true;
    }
}

typedef struct {
    const Record *record;
    const Field *withheld;
} RowSource;

static bool row_value(void *arg, const Field *field, DbValue *out)
{
    const RowSource *source = arg;
    if (field == source->withheld) return false;
    *out = source->record->values[field->index];
    return true;
}

typedef struct {
    size_t asked, decided, decided_without_row;
} Tally;

static void compare(Property *p, Str text, const char *how, size_t i, EvalResult verdict)
{
    if (verdict == EVAL_UNKNOWN || (verdict == EVAL_TRUE) == p->matches[i]) return;
    fail_msg("rule %.*s, record %.*s, %s: in memory %s, SQL %s", STR_ARG(text),
             STR_ARG(p->rows[i].id), how, verdict == EVAL_TRUE ? "true" : "false",
             p->matches[i] ? "true" : "false");
}

static void check_rule(Property *p, Str text, Tally *tally)
{
    Filter *rule;
    check_ok(arena_cstr(p->scratch, text), filter_parse(p->scratch, text, &rule));
    p->rule = rule;
    check_ok(arena_cstr(p->scratch, text), db_read(p->t->base->db->db, p->scratch, ask_sql, p));

    EvalResult before = filter_eval(rule, p->scratch, p->t->schema, p->posts, &p->info, NULL, NULL);
    for (size_t i = 0; i < p->row_count; i++) {
        compare(p, text, "without the row", i, before);
        RowSource source = {.record = &p->rows[i]};
        if (chance_below(8) == 0)
            source.withheld = &p->posts->fields[chance_below(p->posts->field_count)];
        EvalResult verdict =
            filter_eval(rule, p->scratch, p->t->schema, p->posts, &p->info, row_value, &source);
        compare(p, text, "with the row", i, verdict);
        if (before != EVAL_UNKNOWN && !source.withheld) assert_true(verdict == before);
        tally->asked++;
        tally->decided += verdict != EVAL_UNKNOWN;
        tally->decided_without_row += before != EVAL_UNKNOWN;
    }
}

static void memory_says_what_sql_says(void **state)
{
    QueryFixture *t = *state;
    query_exec(t, RECORDS);
    Property p = {.t = t, .posts = query_collection(t, "posts")};
    check_ok("rows", db_read(t->base->db->db, t->arena, read_rows, &p));
    check_int("records", p.row_count, 12);

    RequestInfo requests[COUNT(REQUESTS)];
    for (size_t i = 0; i < COUNT(REQUESTS); i++) {
        QueryCase ask = REQUESTS[i];
        ask.now_ms = INT64_C(1718445600000); /* 2024-06-15 10:00, as a record */
        requests[i] = query_request(t, &ask);
    }
    p.scratch = arena_create("rule", 64 << 20);
    Tally tally = {0};
    uint64_t rounds = number_from_env("ROUNDS", 4000);
    for (uint64_t i = 0; i < rounds; i++) {
        p.info = PICK(requests);
        Buf text = buf_new(p.scratch, 256);
        expression(&text, 0);
        check_rule(&p, buf_str(&text), &tally);
        arena_reset(p.scratch);
    }
    arena_destroy(p.scratch);
    print_message("%zu verdicts: %zu in memory, %zu of them before any row\n", tally.asked,
                  tally.decided, tally.decided_without_row);
    /* else the test would prove nothing */
    if (rounds >= 1000) assert_true(tally.decided * 5 > tally.asked);
}

/* ---- constants, judged by SQLite ---- */

typedef struct {
    const char *text; /* in a rule */
    DbValue value;    /* in SQL */
} Constant;

static Str sql_of(Arena *a, size_t op, bool left_empty, bool right_empty)
{
    static const char *const PLAIN[] = {"?1 = ?2",
                                        "?1 IS NOT ?2",
                                        "?1 > ?2",
                                        "?1 >= ?2",
                                        "?1 < ?2",
                                        "?1 <= ?2",
                                        "?1 LIKE ?2 ESCAPE '\\'",
                                        "?1 NOT LIKE ?2 ESCAPE '\\'"};
    bool equality = op < 2;
    if (equality && left_empty && right_empty)
        return op == 0 ? S("SELECT ?1 IS ?1 AND ?2 IS ?2")
                       : S("SELECT ?1 IS NOT ?1 OR ?2 IS NOT ?2");
    return str_printf(a, "SELECT %s", PLAIN[op]);
}

/* §6.1, once more. */
static Str pattern_of(Arena *a, Str v)
{
    Buf escaped = buf_new(a, v.len * 2 + 2);
    bool wild = false;
    buf_char(&escaped, '%');
    for (size_t i = 0; i < v.len; i++) {
        bool special = strchr("%_\\", v.ptr[i]) != NULL;
        bool pair = v.ptr[i] == '\\' && i + 1 < v.len && strchr("%_\\", v.ptr[i + 1]);
        if (v.ptr[i] == '%') wild = true;
        if (special) buf_char(&escaped, '\\');
        buf_char(&escaped, pair ? v.ptr[++i] : v.ptr[i]);
    }
    buf_char(&escaped, '%');
    return wild ? v : buf_str(&escaped);
}

typedef struct {
    Str sql;
    DbValue values[2];
    bool result;
} Judgement;

static Error *judge(Tx *tx, void *arg)
{
    Judgement *j = arg;
    Stmt *stmt;
    Error *err = tx_prepare(tx, j->sql, &stmt);
    if (err) return err;
    stmt_bind(stmt, 1, j->values[0]);
    stmt_bind(stmt, 2, j->values[1]);
    bool row;
    err = stmt_step(stmt, &row);
    if (err) return err;
    j->result = row && stmt_i64(stmt, 0) == 1; /* NULL is not */
    return NULL;
}

static bool is_empty(const DbValue *v)
{
    return v->type == DB_NULL || (v->type == DB_TEXT && v->text.len == 0);
}

static bool sqlite_says(QueryFixture *t, Arena *a, size_t op, const DbValue *left,
                        const DbValue *right)
{
    bool le = is_empty(left), re = is_empty(right);
    Judgement j = {.sql = sql_of(a, op, le, re), .values = {*left, *right}};
    bool like = op >= 6;
    /* beside a known value an empty one is '' */
    if (op < 2 && le) j.values[0] = DB_VALUE_TEXT(S(""));
    if (op < 2 && re) j.values[1] = DB_VALUE_TEXT(S(""));
    if (like && right->type == DB_TEXT) j.values[1].text = pattern_of(a, right->text);
    if (like && (right->type == DB_REAL || right->type == DB_INTEGER)) {
        char digits[32];
        double number = right->type == DB_REAL ? right->real : (double)right->integer;
        Str text = arena_copy(a, str_make(digits, number_format(digits, number)));
        j.values[1] = DB_VALUE_TEXT(pattern_of(a, text));
    }
    check_ok("judge", db_read(t->base->db->db, a, judge, &j));
    return j.result;
}

static void check_constants(QueryFixture *t, Arena *a, const Constant *left, size_t op,
                            const Constant *right)
{
    const Collection *posts = query_collection(t, "posts");
    Str text = str_printf(a, "%s %s %s", left->text, SIGNS[op], right->text);
    const char *name = arena_cstr(a, text);
    bool expected = sqlite_says(t, a, op, &left->value, &right->value);
    RequestInfo info =
        query_request(t, &(QueryCase){.caller = AS_CY,
                                      .body = "{\"n\":0,\"t\":\"aB\",\"list\":[],\"no\":false}"});

    Filter *rule;
    check_ok(name, filter_parse(a, text, &rule));
    EvalResult verdict = filter_eval(rule, a, t->schema, posts, &info, NULL, NULL);
    if (verdict != EVAL_UNKNOWN) check_bool(name, verdict == EVAL_TRUE, expected);
    QueryCase ask = {
        .rule = name, .caller = AS_CY, .body = "{\"n\":0,\"t\":\"aB\",\"list\":[],\"no\":false}"};
    check_bool(name, query_ids(t, &ask).len > 0, expected);
}

static void constants_compare_as_in_sqlite(void **state)
{
    QueryFixture *t = *state;
    const Constant constants[] = {
        {"null", DB_VALUE_NULL},
        {"@request.body.missing", DB_VALUE_NULL},
        {"''", DB_VALUE_TEXT(S(""))},
        {"true", DB_VALUE_INT(1)},
        {"@request.body.no", DB_VALUE_INT(0)},
        {"@request.body.n", DB_VALUE_REAL(0)},
        {"-1", DB_VALUE_REAL(-1)},
        {"0.1", DB_VALUE_REAL(0.1)},
        {"9007199254740993", DB_VALUE_REAL(9007199254740992.0)},
        {"'0'", DB_VALUE_TEXT(S("0"))},
        {"'a'", DB_VALUE_TEXT(S("a"))},
        {"@request.body.t", DB_VALUE_TEXT(S("aB"))},
        {"'a%'", DB_VALUE_TEXT(S("a%"))},
        {"'_b'", DB_VALUE_TEXT(S("_b"))},
        {"'%_b'", DB_VALUE_TEXT(S("%_b"))},
        {"'a\\%'", DB_VALUE_TEXT(S("a\\%"))},
        {"'%a\\%'", DB_VALUE_TEXT(S("%a\\%"))},
        {"'\\\\'", DB_VALUE_TEXT(S("\\"))},
        {"'%\\\\'", DB_VALUE_TEXT(S("%\\"))},
        {"'%\\\\x'", DB_VALUE_TEXT(S("%\\x"))},
        {"'\xc3\x84%'", DB_VALUE_TEXT(S("\xc3\x84%"))},
        {"'\xc3\xa4'", DB_VALUE_TEXT(S("\xc3\xa4"))},
        {"'%_'", DB_VALUE_TEXT(S("%_"))},
        {"@request.body.list", DB_VALUE_TEXT(S("[]"))},
    };
    Arena *a = arena_create("constants", 64 << 20);
    for (size_t i = 0; i < COUNT(constants); i++) {
        for (size_t k = 0; k < COUNT(constants); k++) {
            for (size_t op = 0; op < 8; op++)
                check_constants(t, a, &constants[i], op, &constants[k]);
            arena_reset(a);
        }
    }
    arena_destroy(a);
}

static Str letters(Arena *a, size_t count)
{
    char *bytes = arena_bytes(a, count);
    memset(bytes, 'a', count);
    return str_make(bytes, count);
}

/* Comparing takes up to the product of the lengths, and nothing could stop it. */
static void long_likes_are_left_to_sql(void **state)
{
    static const struct {
        size_t text, pattern;
        EvalResult expected;
    } CASES[] = {
        {4000, 10, EVAL_FALSE},
        {100, 2000, EVAL_FALSE},
        {4000, 2000, EVAL_UNKNOWN},
        {5000, 10, EVAL_UNKNOWN},
    };
    QueryFixture *t = *state;
    Arena *a = t->arena;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Str body = str_printf(a, "{\"t\":\"%.*s\"}", STR_ARG(letters(a, CASES[i].text)));
        RequestInfo info =
            query_request(t, &(QueryCase){.caller = AS_CY, .body = arena_cstr(a, body)});
        Str text =
            str_printf(a, "@request.body.t ~ '%.*sb'", STR_ARG(letters(a, CASES[i].pattern)));
        Filter *rule;
        check_ok("parse", filter_parse(a, text, &rule));
        check_int("verdict",
                  filter_eval(rule, a, t->schema, query_collection(t, "posts"), &info, NULL, NULL),
                  CASES[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_query(memory_says_what_sql_says),
        test_with_query(constants_compare_as_in_sqlite),
        test_with_query(long_likes_are_left_to_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
