/* check_tables.c - what schema_compare() finds, in words, with its repairs. */
#include "folder/folder_internal.h"

static const struct {
    FindingKind kind;
    const char *what; /* %1: collection, %2: name, %3: detail; see words() */
    const char *repair;
} WORDS[] = {
    [TABLE_MISSING] = {FINDING_FAULT,
                       "The table of the collection %1 is missing, with all its "
                       "records; every request for them fails.",
                       "Make an empty table."},
    [TABLE_COLUMN_MISSING] = {FINDING_FAULT,
                              "The table %1 has no column for the field %2; every "
                              "request for its records fails.",
                              "Add the column, empty in all records."},
    [TABLE_COLUMN_EXTRA] = {FINDING_NOTE,
                            "The table %1 has a column %2 that is no field of the "
                            "collection. It is left alone.",
                            ""},
    [TABLE_COLUMN_TYPE] = {FINDING_NOTE,
                           "The column %2 of the table %1 is declared as %3. Values "
                           "are stored a little differently; nothing else follows.",
                           ""},
    [TABLE_INDEX_MISSING] = {FINDING_FAULT,
                             "The index %2 of the collection %1 is missing: "
                             "look-ups are slower, and if it is unique, values may repeat.",
                             "Make the index."},
    [TABLE_INDEX_EXTRA] = {FINDING_NOTE,
                           "The table %1 has an index %2 that its collection does "
                           "not list. It costs a little at every write.",
                           ""},
    [TABLE_VIEW_MISSING] = {FINDING_FAULT,
                            "The view of the collection %1 is missing; every "
                            "request for it fails.",
                            "Make the view from its query."},
    [TABLE_VIEW_BROKEN] = {FINDING_FAULT,
                           "The view %1 does not work any more: %3. Change its "
                           "query, or what it reads, in the dashboard.",
                           ""},
    [TABLE_EXTRA] = {FINDING_NOTE,
                     "There is a %3 %2 that belongs to no collection. It is left "
                     "alone.",
                     ""},
};

static Str words(Arena *a, const char *pattern, const TableFinding *f)
{
    const Str values[] = {f->collection ? f->collection->name : S(""), f->name, f->detail};
    Buf out = buf_new(a, 256);
    for (const char *p = pattern; *p; p++) {
        if (p[0] != '%' || p[1] < '1' || p[1] > '3') {
            buf_char(&out, *p);
            continue;
        }
        buf_add(&out, values[*++p - '1']);
    }
    return buf_str(&out);
}

/* ---- repairing ---- */

typedef struct {
    App *app;
    TableFinding finding;
} Mending;

static Error *mend_work(Tx *tx, void *arg)
{
    const Mending *m = arg;
    return schema_mend(tx, schema_in_tx(m->app->schema, tx), &m->finding);
}

static Error *run_mend(App *app, Arena *a, const Finding *self)
{
    const TableFinding *kept = self->data;
    const Schema *schema = schema_hold(app->schema, a); /* the check's own may be closed */
    Mending m = {.app = app, .finding = *kept};
    m.finding.collection = schema_find(schema, kept->collection->name);
    return db_write_alone(app->db, a, 0, mend_work, &m);
}

/* ---- telling ---- */

typedef struct {
    Check *k;
    TableFinding *list; /* filled anew at every run of the work */
    size_t count, cap;
} Found;

static Error *visit(void *arg, const TableFinding *finding)
{
    Found *found = arg;
    Arena *a = found->k->a;
    if (found->count == found->cap) {
        found->cap = found->cap ? found->cap * 2 : 64;
        TableFinding *grown = arena_new(a, TableFinding, found->cap);
        if (found->count) memcpy(grown, found->list, found->count * sizeof(*grown));
        found->list = grown;
    }
    TableFinding *kept = &found->list[found->count++];
    *kept = *finding;
    kept->name = arena_copy(a, finding->name);
    kept->detail = arena_copy(a, finding->detail);
    return NULL;
}

static Error *compare_work(Tx *tx, void *arg)
{
    Found *found = arg;
    found->count = 0;
    const Schema *schema = schema_hold(found->k->app->schema, found->k->a);
    return schema_compare(tx, schema, visit, found);
}

Error *check_tables(Check *k)
{
    progress_tell(k->progress, "tables", false, 0, 0);
    Found found = {.k = k};
    Error *err = db_read_slow(k->app->db, k->a, 0, compare_work, &found);
    for (size_t i = 0; i < found.count && !err; i++) {
        const TableFinding *t = &found.list[i];
        Finding *f = finding_add(k, WORDS[t->fault].kind, words(k->a, WORDS[t->fault].what, t));
        if (!table_fault_mendable(t->fault)) continue;
        f->repair = words(k->a, WORDS[t->fault].repair, t);
        f->run = run_mend;
        f->data = t;
    }
    return err;
}
