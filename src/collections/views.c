/* views.c - trying out the query of a view (api: collections §7, §9).
 *
 * On a connection that cannot write, in the slow lane, with a time limit:
 * somebody's query may take for ever. */
#include "base/encoding.h"
#include "base/random.h"
#include "collections/collections_internal.h"

/* ---- the first rows ---- */

static Error *bad_ids(Arena *a, const char *how)
{
    return error_new(a, 400, str_printf(a, "the query could return records with %s ids", how));
}

static Error *check_ids(Arena *a, Record *const *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Str id = record_id(records[i]);
        if (id.len == 0) return bad_ids(a, "empty or invalid");
        for (size_t k = 0; k < i; k++)
            if (str_eq(id, record_id(records[k]))) return bad_ids(a, "non-unique");
    }
    return NULL;
}

Error *view_sample(Tx *tx, const Collection *c, Record **records, size_t *count)
{
    Arena *a = tx_arena(tx);
    *count = 0;
    Stmt *stmt;
    /* The mark keeps the statement from being found, compiled for another
     * schema, when the query is tried again. */
    Str mark = random_text(a, 12, ALPHABET_ID);
    Str sql = str_printf(a, "%.*s LIMIT %d -- %.*s", STR_ARG(c->view_select), VIEW_SAMPLE_MAX,
                         STR_ARG(mark));
    Error *err = tx_prepare(tx, sql, &stmt);
    if (err) return err;
    for (bool row; *count < VIEW_SAMPLE_MAX; ++*count) {
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        records[*count] = record_read(a, c, stmt);
    }
    stmt_release(stmt);
    return check_ids(a, records, *count);
}

/* ---- the dry run ---- */

typedef struct {
    const Schema *schema;
    Str query;
    Collection c;
    Record *records[VIEW_SAMPLE_MAX];
    size_t count;
} DryRun;

static Error *dry_run_work(Tx *tx, void *arg)
{
    DryRun *d = arg;
    Arena *a = tx_arena(tx);
    Str name = str_printf(a, "temp_view_%.*s", STR_ARG(random_text(a, 5, ALPHABET_ID)));
    d->c = (Collection){.type = COLLECTION_VIEW, .name = name, .view_query = d->query};
    d->c.id = str_printf(a, "pbc_%u", crc32_ieee(str_concat(a, S("view"), name)));
    Error *err = view_infer(tx, d->schema, &d->c, NULL);
    return err ? err : view_sample(tx, &d->c, d->records, &d->count);
}

/* What is wrong with the query, as a plain error of status 400. */
static Error *query_fault(Arena *a, Error *err)
{
    if (db_error_kind(err) == DB_ERROR_TOO_SLOW)
        return error_new(a, 400, S("the query took too long"));
    Str raw = raw_sql_error(err);
    if (raw.len == 0) return err;
    return error_cause(a, error_new(a, 400, raw), "%.*s", STR_ARG(err->cause));
}

static Json *to_json(Arena *a, const DryRun *d)
{
    Json *fields = json_new_array(a), *sample = json_new_array(a);
    for (size_t i = 0; i < d->c.field_count; i++)
        json_push(a, fields, field_to_json(a, &d->c.fields[i]));
    for (size_t i = 0; i < d->count; i++)
        json_push(a, sample, record_to_json(a, d->records[i], NULL));
    Json *answer = json_new_object(a);
    json_set(a, answer, S("fields"), fields);
    json_set(a, answer, S("sample"), sample);
    return answer;
}

Error *view_dry_run(App *app, Arena *a, const Schema *schema, Str query, Json **out)
{
    DryRun d = {.schema = schema, .query = query};
    Error *err = db_read_slow(app->db, a, VIEW_DRY_RUN_MS, dry_run_work, &d);
    if (err) return query_fault(a, err);
    *out = to_json(a, &d);
    return NULL;
}
