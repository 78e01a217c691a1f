/* render.c - rows to the JSON of the API (api: records §1).
 *
 * Lists and views go straight from the statement's columns into the response:
 * a RenderPlan, made once a request, holds which columns this caller sees and
 * their keys as JSON text; no tree and no copy is made. Records (expands,
 * results of writes) are written by the same value_write_json().
 *
 * Keys come in a fixed order: collectionId, collectionName, id, then the
 * fields in the collection's order, then expand. */
#include "records/records_internal.h"

#define EXACT_INTEGER_MAX (INT64_C(1) << 53)

bool field_is_shown(const Collection *c, const Field *f, bool is_superuser)
{
    if (f->hidden && !is_superuser) return false;
    if (c->type != COLLECTION_AUTH) return true;
    return !str_eq(f->name, S("password")) && !str_eq(f->name, S("tokenKey"));
}

/* ---- values ---- */

static void write_number(Buf *out, const DbValue *v)
{
    if (v->type == DB_INTEGER && v->integer < EXACT_INTEGER_MAX &&
        v->integer > -EXACT_INTEGER_MAX) {
        buf_i64(out, v->integer);
    } else {
        json_write_number(out, value_to_number(v));
    }
}

static void write_text(Buf *out, const DbValue *v)
{
    json_write_string(out, value_to_text(out->arena, v));
}

/* JSON that we stored is valid and escaped already. In what another program
 * stored, these bytes can only be inside strings, where an escape is the same. */
static void write_json_text(Buf *out, Str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c != '<' && c != '>' && c != '&') continue;
        buf_add(out, str_sub(text, from, i - from));
        buf_add(out, c == '<' ? S("\\u003c") : c == '>' ? S("\\u003e") : S("\\u0026"));
        from = i + 1;
    }
    buf_add(out, str_from_pos(text, from));
}

static void write_json(Buf *out, const Field *f, const DbValue *v, bool is_view)
{
    if (v->type == DB_NULL || (v->type == DB_TEXT && v->text.len == 0)) {
        buf_add(out, S("null"));
    } else if (v->type == DB_INTEGER || v->type == DB_REAL) {
        write_number(out, v);
    } else if (is_view || v->type == DB_BLOB) {
        json_write(out, value_to_json(out->arena, f, v));
    } else {
        write_json_text(out, v->text);
    }
}

static void write_list(Buf *out, const Field *f, const DbValue *v)
{
    if (!field_is_list(f)) {
        write_text(out, v);
    } else if (v->type == DB_TEXT && v->text.len > 1 && v->text.ptr[0] == '[') {
        write_json_text(out, v->text);
    } else {
        json_write(out, value_to_json(out->arena, f, v));
    }
}

void value_write_json(Buf *out, const Field *f, const DbValue *v, bool is_view)
{
    switch (f->type) {
    case FIELD_NUMBER:
        write_number(out, v);
        return;
    case FIELD_BOOL:
        buf_add(out, value_to_bool(v) ? S("true") : S("false"));
        return;
    case FIELD_JSON:
        write_json(out, f, v, is_view);
        return;
    case FIELD_GEOPOINT:
        if (v->type == DB_TEXT && v->text.len > 0 && v->text.ptr[0] == '{' && !is_view) {
            write_json_text(out, v->text);
        } else {
            json_write(out, value_to_json(out->arena, f, v));
        }
        return;
    case FIELD_SELECT:
    case FIELD_RELATION:
    case FIELD_FILE:
        write_list(out, f, v);
        return;
    case FIELD_PASSWORD:
        buf_add(out, S("\"\""));
        return;
    case FIELD_TEXT:
    case FIELD_EDITOR:
    case FIELD_EMAIL:
    case FIELD_URL:
    case FIELD_DATE:
    case FIELD_AUTODATE:
        break;
    }
    if (v->type == DB_TEXT) {
        json_write_string(out, v->text);
    } else {
        write_text(out, v);
    }
}

/* ---- Records ---- */

static Str render_head(Arena *a, const Collection *c)
{
    Buf b = buf_new(a, 96);
    buf_add(&b, S("{\"collectionId\":"));
    json_write_string(&b, c->id);
    buf_add(&b, S(",\"collectionName\":"));
    json_write_string(&b, c->name);
    buf_add(&b, S(",\"id\":"));
    return buf_str(&b);
}

/* Names of fields are letters, digits and '_': nothing to escape. */
static void write_key(Buf *out, Str name)
{
    char *p = buf_reserve(out, name.len + 4);
    p[0] = ',';
    p[1] = '"';
    memcpy(p + 2, name.ptr, name.len);
    p[name.len + 2] = '"';
    p[name.len + 3] = ':';
    out->len += name.len + 4;
}

static bool shows_email(const Record *r, const AuthInfo *viewer)
{
    return (viewer && viewer->is_superuser) || r->email_shown ||
           record_bool(r, S("emailVisibility")) || record_is_owner(r, viewer);
}

static bool is_shown(const Record *r, const Field *f, const AuthInfo *viewer)
{
    const Collection *c = r->collection;
    if (!field_is_shown(c, f, viewer && viewer->is_superuser)) return false;
    if (c->type != COLLECTION_AUTH || !str_eq(f->name, S("email"))) return true;
    return shows_email(r, viewer);
}

