/* match.c - may this viewer hear of this change? (api: records §11.4)
 *
 * Rules that speak of the caller and of plain fields are decided in memory.
 * The rest is asked of the database, with the record as a row of its own:
 *
 *     SELECT 1 FROM (SELECT CAST(?1 AS TEXT) AS "id", …) … WHERE <rule> AND <filter>
 *
 * so that the answer is of the state that was committed, whatever happened to
 * the row since. For a deleted record, parents that went in the same commit are
 * put back into their tables for the length of the question:
 *
 *     WITH "folders" ("id", …) AS (SELECT "id", … FROM main."folders"
 *                                  UNION ALL SELECT ?7, …) SELECT 1 …
 *
 * What goes wrong in a question is "no". */
#include "realtime/realtime_internal.h"

#include "base/log.h"
#include "db/dialect.h"

#define PUT_BACK_MAX   32   /* parents */
#define PUT_BACK_TEXTS 2000 /* parameters for them */

/* ---- in memory ---- */

static bool row_value(void *arg, const Field *f, DbValue *out)
{
    const Record *r = arg;
    *out = r->values[f->index];
    return true;
}

static EvalResult ask_memory(const Judgement *j, const Filter *code)
{
    Delivery *d = j->td->d;
    return filter_eval(code, d->hub->eval, d->pin->schema, d->c, &j->info, row_value, &d->record);
}

static EvalResult match_rule(const Judgement *j, RuleKind kind)
{
    const Collection *c = j->td->d->c;
    if (j->is_superuser) return EVAL_TRUE;
    if (c->rules[kind].is_null) return EVAL_FALSE;
    if (c->rules[kind].text.len == 0) return EVAL_TRUE;
    const Filter *code = rule_filter(c, kind);
    return code ? ask_memory(j, code) : EVAL_FALSE;
}

static bool mentions_request(Str filter)
{
    return str_find(filter, S("@request.")) >= 0 || str_find(filter, S("@collection.")) >= 0;
}

/* Whether the filter may be asked at all (hidden fields, unknown names) is a
 * matter of the schema, found out by compiling it once. */
static bool filter_is_legal(const Judgement *j)
{
    Topic *topic = j->td->topic;
    Delivery *d = j->td->d;
    size_t who = j->is_superuser ? 1 : 0;
    uint64_t version = d->pin->schema->version + 1; /* 0 = never */
    if (topic->filter_schema[who] == version) return topic->filter_legal[who];
    Select *q =
        select_new(d->hub->eval, db_dialect(d->hub->rt->app->db), d->pin->schema, d->c, &j->info);
    topic->filter_legal[who] = select_where_subscriber(q, topic->options->filter) == NULL;
    topic->filter_schema[who] = version;
    return topic->filter_legal[who];
}

/* E-mails in filters are a matter of each row's visibility: SQL knows. */
static EvalResult match_filter(const Judgement *j)
{
    const TopicOptions *o = j->td->topic->options;
    if (!o || o->filter.len == 0) return EVAL_TRUE;
    if (!o->filter_code) return EVAL_FALSE;
    if (!j->is_superuser && mentions_request(o->filter)) return EVAL_FALSE;
    if (!filter_is_legal(j)) return EVAL_FALSE;
    if (j->td->d->c->type == COLLECTION_AUTH) return EVAL_UNKNOWN;
    return ask_memory(j, o->filter_code);
}

static EvalResult both(EvalResult x, EvalResult y)
{
    if (x == EVAL_FALSE || y == EVAL_FALSE) return EVAL_FALSE;
    return x == EVAL_TRUE && y == EVAL_TRUE ? EVAL_TRUE : EVAL_UNKNOWN;
}

/* ---- by the database ---- */

typedef struct {
    Tx *tx;
    Arena *a;
    const SqlDialect *dialect;
    const Schema *schema;
    DbValue *params;
    size_t count;
} Question;

/* "SELECT CAST(?7 AS TEXT) AS "id",?8 AS "tags"": the casts give the columns
 * the affinity of real ones, so that comparisons come out alike. */
static void select_values(Question *q, Buf *sql, const Collection *c, const DbValue *values)
{
    buf_add(sql, S("SELECT "));
    for (size_t i = 0; i < c->field_count; i++) {
        const char *cast = column_cast(&c->fields[i]);
        q->params[q->count++] = values[i];
        if (i > 0) buf_char(sql, ',');
        buf_printf(sql, cast ? "CAST(?%zu AS %s)" : "?%zu", q->count, cast);
        buf_add(sql, S(" AS "));
        q->dialect->quote_name(sql, c->fields[i].name);
    }
}

