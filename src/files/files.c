/* files.c - downloads of record files, and the tokens for protected ones
 * (api: files §4, §6).
 *
 * Every way in which a download can fail looks the same, 404, so that nothing
 * can be learnt about what is there. The Authorization header plays no part:
 * a browser's <img> cannot send it, which is what file tokens are for.
 */
#include "files/files_internal.h"

#include "base/log.h"

/* Tables that were changed under a request are not those that it asks: how often it
 * looks for the schema that is to be published, about 5 ms each time. */
#define LOOKS_MAX 40

typedef struct {
    Req *req;
    FileRequest asked;
    uint64_t db_version; /* of before the place was found */
    FilePlace place;
} Download;

static Error *find_place(Tx *tx, void *arg)
{
    Download *d = arg;
    const FileRequest *r = &d->asked;
    return file_place_find(tx, r->schema, r->collection, r->record_id, r->name, &d->place);
}

typedef struct {
    const Schema *schema;
    const Collection *collection;
    Str record_id;
    RequestInfo info;
    bool allowed;
} RuleWork;

static Error *check_rule(Tx *tx, void *arg)
{
    RuleWork *w = arg;
    const Rule *rule = &w->collection->rules[RULE_VIEW];
    w->allowed = !rule->is_null && rule->text.len == 0;
    if (w->allowed || rule->is_null) return NULL;
    const Filter *filter = rule_filter(w->collection, RULE_VIEW);
    if (!filter) return NULL;
    return rule_matches_row(tx, w->schema, w->collection, filter, w->record_id, &w->info,
                            &w->allowed);
}

/* Who the `token` parameter speaks for; NULL for a guest. */
static Error *token_owner(Req *req, const AuthInfo **out)
{
    Context *cx = req_context(req);
    *out = NULL;
    Str token = req_query(req, S("token"));
    if (token.len == 0 || token.len > TOKEN_MAX_BYTES) return NULL;
    Record *owner;
    Json *claims;
    Error *err =
        auth_find_by_token(cx->app, req->arena, cx->schema, token, TOKEN_FILE, &owner, &claims);
    if (err) return err->status == 401 ? NULL : err;
    const AuthInfo *auth = auth_info_of(req->arena, owner);
    if (auth->is_superuser && superuser_ip_refused(cx->settings, cx->real_ip)) return NULL;
    *out = auth;
    return NULL;
}

static Error *protection_check(Req *req, const Collection *c, Str record_id)
{
    Context *cx = req_context(req);
    const AuthInfo *owner;
    Error *err = token_owner(req, &owner);
    if (err) return err;
    if (owner && owner->is_superuser) return NULL;

    RuleWork work = {
        .schema = cx->schema, .collection = c, .record_id = record_id, .info = cx->info};
    work.info.context = S("protectedFile");
    work.info.method = S("GET");
    work.info.auth = owner;
    err = db_read(cx->app->db, req->arena, check_rule, &work);
    if (err) return err;
    return work.allowed ? NULL : error_status(req->arena, 404);
}

static bool is_true(Str s)
{
    return str_eq(s, S("1")) || str_eq(s, S("t")) || str_eq(s, S("T")) || str_eq(s, S("true")) ||
           str_eq(s, S("TRUE")) || str_eq(s, S("True"));
}

static Error *read_blob(void *arg, uint64_t offset, char *buf, size_t len)
{
    return blob_read(arg, offset, buf, len);
}

/* Which record shows this file, and from which field? 404 when none does. */
static Error *place_find(Download *d)
{
    Db *db = d->asked.app->db;
    d->db_version = db_version(db);
    return db_read(db, d->req->arena, find_place, d);
}

/* Whoever removed a file while its thumbnail was made has removed its thumbnails
 * before ours was there. */
static Error *still_there(void *arg, bool *is_there)
{
    Error *err = place_find(arg);
    *is_there = !err;
    return err && err->status != 404 ? err : NULL;
}

/* The thumbnail that was asked for, or the file; *name is what it is called then.
 * `*is_final`: asked again, it would be the same. */
static Error *file_open(Download *d, Str *name, OpenFile *out, bool *is_final)
{
    Arena *a = d->req->arena;
    const App *app = d->asked.app;
    const FilePlace *place = &d->place;
    Str size = d->asked.size;
    *name = d->asked.name;
    *is_final = size.len == 0;
    out->key = str_printf(a, "%.*s/%.*s/%.*s", STR_ARG(place->origin->id),
                          STR_ARG(place->origin_id), STR_ARG(*name));
    bool is_whole = !d->req->is_head && req_header(d->req, S("range")).len == 0;
    out->flags = is_whole ? 0 : BLOB_INFO_ONLY;
    if (!thumb_is_listed(place->field, size))
        return storage_blob(app->storage, a, out->key, out->flags, &out->blob, &out->info);

    bool is_thumb;
    Error *err = thumb_open(app->thumbs, app->storage, a, size, still_there, d, out, &is_thumb);
    if (err || !is_thumb) return err;
    *name = str_printf(a, "%.*s_%.*s", STR_ARG(size), STR_ARG(*name));
    *is_final = true;
    return NULL;
}

