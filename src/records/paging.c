/* paging.c - the page of a list: which one is asked for, and what is said of it. */
#include "records/records_internal.h"

#define PER_PAGE_DEFAULT 30
#define PER_PAGE_MAX     1000

static Error *query_whole(Req *req, Str key, int64_t fallback, int64_t *out)
{
    Str text = req_query(req, key);
    *out = fallback;
    if (text.len > 0 && !str_to_i64(text, out)) return error_status(req->arena, 400);
    if (*out <= 0) *out = fallback;
    return NULL;
}

Error *paging_read(Req *req, Paging *out)
{
    *out = (Paging){0};
    Error *err = query_whole(req, S("page"), 1, &out->page);
    if (err) return err;
    err = query_whole(req, S("perPage"), PER_PAGE_DEFAULT, &out->per_page);
    if (err) return err;
    out->per_page = MIN(out->per_page, PER_PAGE_MAX);

    Str skip = req_query(req, S("skipTotal"));
    if (skip.len && !bool_of_text(skip, &out->skip_total)) return error_status(req->arena, 400);
    return NULL;
}

int64_t paging_offset(const Paging *p)
{
    if (p->page - 1 > INT64_MAX / p->per_page) return INT64_MAX;
    return (p->page - 1) * p->per_page;
}

void paging_write_tail(Buf *out, const Paging *p, int64_t total)
{
    int64_t pages = total < 0 ? -1 : (total + p->per_page - 1) / p->per_page;
    buf_add(out, S("],\"page\":"));
    buf_i64(out, p->page);
    buf_add(out, S(",\"perPage\":"));
    buf_i64(out, p->per_page);
    buf_add(out, S(",\"totalItems\":"));
    buf_i64(out, total);
    buf_add(out, S(",\"totalPages\":"));
    buf_i64(out, pages);
    buf_add(out, S("}\n"));
}