static void column_list(const Question *q, Buf *sql, const Collection *c)
{
    for (size_t i = 0; i < c->field_count; i++) {
        if (i > 0) buf_char(sql, ',');
        q->dialect->quote_name(sql, c->fields[i].name);
    }
}

typedef struct {
    const Change *items[PUT_BACK_MAX];
    size_t count, values;
} PutBack;

/* Parents and theirs, each once. Those of an older schema are left out: their
 * tables may look different now. */
static void collect_parents(const Question *q, const Change *change, PutBack *list)
{
    const Change *from = change;
    for (size_t next = 0;; from = list->items[next++]) {
        for (size_t i = 0; i < from->parent_count; i++) {
            const Change *parent = from->parents[i];
            bool known = parent->pin->schema != q->schema || list->count == PUT_BACK_MAX ||
                         list->values + parent->collection->field_count > PUT_BACK_TEXTS;
            for (size_t n = 0; n < list->count; n++)
                known |= list->items[n] == parent;
            if (known) continue;
            list->items[list->count++] = parent;
            list->values += parent->collection->field_count;
        }
        if (next == list->count) return;
    }
}

/* The WITH clause; in it "main." means the table itself. */
static Str put_back_sql(Question *q, const PutBack *list)
{
    Buf sql = buf_new(q->a, 512);
    for (size_t i = 0; i < list->count; i++) {
        const Collection *c = list->items[i]->collection;
        bool done = false;
        for (size_t n = 0; n < i; n++)
            done |= list->items[n]->collection == c;
        if (done) continue;
        buf_add(&sql, sql.len == 0 ? S("WITH ") : S(","));
        q->dialect->quote_name(&sql, c->name);
        buf_add(&sql, S(" AS (SELECT "));
        column_list(q, &sql, c);
        buf_add(&sql, S(" FROM main."));
        q->dialect->quote_name(&sql, c->name);
        for (size_t n = i; n < list->count; n++) {
            if (list->items[n]->collection != c) continue;
            buf_add(&sql, S(" UNION ALL "));
            select_values(q, &sql, c, list->items[n]->values);
        }
        buf_add(&sql, S(")"));
    }
    if (sql.len > 0) buf_char(&sql, ' ');
    return buf_str(&sql);
}

/* False when the conditions cannot be met or do not compile. */
static bool add_conditions(Select *select, const Judgement *j)
{
    const TopicDelivery *td = j->td;
    const Collection *c = td->d->c;
    if (!j->is_superuser && c->rules[td->rule].text.len > 0) {
        const Filter *code = rule_filter(c, td->rule);
        if (!code || select_where_rule(select, code)) return false;
    }
    const TopicOptions *o = td->topic->options;
    if (o && o->filter.len > 0 && select_where_subscriber(select, o->filter)) return false;
    return !select_is_never(select);
}

/* Rules and filters by the database. */
static Error *match_by_sql(Tx *tx, const Judgement *j, bool *matches)
{
    const Delivery *d = j->td->d;
    Question q = {
        .tx = tx, .a = tx_arena(tx), .dialect = db_dialect(tx_db(tx)), .schema = d->pin->schema};
    PutBack list = {0};
    *matches = false;
    if (d->change->kind == CHANGE_DELETE) collect_parents(&q, d->change, &list);
    q.params = arena_new(q.a, DbValue, d->c->field_count + list.values);
    Buf from = buf_new(q.a, 512);
    buf_char(&from, '(');
    select_values(&q, &from, d->c, d->record.values);
    buf_char(&from, ')');
    Str with = put_back_sql(&q, &list);

    Select *select = select_new(q.a, q.dialect, q.schema, d->c, &j->info);
    select_from(select, buf_str(&from), q.params, q.count);
    if (!add_conditions(select, j)) return NULL;
    Stmt *stmt;
    Error *err = tx_prepare(tx, str_concat(q.a, with, select_exists_sql(select)), &stmt);
    if (err) return err;
    select_bind(select, stmt);
    return stmt_step(stmt, matches);
}