void record_write_json(Buf *out, const Record *r, const AuthInfo *viewer)
{
    const Collection *c = r->collection;
    buf_add(out, render_head(out->arena, c));
    json_write_string(out, record_id(r));
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (str_eq(f->name, S("id")) || !is_shown(r, f, viewer)) continue;
        write_key(out, f->name);
        value_write_json(out, f, &r->values[i], c->type == COLLECTION_VIEW);
    }
    if (r->expand) {
        buf_add(out, S(",\"expand\":"));
        json_write(out, r->expand);
    }
    buf_char(out, '}');
}

Json *record_to_json(Arena *a, const Record *r, const AuthInfo *viewer)
{
    const Collection *c = r->collection;
    Json *object = json_new_object(a);
    json_set_str(a, object, S("collectionId"), c->id);
    json_set_str(a, object, S("collectionName"), c->name);
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        if (is_shown(r, f, viewer)) {
            json_set(a, object, f->name, value_to_json(a, f, &r->values[i]));
        }
    }
    if (r->expand) json_set(a, object, S("expand"), r->expand);
    return object;
}

/* ---- rows ---- */

static void plan_add(RenderPlan *plan, Arena *a, const Field *f)
{
    plan->columns[plan->count].field = f;
    plan->columns[plan->count].key = str_printf(a, ",\"%.*s\":", STR_ARG(f->name));
    plan->names[plan->count] = f->name;
    plan->count++;
}

void render_plan(RenderPlan *plan, Arena *a, const Schema *schema, const Collection *c,
                 const RequestInfo *info, const FieldsPick *pick)
{
    bool is_superuser = info->auth && info->auth->is_superuser;
    *plan = (RenderPlan){.c = c, .schema = schema, .info = info, .visibility_column = -1};
    plan->head = render_head(a, c);
    plan->guards_email = c->type == COLLECTION_AUTH && !is_superuser;
    plan->columns = arena_new(a, RenderColumn, c->field_count + 1);
    plan->names = arena_new(a, Str, c->field_count + 1);

    const Field *id = collection_field(c, S("id"));
    assert(id);
    plan_add(plan, a, id);
    for (size_t i = 0; i < c->field_count; i++) {
        const Field *f = &c->fields[i];
        bool decides = plan->guards_email && str_eq(f->name, S("emailVisibility"));
        if (f == id || !field_is_shown(c, f, is_superuser)) continue;
        if (pick && !decides && !fields_wants(pick, f->name)) continue;
        if (decides) plan->visibility_column = (int)plan->count;
        plan_add(plan, a, f);
    }
}

/* What manageRule asks of a row that is being rendered. */
typedef struct {
    DbValue *values;
    bool *known;
} PartialRow;

static bool partial_value(void *arg, const Field *f, DbValue *out)
{
    const PartialRow *row = arg;
    if (!row->known[f->index]) return false;
    *out = row->values[f->index];
    return true;
}

static Error *row_is_managed(const RenderPlan *plan, Tx *tx, Stmt *stmt, bool *managed)
{
    Arena *a = tx_arena(tx);
    const Collection *c = plan->c;
    const Rule *rule = &c->rules[RULE_MANAGE];
    const Filter *filter = rule_filter(c, RULE_MANAGE);
    *managed = false;
    if (rule->is_null || rule->text.len == 0 || !filter || !plan->info->auth) return NULL;

    PartialRow row = {arena_new(a, DbValue, c->field_count), arena_new(a, bool, c->field_count)};
    for (size_t i = 0; i < plan->count; i++) {
        int at = plan->columns[i].field->index;
        row.values[at] = row_value(stmt, (int)i);
        row.known[at] = true;
    }
    EvalResult verdict = filter_eval(filter, a, plan->schema, c, plan->info, partial_value, &row);
    if (verdict != EVAL_UNKNOWN) {
        *managed = verdict == EVAL_TRUE;
        return NULL;
    }
    return rule_matches_row(tx, plan->schema, c, filter, arena_copy(a, stmt_str(stmt, 0)),
                            plan->info, managed);
}

static Error *row_shows_email(const RenderPlan *plan, Tx *tx, Stmt *stmt, bool *shown)
{
    const AuthInfo *auth = plan->info->auth;
    *shown = true;
    if (plan->visibility_column >= 0 && stmt_i64(stmt, plan->visibility_column) != 0) return NULL;
    if (auth && str_eq(auth->collection_id, plan->c->id) && str_eq(auth->id, stmt_str(stmt, 0))) {
        return NULL;
    }
    return row_is_managed(plan, tx, stmt, shown);
}

Error *render_row(const RenderPlan *plan, Tx *tx, Stmt *stmt, Buf *out)
{
    bool is_view = plan->c->type == COLLECTION_VIEW;
    bool email = true;
    if (plan->guards_email) {
        Error *err = row_shows_email(plan, tx, stmt, &email);
        if (err) return err;
    }
    buf_add(out, plan->head);
    json_write_string(out, stmt_str(stmt, 0));
    for (size_t i = 1; i < plan->count; i++) {
        const Field *f = plan->columns[i].field;
        if (!email && f->type == FIELD_EMAIL && str_eq(f->name, S("email"))) continue;
        buf_add(out, plan->columns[i].key);
        DbValue v = row_value(stmt, (int)i);
        value_write_json(out, f, &v, is_view);
    }
    buf_char(out, '}');
    return NULL;
}
