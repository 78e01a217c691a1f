/* client.c - filters and sorts as clients send them, with what filters §9 takes
 * from everybody but superusers. The sort grammar is conventions §6.1.
 *
 * Filter and sort share their joined rows: sorting by author.name after
 * filtering by author.age speaks of the same author.
 */
#include "query/query_internal.h"

#define SORT_TERMS_MAX      8
#define SORT_TERM_BYTES_MAX 255

static bool is_superuser(const Select *q)
{
    const AuthInfo *auth = q->env.info->auth;
    return auth && auth->is_superuser;
}

/* Any place in the text counts, also in quotes and comments. */
Error *client_text_check(Select *q, Str text)
{
    if (is_superuser(q)) return NULL;
    if (str_find(text, S("@collection.")) >= 0)
        return error_new(q->arena, 403, S("Only superusers can filter by @collection."));
    if (str_find(text, S("@request.")) >= 0)
        return error_new(q->arena, 403, S("Only superusers can filter by @request."));
    return NULL;
}

Rights select_client_rights(Select *q)
{
    if (q->client_scope == 0) q->client_scope = ++q->scopes;
    return (Rights){.scope = q->client_scope,
                    .base = &q->base,
                    .no_hidden = !is_superuser(q),
                    .restricted = !is_superuser(q),
                    .check_all = true,
                    .copy_values = true,
                    .in_where = true};
}

/* ---- listRules on the way ---- */

/* AND (joined.id IS NULL OR listRule(joined)), with the joined row as base. */
static Error *pending_rule(Select *q, Join *join)
{
    const Filter *rule;
    Error *err = collection_rule(q->arena, join->collection, RULE_LIST, &rule);
    if (err) return err;
    Buf *out = &q->where;
    Mark mark = select_mark(q, out);
    if (out->len > 0) buf_add(out, S(" AND "));
    buf_char(out, '(');
    column_sql(q, out, join, S("id"), &q->base, 0);
    buf_add(out, S(" IS NULL OR "));

    const Collection *outer = q->env.collection;
    q->env.collection = join->collection;
    Rights rights = select_rights(q);
    rights.base = join;
    Fold fold;
    err = filter_compile(q, &rights, rule, out, &fold);
    q->env.collection = outer;
    if (err) return err;
    if (fold == FOLD_TRUE) {
        select_undo(q, out, mark);
        return NULL;
    }
    if (fold == FOLD_FALSE) out->len -= sizeof " OR " - 1;
    buf_char(out, ')');
    for (Join *needed = join; needed; needed = needed->parent)
        needed->in_where = true;
    return NULL;
}

/* The rules themselves are unrestricted, so none becomes pending meanwhile. */
Error *select_pending_rules(Select *q)
{
    for (size_t i = 0; i < q->join_count; i++) {
        if (!q->joins[i]->rule_pending) continue;
        q->joins[i]->rule_pending = false;
        Error *err = pending_rule(q, q->joins[i]);
        if (err) return err;
    }
    return NULL;
}

/* ---- filter ---- */

static Error *where_client(Select *q, Str filter, const Rights *rights)
{
    if (filter.len == 0) return NULL;
    if (filter.len > FILTER_MAX_BYTES)
        return filter_error(q->arena, "the filter has more than %d bytes", FILTER_MAX_BYTES);
    Error *err = client_text_check(q, filter);
    if (err) return err;
    const Filter *f;
    err = filter_cached(q->arena, filter, &f);
    if (err) return err;
    err = select_where(q, f, rights);
    if (err) return err;
    return select_pending_rules(q);
}

Error *select_where_client(Select *q, Str filter)
{
    Rights rights = select_client_rights(q);
    return where_client(q, filter, &rights);
}

Error *select_where_subscriber(Select *q, Str filter)
{
    Rights rights = select_client_rights(q);
    rights.no_hidden = true;
    return where_client(q, filter, &rights);
}

/* ---- sort ---- */

static bool is_sortable(const Operand *o)
{
    return o->kind == OPERAND_COLUMN || o->kind == OPERAND_JSON || o->kind == OPERAND_LENGTH ||
           o->kind == OPERAND_EACH;
}

/* An address that the caller may not see sorts as if it were empty. */
static void sort_operand_sql(Select *q, Buf *out, Operand *o)
{
    if (!o->needs_visible_email) {
        operand_sql(q, out, o, &q->base, 0);
        return;
    }
    buf_add(out, S("CASE WHEN "));
    column_sql(q, out, o->join, S("emailVisibility"), &q->base, 0);
    buf_add(out, S(" = TRUE THEN "));
    operand_sql(q, out, o, &q->base, 0);
    buf_add(out, S(" ELSE '' END"));
}

static Error *sort_by_name(Select *q, Str name)
{
    Term term;
    Operand operand;
    Error *err = lexer_is_name(name) ? term_from_name(q->arena, name, &term)
                                     : filter_error(q->arena, "invalid sort field");
    if (err) return err;
    Rights rights = select_client_rights(q);
    rights.in_where = false;
    err = operand_resolve(q, &rights, &term, &operand);
    if (err) return err;
    if (!is_sortable(&operand))
        return filter_error(q->arena, "\"%.*s\" cannot be sorted by", STR_ARG(name));
    sort_operand_sql(q, &q->order, &operand);
    return NULL;
}

static Error *sort_by_row(Select *q)
{
    if (q->collection->type == COLLECTION_VIEW)
        return filter_error(q->arena, "a view has no @rowid");
    buf_add(&q->order, S("\"t\"."));
    buf_add(&q->order, str_from(q->dialect->row_order));
    return NULL;
}

static Error *sort_term(Select *q, Str term)
{
    if (term.len > SORT_TERM_BYTES_MAX)
        return filter_error(q->arena, "a sort term has more than %d bytes", SORT_TERM_BYTES_MAX);
    bool sign = term.len > 0 && (term.ptr[0] == '-' || term.ptr[0] == '+');
    bool descending = sign && term.ptr[0] == '-';
    Str name = str_from_pos(term, sign ? 1 : 0);
    if (q->order.len > 0) buf_add(&q->order, S(", "));
    if (str_eq(name, S("@random"))) {
        buf_add(&q->order, str_from(q->dialect->random_order));
        return NULL;
    }
    Error *err = str_eq(name, S("@rowid")) ? sort_by_row(q) : sort_by_name(q, name);
    if (err) return err;
    buf_add(&q->order, descending ? S(" DESC") : S(" ASC"));
    return NULL;
}

Error *select_sort_client(Select *q, Str sort)
{
    if (sort.len == 0) return NULL;
    Error *err = client_text_check(q, sort);
    if (err) return err;
    size_t count = 0;
    if (!q->order.ptr) q->order = buf_new(q->arena, 64);
    for (Str rest = sort; rest.ptr;) {
        if (++count > SORT_TERMS_MAX)
            return filter_error(q->arena, "more than %d sort terms", SORT_TERMS_MAX);
        err = sort_term(q, str_trim(str_split(&rest, ',')));
        if (err) return err;
    }
    return select_pending_rules(q);
}