/* All that needs the database, in one read. Starts from scratch each time. */
static Error *ask_database(Tx *tx, void *arg)
{
    Judgement *j = arg;
    Delivery *d = j->td->d;
    j->may = true;
    http_bytes_release(j->frame);
    j->frame = NULL;
    if (j->asks_rule) {
        Error *err = match_by_sql(tx, j, &j->may);
        if (err || !j->may) return err;
    }
    if (j->asks_email) {
        Error *err = record_is_managed(tx, d->pin->schema, &d->record, &j->info, &j->email_shown);
        if (err) return err;
    }
    if (!j->expands) return NULL;
    Record *expanded = arena_new(tx_arena(tx), Record, 1);
    *expanded = d->record;
    Error *err =
        records_expand(tx, d->pin->schema, &expanded, 1, j->td->topic->options->expand, &j->info);
    if (err) return err;
    j->frame = render_frame(j, expanded);
    return NULL;
}

/* ---- the judgement ---- */

/* Records of §1.2: to its owner, and to who manages it. */
static void judge_email(Judgement *j)
{
    const Delivery *d = j->td->d;
    const Collection *c = d->c;
    const AuthInfo *auth = j->info.auth;
    if (c->type != COLLECTION_AUTH || j->is_superuser) return;
    j->email_shown =
        record_bool(&d->record, S("emailVisibility")) ||
        (auth && str_eq(auth->collection_id, c->id) && str_eq(auth->id, record_id(&d->record)));
    const Rule *manage = &c->rules[RULE_MANAGE];
    if (j->email_shown || !auth || manage->is_null || manage->text.len == 0) return;
    EvalResult verdict = match_rule(j, RULE_MANAGE);
    j->email_shown = verdict == EVAL_TRUE;
    j->asks_email = verdict == EVAL_UNKNOWN;
}

static Error *judge(void *arg)
{
    Judgement *j = arg;
    Hub *hub = j->td->d->hub;
    const TopicOptions *o = j->td->topic->options;
    EvalResult verdict = both(match_rule(j, j->td->rule), match_filter(j));
    if (verdict == EVAL_FALSE) return NULL;
    j->asks_rule = verdict == EVAL_UNKNOWN;
    j->may = true;
    judge_email(j);
    j->expands = o && o->expand;
    if (j->asks_rule || j->asks_email || j->expands) {
        Error *err = db_read(hub->rt->app->db, hub->eval, ask_database, j);
        if (err) return err;
    }
    if (j->may && !j->expands) j->frame = render_frame(j, NULL);
    return NULL;
}

/* The texts are copied: the viewer may change while the database is asked. */
static void set_caller(Judgement *j, const Viewer *viewer)
{
    Delivery *d = j->td->d;
    Arena *a = d->hub->eval;
    const TopicOptions *o = j->td->topic->options;
    j->info = (RequestInfo){.context = S("realtime"),
                            .method = S("GET"),
                            .query = o ? o->query : NULL,
                            .headers = o ? o->headers : NULL,
                            .now_ms = d->now_ms};
    const AuthInfo *auth = &viewer->auth;
    if (auth->id.len == 0) return;
    j->auth = *auth;
    j->auth.id = arena_copy(a, auth->id);
    j->auth.email = arena_copy(a, auth->email);
    j->auth.collection_id = arena_copy(a, auth->collection_id);
    j->auth.collection_name = arena_copy(a, auth->collection_name);
    j->auth.collection = schema_find_id(d->pin->schema, auth->collection_id);
    if (!j->auth.collection) return;
    j->info.auth = &j->auth;
    j->is_superuser = auth->is_superuser;
}

static Error *judge_once(TopicDelivery *td, Viewer *viewer, HttpBytes **frame)
{
    Hub *hub = td->d->hub;
    Judgement j = {.td = td};
    set_caller(&j, viewer);
    Error *err = arena_protect(hub->eval, judge, &j);
    *frame = err ? NULL : j.frame;
    if (err) http_bytes_release(j.frame);
    return err;
}

/* A schema that changed under a question is no answer: asked again by the new. */
void judge_viewer(TopicDelivery *td, Viewer *viewer)
{
    Hub *hub = td->d->hub;
    HttpBytes *frame = NULL;
    Error *err = NULL;
    viewer->refs++;
    for (int attempt = 0; attempt < 2; attempt++) {
        err = judge_once(td, viewer, &frame);
        bool moved = err && schema_version(hub->rt->app->schema) != td->d->pin->schema->version;
        if (!moved || !delivery_refresh(td->d)) break;
    }
    if (err)
        log_warn("realtime", "a subscriber's rule could not be asked",
                 LOG_STR("topic", td->topic->node.key), LOG_STR("cause", err->cause));
    arena_reset(hub->eval);
    viewer->stamp = td->stamp;
    viewer->frame = frame;
    viewer->next_judged = hub->judged;
    hub->judged = viewer; /* with the reference */
}
