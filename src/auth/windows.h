/* windows.h - fixed windows: so many of something per so many seconds.
 *
 * A window opens with the first event and ends `duration` later; `max` events
 * fit. Keys are 64-bit keyed hashes made by the caller. The table is made at
 * the first use and bounded: in a full set the window that ends first goes.
 * Any thread. */
#ifndef CROFT_AUTH_WINDOWS_H
#define CROFT_AUTH_WINDOWS_H

#include "base/base.h"

typedef struct Windows Windows;

Windows *windows_create(size_t entries); /* a power of two; 0 = 32768 */
void windows_destroy(Windows *w);        /* NULL is fine */

/* Counts one event; false when the window was full already. */
bool windows_take(Windows *w, uint64_t key, uint32_t max, uint64_t duration_ms, uint64_t now_ms);

/* Counts one event and tells how many this window has had by now, and when it
 * ends; without memory always the first. */
uint32_t windows_count(Windows *w, uint64_t key, uint64_t duration_ms, uint64_t now_ms,
                       uint64_t *end_ms);

/* As if nothing had been counted under this key. */
void windows_forget(Windows *w, uint64_t key);

#endif
