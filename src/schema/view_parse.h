/* view_parse.h - the query of a view, as far as its text tells.
 *
 *     select p.id, p.title as t, count(*) total from posts p left join users u …
 *
 *     items    COLUMN p.id "id"    COLUMN p.title "t"    COUNT "total"
 *     tables   posts "p"    users "u"
 */
#ifndef CROFT_SCHEMA_VIEW_PARSE_H
#define CROFT_SCHEMA_VIEW_PARSE_H

#include "base/base.h"
#include "base/buf.h"

#define VIEW_QUERY_MAX_BYTES 65536

typedef enum {
    VIEW_OTHER,  /* any expression */
    VIEW_COLUMN, /* table.column, or column alone */
    VIEW_COUNT,  /* count(…): a whole number */
    VIEW_TOTAL,  /* total(…) and what is computed from it: a number */
    VIEW_CAST    /* cast(… as type) */
} ViewItemKind;

typedef struct {
    ViewItemKind kind;
    Str alias;         /* the name it gets; empty when only SQLite knows */
    Str table, column; /* VIEW_COLUMN; `table` as written, empty = none */
    Str cast;          /* VIEW_CAST: one word, or empty */
} ViewItem;

typedef struct {
    Str name;  /* empty: a subquery, a function, a common table */
    Str alias; /* how items call it; the name itself when it has no other */
} ViewTable;

typedef struct {
    ViewItem *items;
    size_t item_count;
    ViewTable *tables;
    size_t table_count;
    bool is_query;    /* SELECT, WITH or VALUES: not a table by its name alone */
    bool is_compound; /* UNION …: no item comes from one table alone */
} ViewQuery;

/* Without the blanks and ';' around it. */
Str view_query_trim(Str query);

/* Reads the query; texts point into it or live in `a`. NULL, or why it cannot
 * be the query of a view. That it is SQL at all is for the engine to say. */
const char *view_parse(Arena *a, Str query, ViewQuery *out);

/* The table a VIEW_COLUMN is taken from, or NULL. */
const ViewTable *view_table_of(const ViewQuery *q, const ViewItem *item);

#endif
