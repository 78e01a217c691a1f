/* modules.h - the one list of what the server offers. */
#ifndef CROFT_APP_MODULES_H
#define CROFT_APP_MODULES_H

#include "http/http.h"

/* The routes of every module, in order. `out` has room for MODULES_MAX. */
#define MODULES_MAX 16
size_t modules_routes(RouteTable out[MODULES_MAX]);

#endif
