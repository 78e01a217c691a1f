/* setup.c - serves the page of setup/. */
#include "app/setup.h"

static Error *send_page(Res *res, Str type, Str bytes)
{
    res_header(res, S("Content-Security-Policy"),
               S("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                 "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"));
    res_header(res, S("Referrer-Policy"), S("no-referrer"));
    res_header(res, S("Cache-Control"), S("no-store"));
    return res_bytes(res, 200, type, bytes);
}

/* GET /_/ */
static Error *handle_html(Req *req, Res *res)
{
    (void)req;
    return send_page(res, S("text/html; charset=utf-8"), str_make(setup_html, setup_html_len));
}

/* GET /_/setup.js */
static Error *handle_js(Req *req, Res *res)
{
    (void)req;
    return send_page(res, S("text/javascript; charset=utf-8"), str_make(setup_js, setup_js_len));
}

/* GET /_/setup.css */
static Error *handle_css(Req *req, Res *res)
{
    (void)req;
    return send_page(res, S("text/css; charset=utf-8"), str_make(setup_css, setup_css_len));
}

/* GET /_ : where people type it without the slash */
static Error *handle_bare(Req *req, Res *res)
{
    (void)req;
    return res_redirect(res, 307, S("/_/"));
}

const Route setup_routes[] = {
    {"GET", "/_", handle_bare, 0, NULL},
    {"GET", "/_/", handle_html, 0, NULL},
    {"GET", "/_/setup.js", handle_js, 0, NULL},
    {"GET", "/_/setup.css", handle_css, 0, NULL},
};
const size_t setup_route_count = COUNT(setup_routes);
