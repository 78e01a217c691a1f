/* tries.c - one throttled try of a secret, from its beginning to its result. */
#include "auth/auth_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define WAIT_STEP_MS 10
#define WAIT_MAX_MS  10000

void try_end(void *arg)
{
    Try *try = arg;
    if (!try->throttle) return;
    throttle_end(try->throttle, try->account, try->ip, try->result, clock_mono_ms());
    try->throttle = NULL;
}

Error *try_begin(Req *req, const Collection *c, Str identity, Try *try)
{
    Context *cx = req_context(req);
    Auth *auth = cx->app->auth;
    try->account = str_printf(req->arena, "%.*s\n%.*s", STR_ARG(c->id), STR_ARG(identity));
    try->ip = cx->real_ip;
    try->result = TRY_UNDECIDED;

    for (int waited = 0; waited <= WAIT_MAX_MS; waited += WAIT_STEP_MS) {
        TryVerdict verdict = throttle_begin(auth->throttle, try->account, try->ip, clock_mono_ms());
        if (verdict == TRY_ALLOWED) {
            try->throttle = auth->throttle;
            arena_defer(req->arena, try_end, try);
            return NULL;
        }
        if (verdict == TRY_REFUSED) break;
        await_sleep(WAIT_STEP_MS);
    }
    log_warn("auth", "too many sign-in attempts", LOG_STR("collection", c->name),
             LOG_STR("identity", identity), LOG_STR("ip", cx->real_ip));
    return error_status(req->arena, 429);
}
