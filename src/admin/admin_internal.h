/* admin_internal.h - what the files of admin/ share: the handlers of the table
 * at the end of admin.c. */
#ifndef CROFT_ADMIN_INTERNAL_H
#define CROFT_ADMIN_INTERNAL_H

#include "admin/admin.h"

/* export.c */
Error *handle_export(Req *req, Res *res);

/* try_s3.c */
Error *handle_try_s3(Req *req, Res *res);

#endif
