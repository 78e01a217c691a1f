/* expand.c - related records inside a record's "expand" (api: conventions
 * §6.2).
 *
 * Each step of a path is one query for all records at hand, not one a record:
 *
 *     records ── ids of the step ──▶ SELECT … WHERE id IN (…) AND viewRule
 *        ▲                                    │ related records
 *        └──── "expand": {step: …} ◀──────────┤ their own steps first
 *
 * A step that cannot be walked (no such relation, target locked) fails its
 * path silently; so does one all of whose further steps fail. */
#include "base/map.h"
#include "db/dialect.h"
#include "records/records_internal.h"

#define IDS_PER_QUERY 200
#define BACK_MAX      1000 /* referencing ids a record and step */

typedef struct {
    Tx *tx;
    Arena *a;
    const Schema *schema;
    RequestInfo info; /* with context "expand" */
    bool is_superuser;
} Expander;

/* One step, resolved. */
typedef struct {
    const Collection *target; /* whose records are shown */
    const Field *field;       /* of our collection, or of the target when `back` */
    bool back;
    bool is_array;
} Step;

static Error *expand_nodes(Expander *x, Record **records, size_t count, const ExpandNode *node,
                           bool *any);

/* ---- e-mails ---- */

static Error *show_emails(Expander *x, Record **records, size_t count)
{
    if (x->is_superuser) return NULL;
    for (size_t i = 0; i < count; i++) {
        Record *r = records[i];
        if (r->collection->type != COLLECTION_AUTH || r->email_shown) continue;
        if (record_bool(r, S("emailVisibility")) || record_is_owner(r, x->info.auth)) continue;
        Error *err = record_is_managed(x->tx, x->schema, r, &x->info, &r->email_shown);
        if (err) return err;
    }
    return NULL;
}

/* ---- one step ---- */

static bool resolve(const Expander *x, const Collection *c, Str name, Step *step)
{
    const Field *f = collection_field(c, name);
    *step = (Step){.field = f};
    if (f) {
        if (f->type != FIELD_RELATION) return false;
        step->target = schema_find_id(x->schema, f->collection_id);
        step->is_array = field_is_list(f);
    } else {
        if (!back_relation_find(x->schema, c, name, &step->target, &step->field)) return false;
        step->back = true;
        step->is_array = !collection_field_is_unique(step->target, step->field->name, NULL);
    }
    if (!step->target || (step->field->hidden && !x->is_superuser)) return false;
    return x->is_superuser || !step->target->rules[RULE_VIEW].is_null;
}

/* The ids a record's step leads to, by record. */
typedef struct {
    StrList ids;
    size_t cap;
} Links;

/* Copies the id, which the statement will overwrite. */
static void links_add(Arena *a, Links *links, Str id)
{
    if (links->ids.count >= BACK_MAX) return;
    if (links->ids.count == links->cap) {
        size_t cap = links->cap ? links->cap * 2 : 4;
        Str *items = arena_new(a, Str, cap);
        if (links->ids.count) memcpy(items, links->ids.items, links->ids.count * sizeof(Str));
        links->ids.items = items;
        links->cap = cap;
    }
    links->ids.items[links->ids.count++] = arena_copy(a, id);
}

static Str back_sql(Expander *x, const Step *step, size_t count)
{
    Buf sql = buf_new(x->a, 160 + 6 * count), column = buf_new(x->a, 40);
    bool list = field_is_list(step->field);
    buf_add(&column, S("t."));
    sql_name(&column, x->tx, step->field->name);
    buf_add(&sql, S("SELECT t.id,"));
    buf_add(&sql, list ? S("item.value") : buf_str(&column));
    buf_add(&sql, S(" FROM "));
    sql_name(&sql, x->tx, step->target->name);
    buf_add(&sql, S(" t"));
    if (list) {
        buf_char(&sql, ',');
        db_dialect(tx_db(x->tx))->json_each(&sql, buf_str(&column), S("item"));
    }
    buf_add(&sql, S(" WHERE "));
    buf_add(&sql, list ? S("item.value") : buf_str(&column));
    buf_add(&sql, S(" IN ("));
    for (size_t i = 0; i < count; i++)
        buf_printf(&sql, i ? ",?%zu" : "?%zu", i + 1);
    buf_char(&sql, ')');
    return buf_str(&sql);
}

static Error *back_links(Expander *x, const Step *step, Record **records, size_t count, Map *by_id)
{
    Stmt *stmt;
    Error *err = tx_prepare(x->tx, back_sql(x, step, count), &stmt);
    if (err) return err;
    for (size_t i = 0; i < count; i++)
        stmt_bind_str(stmt, (int)i + 1, record_id(records[i]));
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        Links *links = map_get(by_id, stmt_str(stmt, 1));
        if (links) links_add(x->a, links, stmt_str(stmt, 0));
    }
}

static Error *all_back_links(Expander *x, const Step *step, Record **records, size_t count,
                             Links *links)
{
    Map *by_id = map_new(x->a, count);
    for (size_t i = 0; i < count; i++)
        map_put(by_id, record_id(records[i]), &links[i]);
    for (size_t at = 0; at < count; at += IDS_PER_QUERY) {
        size_t n = MIN(count - at, (size_t)IDS_PER_QUERY);
        Error *err = back_links(x, step, records + at, n, by_id);
        if (err) return err;
    }
    return NULL;
}