/* The headers of a file of this name, and then `answer`. */
static Error *file_send(Req *req, Res *res, Str name, Str stored_type, ResFile *answer)
{
    bool is_inline = file_is_inline(stored_type) && !is_true(req_query(req, S("download")));
    res_header(res, S("Content-Disposition"), file_disposition(req->arena, name, is_inline));
    res_header(res, S("Content-Security-Policy"),
               S("default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox"));
    res_header(res, S("Cache-Control"), S("max-age=2592000, stale-while-revalidate=86400"));
    res_header_remove(res, S("X-Frame-Options"));
    answer->content_type = file_content_type(name, stored_type);
    return res_file(res, answer);
}

static Error *stored_send(Download *d, Res *res)
{
    Str name;
    OpenFile file;
    bool is_final;
    uint64_t version = d->db_version;
    Error *err = file_open(d, &name, &file, &is_final);
    if (err) return err;
    if (is_final) kept_add(d->asked.app->file_cache, &d->asked, &d->place, version, &file, name);
    ResFile answer = {
        .fd = blob_fd(file.blob),
        .read = read_blob,
        .read_arg = file.blob,
        .size_bytes = file.info.size_bytes,
        .modified_ms = file.info.modified_ms,
    };
    return file_send(d->req, res, name, file.info.content_type, &answer);
}

static Error *kept_send(Req *req, Res *res, const KeptFile *kept)
{
    ResFile answer = {
        .fd = -1,
        .memory = kept->bytes,
        .size_bytes = kept->bytes.len,
        .modified_ms = kept->modified_ms,
        .last_modified = kept->last_modified,
    };
    return file_send(req, res, kept->name, kept->stored_type, &answer);
}

/* Where the file is, and whether it is in memory: then the record, which may have
 * changed since, still shows it in the same field. */
static Error *locate(Download *d, KeptFile **kept)
{
    const FileRequest *r = &d->asked;
    *kept = kept_find(r->app->file_cache, r);
    if (*kept && (*kept)->db_version == db_version(r->app->db)) {
        d->place.field = &r->collection->fields[(*kept)->field];
        return NULL;
    }
    Error *err = place_find(d);
    if (!*kept) return err;
    if (!err && d->place.field->index == (*kept)->field) {
        (*kept)->db_version = d->db_version;
        return NULL;
    }
    kept_drop(r->app->file_cache, r);
    *kept = NULL;
    return err;
}

static Error *download(Req *req, Res *res)
{
    Context *cx = req_context(req);
    const Collection *c;
    Error *err = req_collection(req, S(""), &c);
    if (err) return err;

    Download d = {.req = req,
                  .asked = {.arena = req->arena,
                            .app = cx->app,
                            .schema = cx->schema,
                            .collection = c,
                            .record_id = req_param(req, "record"),
                            .name = req_param(req, "name"),
                            .size = req_query(req, S("thumb"))}};
    KeptFile *kept;
    err = locate(&d, &kept);
    if (err) return err;
    if (d.place.field->is_protected) {
        err = protection_check(req, c, d.asked.record_id);
        if (err) return err;
    }
    return kept ? kept_send(req, res, kept) : stored_send(&d, res);
}

/* GET /api/files/{collection}/{record}/{name}
 *
 *   query  download=1 as an attachment; token= for protected files; thumb= a size
 *   200    the file, 206 a range of it, 304 not modified
 *   404    anything else
 *   503    the file is in S3, which cannot be reached
 */
static Error *handle_download(Req *req, Res *res)
{
    const Context *cx = req_context(req);
    Error *err = download(req, res);
    for (int looks = 0; looks < LOOKS_MAX && db_error_kind(err) == DB_ERROR_SYNTAX; looks++) {
        if (!read_is_stale(cx->app, cx->schema, err)) continue; /* it has waited a moment */
        schema_refresh(req);
        err = download(req, res);
    }
    if (!err || err->status >= 500 || res_status(res)) return err;
    Error *said = error_status(req->arena, 404);
    said->cause = err->cause;
    return said;
}

/* POST /api/files/token
 *
 *   200   {"token"}: opens protected files that the caller may view, for the
 *         collection's fileToken.duration
 *   401   not signed in
 */
static Error *handle_token(Req *req, Res *res)
{
    Error *err = require_auth(req);
    if (err) return err;
    Context *cx = req_context(req);
    Record *r;
    err = auth_record_find(cx->app, req->arena, cx->auth->collection, cx->auth->id, &r);
    if (err) return err;

    Json *answer = json_new_object(req->arena);
    json_set_str(req->arena, answer, S("token"),
                 auth_token_new(req->arena, r, TOKEN_FILE, 0, false));
    return res_json(res, 200, answer);
}

const Route file_routes[] = {
    {"POST", "/api/files/token", handle_token, 0, NULL},
    {"GET", "/api/files/{collection}/{record}/{name}", handle_download, 0, "file"},
};
const size_t file_route_count = COUNT(file_routes);
