/* cond.c - conditions that wait by the monotonic clock. */
#include "base/cond.h"

#include "base/clock.h"

#define NS_PER_S UINT64_C(1000000000)

void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct timespec cond_due_ns(uint64_t ns)
{
    uint64_t at = clock_mono_ns() + ns;
    return (struct timespec){.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
}