static Error *find_links(Expander *x, const Step *step, Record **records, size_t count,
                         Links *links)
{
    if (step->back) return all_back_links(x, step, records, count, links);
    for (size_t i = 0; i < count; i++) {
        links[i].ids = value_to_list(x->a, step->field, &records[i]->values[step->field->index]);
    }
    return NULL;
}

/* ---- the related records ---- */

typedef struct {
    Record **items;
    size_t count;
} Found;

static Error *fetch(Expander *x, const Collection *c, const Str *ids, size_t count, Found *found)
{
    const Rule *rule = &c->rules[RULE_VIEW];
    Select *q = select_new(x->a, db_dialect(tx_db(x->tx)), x->schema, c, &x->info);
    if (!x->is_superuser && rule->text.len) {
        const Filter *filter = rule_filter(c, RULE_VIEW);
        if (!filter || select_where_rule(q, filter)) return NULL; /* satisfied by nothing */
    }
    Error *err = select_where_ids(q, ids, count);
    if (err || select_is_never(q)) return err;

    Stmt *stmt;
    err = tx_prepare(x->tx, select_rows_sql(q, NULL, 0, -1, 0), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        found->items[found->count++] = record_read(x->a, c, stmt);
    }
}

static Error *fetch_linked(Expander *x, const Collection *c, const Links *links, size_t count,
                           Found *found)
{
    size_t total = 0, unique = 0;
    for (size_t i = 0; i < count; i++)
        total += links[i].ids.count;
    Str *ids = arena_new(x->a, Str, total + 1);
    Map *seen = map_new(x->a, MIN(total, (size_t)1024));
    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < links[i].ids.count; n++) {
            Str id = links[i].ids.items[n];
            if (map_has(seen, id)) continue;
            map_put(seen, id, ids);
            ids[unique++] = id;
        }
    }
    found->items = arena_new(x->a, Record *, unique + 1);
    for (size_t at = 0; at < unique; at += IDS_PER_QUERY) {
        Error *err = fetch(x, c, ids + at, MIN(unique - at, (size_t)IDS_PER_QUERY), found);
        if (err) return err;
    }
    return show_emails(x, found->items, found->count);
}

static void assign(Expander *x, const ExpandNode *node, const Step *step, Record *r,
                   const Links *links, const Map *json_by_id)
{
    Json *array = json_new_array(x->a);
    if (!r->expand) r->expand = json_new_object(x->a);
    for (size_t i = 0; i < links->ids.count; i++) {
        const Json *related = map_get(json_by_id, links->ids.items[i]);
        if (related) json_push(x->a, array, related);
    }
    if (array->array.count == 0) return;
    json_set(x->a, r->expand, node->step, step->is_array ? array : json_at(array, 0));
}

static Error *expand_step(Expander *x, Record **records, size_t count, const ExpandNode *node,
                          bool *walked)
{
    Step step;
    Found found = {0};
    *walked = false;
    if (!resolve(x, records[0]->collection, node->step, &step)) return NULL;

    Links *links = arena_new(x->a, Links, count);
    Error *err = find_links(x, &step, records, count, links);
    if (err) return err;
    err = fetch_linked(x, step.target, links, count, &found);
    if (err) return err;

    *walked = true;
    if (node->children) {
        err = expand_nodes(x, found.items, found.count, node->children, walked);
        if (err || !*walked) return err;
    }
    Map *json_by_id = map_new(x->a, found.count);
    for (size_t i = 0; i < found.count; i++) {
        map_put(json_by_id, record_id(found.items[i]),
                record_to_json(x->a, found.items[i], x->info.auth));
    }
    for (size_t i = 0; i < count; i++)
        assign(x, node, &step, records[i], &links[i], json_by_id);
    return NULL;
}

/* *any: at least one of the paths could be walked; with no records all can. */
static Error *expand_nodes(Expander *x, Record **records, size_t count, const ExpandNode *node,
                           bool *any)
{
    *any = count == 0;
    for (; count && node; node = node->next) {
        bool walked;
        Error *err = expand_step(x, records, count, node, &walked);
        if (err) return err;
        *any |= walked;
    }
    return NULL;
}

static Expander expander_new(Tx *tx, const Schema *schema, const RequestInfo *info)
{
    Expander x = {.tx = tx, .a = tx_arena(tx), .schema = schema, .info = *info};
    x.is_superuser = info->auth && info->auth->is_superuser;
    return x;
}

Error *records_expand(Tx *tx, const Schema *schema, Record **records, size_t count,
                      const ExpandNode *tree, const RequestInfo *info)
{
    bool any;
    Expander x = expander_new(tx, schema, info);
    x.info.context = S("expand");
    return expand_nodes(&x, records, count, tree, &any);
}

/* What a record needs beyond its row before it is shown. */
Error *records_enrich(Tx *tx, const Schema *schema, Record **records, size_t count,
                      const ExpandNode *tree, const RequestInfo *info)
{
    Expander x = expander_new(tx, schema, info);
    Error *err = show_emails(&x, records, count);
    if (err || !tree) return err;
    return records_expand(tx, schema, records, count, tree, info);
}
