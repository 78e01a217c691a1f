/* range.h - byte ranges and conditions of requests, as pure decisions.
 *
 *     Range: bytes=0-3,-2   of 10 bytes   {0,4} {8,2}
 *     Range: bytes=20-      of 10 bytes   416
 *     Range: lines=1-2                    ignored: the whole file
 *
 * RFC 9110 §13.1 (preconditions), §13.2.2 (their order), §14 (ranges).
 */
#ifndef CROFT_HTTP_RANGE_H
#define CROFT_HTTP_RANGE_H

#include "base/base.h"

#define RANGES_MAX 10 /* a set of more is answered with the whole file */

typedef struct {
    uint64_t start, len; /* len > 0, start + len <= size */
} ByteRange;

typedef enum { RANGE_WHOLE, RANGE_PARTS, RANGE_UNSATISFIABLE } RangeAnswer;

/* What to send for a Range header of a file of `size` bytes. Malformed sets,
 * other units, more than RANGES_MAX ranges and overlapping ones give the whole
 * file; so does any range of an empty file. */
RangeAnswer range_parse(Str header, uint64_t size, ByteRange out[RANGES_MAX], size_t *count);

/* The headers a request had; {NULL, 0} for those it had not. */
typedef struct {
    Str if_match, if_none_match, if_modified_since, if_unmodified_since, if_range, range;
} Conditions;

typedef enum { CONDITION_GO_ON, CONDITION_NOT_MODIFIED, CONDITION_FAILED } ConditionAnswer;

/* Of a GET or HEAD of something with this entity tag (with quotes; may be
 * empty) and modification time (0 = unknown). */
ConditionAnswer conditions_check(const Conditions *c, Str etag, int64_t modified_ms);

/* If-Range: false when the Range header is to be ignored. */
bool if_range_holds(Str if_range, Str etag, int64_t modified_ms);

#endif
