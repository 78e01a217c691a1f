/* routes.c - crons for the dashboard (api: operations §4). */
#include "jobs/jobs_internal.h"

#include "base/log.h"

/* GET /api/crons
 *
 *   200   [{"id", "expression"}], the owner's first
 */
static Error *handle_list(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    return res_json(res, 200, crons_list(req_context(req)->app->jobs, req->arena));
}

/* POST /api/crons/{id}
 *
 *   204   it runs, in the background
 *   404   no such job
 */
static Error *handle_run(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    const Context *cx = req_context(req);
    Str id = req_param(req, "id");
    err = crons_run_now(cx->app->jobs, req->arena, id);
    if (err) return err;
    log_info("jobs", "started by hand", LOG_STR("id", id), LOG_STR("superuser", cx->auth->id));
    return res_empty(res, 204);
}

const Route job_routes[] = {
    {"GET", "/api/crons", handle_list, 0, NULL},
    {"POST", "/api/crons/{id}", handle_run, 0, NULL},
};
const size_t job_route_count = COUNT(job_routes);
