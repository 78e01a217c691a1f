/* cors.c - which pages of other origins may read our answers (api: conventions §9).
 *
 * Credentials are never allowed: tokens travel in a header that a page sets
 * itself, so "*" gives away nothing that curl would not get.
 */
#include "http/http_internal.h"

#define PATTERNS_MAX 100

void cors_set_up(Arena *a, HttpServer *server, Str origins)
{
    server->origins = arena_new(a, Str, PATTERNS_MAX);
    Str rest = origins;
    while (rest.ptr && server->origin_count < PATTERNS_MAX) {
        Str one = str_trim(str_split(&rest, ','));
        if (one.len == 0) continue;
        if (str_eq(one, S("*"))) server->origins_any = true;
        server->origins[server->origin_count++] = arena_copy(a, one);
    }
}

/* '*' is any run of characters, '?' any one. Goes back to the latest '*' only,
 * which is enough and keeps the time at length times length. */
static bool matches(Str pattern, Str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_t = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            star_t = t;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

Str cors_allow(const HttpServer *server, const Req *req)
{
    Str origin = req_header(req, S("origin"));
    if (origin.len == 0) return S("");
    if (server->origins_any) return S("*");
    for (size_t i = 0; i < server->origin_count; i++)
        if (matches(server->origins[i], origin)) return origin;
    return S("");
}

Error *cors_preflight(Req *req, Res *res)
{
    if (cors_allow(request_of(req)->server, req).len > 0) {
        res_header_add(res, S("Vary"), S("Access-Control-Request-Method"));
        res_header_add(res, S("Vary"), S("Access-Control-Request-Headers"));
        res_header_add(res, S("Access-Control-Allow-Methods"), S("GET,HEAD,PUT,PATCH,POST,DELETE"));
        Str wanted = req_header(req, S("access-control-request-headers"));
        if (wanted.len > 0) res_header_add(res, S("Access-Control-Allow-Headers"), wanted);
    }
    return res_empty(res, 204);
}
