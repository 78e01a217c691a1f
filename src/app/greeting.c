/* greeting.c - addresses, the setup link, and a warning when it matters. */
#include "app/greeting.h"

#include "auth/auth.h"
#include "base/log.h"

#include <stdio.h>

static void setup_link(Arena *a, App *app, const WorkerPlan *plan, Str url)
{
    Str token;
    Error *err = superuser_installer_token(app, a, &token);
    if (err) {
        log_error("worker", "could not prepare the first superuser", LOG_STR("cause", err->cause));
        return;
    }
    if (token.len == 0) return;
    printf("\nThere is no superuser yet. Make yours within 30 minutes at\n"
           "  %.*s/_/#/pbinstall/%.*s\n"
           "or with: croft superuser create EMAIL\n",
           STR_ARG(url), STR_ARG(token));
    if (!plan->listeners.is_loopback)
        log_warn("worker", "open to the network without a superuser; only the printed link, or "
                           "`croft superuser create`, can make one");
}

void greet(Arena *a, App *app, const WorkerPlan *plan)
{
    Str url = listeners_url(a, &plan->listeners);
    log_info("worker", "serving", LOG_STR("address", plan->options->http),
             LOG_INT("port", plan->listeners.port), LOG_INT("threads", plan->listeners.count),
             LOG_STR("version", str_from(CROFT_VERSION)));
    if (!plan->is_first) return;
    printf("Server started at %.*s\n"
           "  REST API:  %.*s/api/\n"
           "  Dashboard: %.*s/_/\n",
           STR_ARG(url), STR_ARG(url), STR_ARG(url));
    setup_link(a, app, plan, url);
    fflush(stdout);
}
