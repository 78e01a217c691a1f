/* modules.c - the one list of what the server offers. To find a feature, go
 * from here to a module's table of routes. Adding a module? A line here. */
#include "app/modules.h"

#include "admin/admin.h"
#include "app/setup.h"
#include "auth/auth.h"
#include "backup/backup.h"
#include "collections/collections.h"
#include "dashboard/dashboard.h"
#include "files/files.h"
#include "jobs/jobs.h"
#include "logs/logs.h"
#include "mail/mail.h"
#include "oauth2/oauth2.h"
#include "openapi/openapi.h"
#include "realtime/realtime.h"
#include "records/records.h"

size_t modules_routes(RouteTable out[MODULES_MAX])
{
    const RouteTable tables[] = {
        {record_routes, record_route_count},         /* records/ */
        {auth_routes, auth_route_count},             /* auth/ */
        {oauth2_routes, oauth2_route_count},         /* oauth2/ */
        {file_routes, file_route_count},             /* files/ */
        {collection_routes, collection_route_count}, /* collections/ */
        {realtime_routes, realtime_route_count},     /* realtime/ */
        {admin_routes, admin_route_count},           /* admin/ */
        {log_routes, log_route_count},               /* logs/ */
        {job_routes, job_route_count},               /* jobs/ */
        {mail_routes, mail_route_count},             /* mail/ */
        {backup_routes, backup_route_count},         /* backup/ */
        {openapi_routes, openapi_route_count},       /* openapi/ */
        {dashboard_routes, dashboard_route_count},   /* dashboard/, last: see below */
    };
    _Static_assert(COUNT(tables) <= MODULES_MAX, "room for the modules");
    memcpy(out, tables, sizeof(tables));
    if (!dashboard_is_built())
        out[COUNT(tables) - 1] = (RouteTable){setup_routes, setup_route_count};
    return COUNT(tables);
}
