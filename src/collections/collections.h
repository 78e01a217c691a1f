/* collections.h - the collections API: schema changes by superusers (api:
 * collections §9). */
#ifndef CROFT_COLLECTIONS_H
#define CROFT_COLLECTIONS_H

#include "records/records.h"

extern const Route collection_routes[];
extern const size_t collection_route_count;

#endif
