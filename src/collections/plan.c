/* plan.c - what a change of the schema would do, before it is applied
 * (docs/dashboard-api.md).
 *
 * The real change is run in a transaction of its own that is always rolled
 * back: it ends with an error of ours, so nothing is committed or published.
 * The schema it would leave is compared with the present one. Then the rows
 * that would lose a value are counted, in a read that stops nobody. */
#include "collections/collections_internal.h"

#define COUNT_MS 3000

typedef struct {
    const Schema *was;
    Json *changes;
} Counting;

#define UNDO_CODE "plan_undo"

/* Copied: what the transaction made is gone with it. */
Error *plan_undo(App *app, Tx *tx, Json **changes)
{
    Arena *a = tx_arena(tx);
    const Schema *after;
    Error *err = schema_preview(app->schema, tx, a, &after);
    if (err) return err;
    *changes = json_copy(a, schema_diff(a, schema_in_tx(app->schema, tx), after));
    err = error_new(a, 400, S(""));
    err->code = UNDO_CODE;
    return err;
}

bool plan_is_undone(const Error *err)
{
    return err && err->code && strcmp(err->code, UNDO_CODE) == 0;
}

/* ---- what is lost ---- */

static Error *count_where(Tx *tx, const Collection *c, Str condition, int64_t *out)
{
    Arena *a = tx_arena(tx);
    Buf sql = buf_new(a, 128);
    buf_add(&sql, S("SELECT count(*) FROM "));
    db_dialect(tx_db(tx))->quote_name(&sql, c->name);
    if (condition.len > 0) {
        buf_add(&sql, S(" WHERE "));
        buf_add(&sql, condition);
    }
    bool found;
    *out = 0;
    return tx_one_i64(tx, buf_str(&sql), NULL, 0, out, &found);
}

static Str column_name(Tx *tx, const Field *f)
{
    Buf name = buf_new(tx_arena(tx), f->name.len + 8);
    db_dialect(tx_db(tx))->quote_name(&name, f->name);
    return buf_str(&name);
}

/* What counts as a value that somebody would miss. */
static Str has_value(Tx *tx, const Field *f)
{
    Str x = column_name(tx, f);
    switch (field_column_kind(f)) {
    case COLUMN_NUMBER:
    case COLUMN_BOOL:
        return str_printf(tx_arena(tx), "coalesce(%.*s, 0) != 0", STR_ARG(x));
    default:
        return str_printf(tx_arena(tx), "coalesce(%.*s, '') NOT IN ('', '[]', 'null', '{}')",
                          STR_ARG(x));
    }
}

static Str has_several(Tx *tx, const Field *f)
{
    Str x = column_name(tx, f);
    return str_printf(tx_arena(tx),
                      "json_valid(%.*s) AND json_type(%.*s) = 'array' AND "
                      "json_array_length(%.*s) > 1",
                      STR_ARG(x), STR_ARG(x), STR_ARG(x));
}

static Error *count_change(Tx *tx, const Counting *k, Json *change)
{
    Arena *a = tx_arena(tx);
    int64_t lost = 0;
    Str kind = json_str(json_get(change, S("kind")), S(""));
    const Collection *c =
        schema_find_id(k->was, json_str(json_get(change, S("collectionId")), S("")));
    if (!c || c->type == COLLECTION_VIEW) return NULL;
    Str detail = S("");
    Error *err = NULL;
    if (str_eq(kind, S("collection_removed"))) {
        err = count_where(tx, c, S(""), &lost);
        detail = S("All records are deleted, with their files.");
    }
    if (str_eq(kind, S("field_removed"))) {
        const Field *f = collection_field(c, json_str(json_get(change, S("name")), S("")));
        err = f ? count_where(tx, c, has_value(tx, f), &lost) : NULL;
        detail = f && f->type == FIELD_FILE
                     ? S("The values are deleted; the files stay as orphans.")
                     : S("The values are deleted.");
    }
    if (str_eq(kind, S("field_changed"))) {
        const Json *from = json_get(change, S("from")), *to = json_get(change, S("to"));
        double before = json_number(json_get(from, S("maxSelect")), 0);
        double after = json_number(json_get(to, S("maxSelect")), 0);
        if (!json_get(to, S("maxSelect")) || before <= 1 || after > 1) return NULL;
        const Field *f = collection_field_by_id(c, json_str(json_get(change, S("fieldId")), S("")));
        err = f ? count_where(tx, c, has_several(tx, f), &lost) : NULL;
        detail = S("Of several values only the last one is kept.");
    }
    if (err || detail.len == 0) return err;
    json_set_number(a, change, S("loses"), (double)lost);
    json_set_str(a, change, S("detail"), detail);
    return NULL;
}

static Error *count_work(Tx *tx, void *arg)
{
    const Counting *k = arg;
    for (size_t i = 0; i < json_count(k->changes); i++) {
        Error *err = count_change(tx, k, json_at(k->changes, i));
        if (err) return err;
    }
    return NULL;
}

/* ---- the answer ---- */

static Error *refusal(Arena *a, Error *err, Json **out)
{
    if (err->status >= 500 && db_error_kind(err) != DB_ERROR_TOO_SLOW) return err;
    Json *envelope = error_to_json(a, err), *answer = json_new_object(a);
    Str message = json_str(json_get(envelope, S("message")), S(""));
    if (db_error_kind(err) == DB_ERROR_TOO_SLOW)
        message = S("Trying the change takes too long while the site is running.");
    json_set_bool(a, answer, S("valid"), false);
    json_set_str(a, answer, S("message"), message);
    json_set(a, answer, S("errors"), json_get(envelope, S("data")));
    json_set(a, answer, S("changes"), json_new_array(a));
    *out = answer;
    return NULL;
}

/* Counting takes as long as the tables are large: what is not known in time is
 * left out. */
static Error *plan_answer(App *app, Arena *a, const Schema *was, Json *changes, Json **out)
{
    Counting k = {was, changes};
    Error *err = db_read_slow(app->db, a, COUNT_MS, count_work, &k);
    if (err && db_error_kind(err) != DB_ERROR_TOO_SLOW && db_error_kind(err) != DB_ERROR_SYNTAX)
        return err;
    Json *answer = json_new_object(a);
    json_set_bool(a, answer, S("valid"), true);
    json_set(a, answer, S("errors"), json_new_object(a));
    json_set(a, answer, S("changes"), k.changes);
    json_set_bool(a, answer, S("counted"), err == NULL);
    *out = answer;
    return NULL;
}

Error *collection_plan(App *app, Arena *a, const Json *body, Json **out)
{
    const Json *json = json_get(body, S("collection"));
    bool import = json_get(body, S("collections")) != NULL;
    if (!import && !json_is(json, JSON_OBJECT)) return error_required(a, S("collection"));
    const Schema *was = schema_hold(app->schema, a);
    Json *changes = NULL;
    Error *err;
    if (import) {
        err = collections_import_try(app, a, body, &changes);
    } else {
        Str id = json_str(json_get(json, S("id")), S(""));
        bool stored = schema_find_id(was, id) != NULL;
        err = collection_save_try(app, a, stored ? id : S(""), json, &changes);
    }
    return err ? refusal(a, err, out) : plan_answer(app, a, was, changes, out);
}
