/* list.c - the list of collections: filter and sort by the few columns that
 * superusers may ask for.
 *
 * "_collections" is described as if it were a collection itself, so that the
 * filter language does the rest. */
#include "collections/collections_internal.h"

/* Also the whitelist: no other name can be filtered or sorted by. */
static const Column COLUMNS[] = {
    {"id", FIELD_TEXT},   {"created", FIELD_TEXT}, {"updated", FIELD_TEXT},
    {"name", FIELD_TEXT}, {"system", FIELD_BOOL},  {"type", FIELD_TEXT},
};

typedef struct {
    const Schema *schema;
    const RequestInfo *info;
    const CollectionList *list;
    int64_t total;
    Json *items;
} Listing;

static Error *read_items(Tx *tx, Select *q, Listing *l)
{
    Arena *a = tx_arena(tx);
    Stmt *stmt;
    int64_t offset = (l->list->page - 1) * l->list->per_page;
    Error *err = tx_prepare(tx, select_rows_sql(q, NULL, 0, l->list->per_page, offset), &stmt);
    if (err) return err;
    select_bind(q, stmt);
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        const Collection *c = schema_find_id(l->schema, stmt_str(stmt, 0));
        if (c) json_push(a, l->items, collection_to_json(a, c));
    }
}

static Error *list_work(Tx *tx, void *arg)
{
    Listing *l = arg;
    Arena *a = tx_arena(tx);
    l->items = json_new_array(a);
    l->total = -1;
    const Collection *c = collection_of_table(a, S("_collections"), COLUMNS, COUNT(COLUMNS));
    Select *q = select_new(a, db_dialect(tx_db(tx)), l->schema, c, l->info);
    Error *err = select_where_client(q, l->list->filter);
    if (err) return err;
    err = select_sort_client(q, l->list->sort);
    if (err) return err;
    if (!l->list->skip_total) {
        Stmt *stmt;
        err = tx_prepare(tx, select_count_sql(q), &stmt);
        if (err) return err;
        select_bind(q, stmt);
        bool row;
        err = stmt_step(stmt, &row);
        if (err) return err;
        l->total = row ? stmt_i64(stmt, 0) : 0;
    }
    return read_items(tx, q, l);
}

Error *collections_list(App *app, Arena *a, const Schema *schema, const RequestInfo *info,
                        const CollectionList *list, Json **out)
{
    Listing l = {.schema = schema, .info = info, .list = list};
    Error *err = db_read(app->db, a, list_work, &l);
    if (err) return err;

    int64_t pages = l.total < 0 ? -1 : (l.total + list->per_page - 1) / list->per_page;
    Json *page = json_new_object(a);
    json_set(a, page, S("items"), l.items);
    json_set_number(a, page, S("page"), (double)list->page);
    json_set_number(a, page, S("perPage"), (double)list->per_page);
    json_set_number(a, page, S("totalItems"), (double)l.total);
    json_set_number(a, page, S("totalPages"), (double)pages);
    *out = page;
    return NULL;
}
