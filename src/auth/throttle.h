/* throttle.h - how often a password may be guessed. Always on.
 *
 *     state of an account seen from one address:
 *
 *     10 failures within 60 s ──▶ refused for 60 s ──▶ 10 more ──▶ 120 s, 240 s … at most 1 h
 *     a success               ──▶ forgotten
 *
 * Besides, an account takes at most 100 failures from everywhere together
 * before it is refused for an hour (then two, four … at most a day) to
 * addresses that never signed in to it: a botnet gains nothing by spreading,
 * and the owner at the usual place is not locked out.
 *
 * A try counts from the moment it begins, so a thousand at once get no more
 * guesses than ten in a row. Tries beyond the budget wait for those before
 * them (TRY_WAIT: until a try of the same account ends) as long as these are
 * undecided: a crowd of good passwords passes, ten at a time.
 *
 * The account is what was typed, lower-cased, so known and unknown ones behave
 * alike. Memory is bounded: sets of counters, the least telling one goes
 * first; the keyed hash keeps an attacker from aiming at a set. Any thread.
 */
#ifndef CROFT_AUTH_THROTTLE_H
#define CROFT_AUTH_THROTTLE_H

#include "base/base.h"

typedef struct Throttle Throttle;

#define THROTTLE_PAIR_TRIES    10
#define THROTTLE_PAIR_BLOCK_MS UINT64_C(60000)
#define THROTTLE_PAIR_MAX_MS   (UINT64_C(3600) * 1000)
#define THROTTLE_ALL_TRIES     100
#define THROTTLE_ALL_BLOCK_MS  (UINT64_C(3600) * 1000)
#define THROTTLE_ALL_MAX_MS    (UINT64_C(24) * 3600 * 1000)

typedef enum { TRY_ALLOWED, TRY_WAIT, TRY_REFUSED } TryVerdict;
typedef enum { TRY_FAILED, TRY_SUCCEEDED, TRY_UNDECIDED } TryResult;

/* `entries` counters in all, a power of two; 0 = 16384. */
Throttle *throttle_create(size_t entries);
void throttle_destroy(Throttle *t); /* NULL is fine */

/* Every TRY_ALLOWED must be balanced by throttle_end() of the same account and
 * address. Times are monotonic milliseconds. */
TryVerdict throttle_begin(Throttle *t, Str account, Str ip, uint64_t now_ms);
void throttle_end(Throttle *t, Str account, Str ip, TryResult result, uint64_t now_ms);

#endif
