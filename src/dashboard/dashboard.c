/* dashboard.c - serves the files of ui/dist out of the binary. */
#include "dashboard/dashboard.h"

#include "dashboard/assets.h"

/* Nothing inline, nothing foreign. data: and blob: are previews of pictures
 * that the owner is about to upload; style-src has no 'unsafe-inline', since
 * scripts set styles through the CSSOM and constructed style sheets. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; worker-src 'self'; "     \
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

bool dashboard_is_built(void)
{
    return dashboard_assets_count > 0;
}

static bool weight_is_zero(Str params)
{
    while (params.ptr) {
        Str param = str_trim(str_split(&params, ';'));
        if (!str_starts_nocase(param, S("q="))) continue;
        for (size_t i = 2; i < param.len; i++)
            if (param.ptr[i] != '0' && param.ptr[i] != '.') return false;
        return true;
    }
    return false;
}

bool coding_is_allowed(Str accept_encoding, Str coding)
{
    if (!accept_encoding.ptr) return true;
    bool any = false;
    while (accept_encoding.ptr) {
        Str params = str_split(&accept_encoding, ',');
        Str name = str_trim(str_split(&params, ';'));
        if (str_eq_nocase(name, coding)) return !weight_is_zero(params);
        if (str_eq(name, S("*"))) any = !weight_is_zero(params);
    }
    return any;
}

static const Asset *asset_get(Str path)
{
    for (size_t i = 0; i < dashboard_assets_count; i++)
        if (str_eq(dashboard_assets[i].path, path)) return &dashboard_assets[i];
    return NULL;
}

static void security_headers(Res *res)
{
    res_header(res, S("Content-Security-Policy"), S(POLICY));
    res_header(res, S("Referrer-Policy"), S("no-referrer"));
    res_header(res, S("Cross-Origin-Opener-Policy"), S("same-origin"));
    res_header(res, S("Cross-Origin-Resource-Policy"), S("same-origin"));
    res_header(res, S("X-Frame-Options"), S("DENY"));
    res_header(res, S("Permissions-Policy"),
               S("camera=(), microphone=(), geolocation=(), payment=(), usb=()"));
}

/* The best stored form the client takes; what only compressed files have left
 * for a client that wants neither is 406. */
static Error *send_form(Req *req, Res *res, const Asset *asset)
{
    Str accept = req_header(req, S("Accept-Encoding"));
    Str bytes = asset->plain;
    if (asset->brotli.ptr && accept.ptr && coding_is_allowed(accept, S("br"))) {
        res_header(res, S("Content-Encoding"), S("br"));
        bytes = asset->brotli;
    } else if (asset->gzip.ptr && (accept.ptr || !bytes.ptr) &&
               coding_is_allowed(accept, S("gzip"))) {
        res_header(res, S("Content-Encoding"), S("gzip"));
        bytes = asset->gzip;
    }
    if (!bytes.ptr) return error_status(req->arena, 406);
    return res_bytes(res, 200, asset->content_type, bytes);
}

static Error *send_asset(Req *req, Res *res, const Asset *asset)
{
    security_headers(res);
    res_header(res, S("Cache-Control"),
               str_starts(asset->path, S("assets/")) ? S("public, max-age=31536000, immutable")
                                                     : S("no-cache"));
    res_header(res, S("ETag"), asset->etag);
    if (asset->gzip.ptr) res_header_add(res, S("Vary"), S("Accept-Encoding"));
    Str known = req_header(req, S("If-None-Match"));
    if (known.ptr && (str_eq(known, S("*")) || str_find(known, asset->etag) >= 0))
        return res_empty(res, 304);
    return send_form(req, res, asset);
}

/* GET /_ : where people type it without the slash */
static Error *handle_bare(Req *req, Res *res)
{
    (void)req;
    return res_redirect(res, 307, S("_/"));
}

/* GET /_/ */
static Error *handle_page(Req *req, Res *res)
{
    const Asset *page = asset_get(S("index.html"));
    return page ? send_asset(req, res, page) : error_status(req->arena, 404);
}

/* GET /_/{path...} */
static Error *handle_asset(Req *req, Res *res)
{
    const Asset *asset = asset_get(req_param(req, "path"));
    return asset ? send_asset(req, res, asset) : error_status(req->arena, 404);
}

const Route dashboard_routes[] = {
    {"GET", "/_", handle_bare, 0, NULL},
    {"GET", "/_/", handle_page, 0, NULL},
    {"GET", "/_/{path...}", handle_asset, 0, NULL},
};
const size_t dashboard_route_count = COUNT(dashboard_routes);
