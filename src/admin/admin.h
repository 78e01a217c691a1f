/* admin.h - the owner's endpoints: settings, health (api: operations §1, §6). */
#ifndef CROFT_ADMIN_H
#define CROFT_ADMIN_H

#include "auth/auth.h"

extern const Route admin_routes[];
extern const size_t admin_route_count;

#endif
