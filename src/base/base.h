/* base.h - what every file of Croft may count on: strings, arenas, errors.
 *
 * This header gathers the three things that nearly every signature mentions.
 * The rest of base/ is taken one header at a time: buf.h (growing text),
 * map.h (hash map), log.h, clock.h (dates too), random.h, encoding.h, utf8.h.
 */
#ifndef CROFT_BASE_H
#define CROFT_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT(array)        (sizeof(array) / sizeof((array)[0]))
#define MUST_CHECK          __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, a) __attribute__((format(printf, fmt, a)))
#define NORETURN            __attribute__((noreturn))
#define MIN(a, b)           ((a) < (b) ? (a) : (b))
#define MAX(a, b)           ((a) > (b) ? (a) : (b))

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#endif
