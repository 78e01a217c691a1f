/* fuzz_cron.c - any bytes at all, read as a cron expression.
 *
 * Properties: settings/, which checks the expression of automatic backups, and
 * jobs/, which runs them, agree on what is one; what is accepted is due at some
 * minute of each field's range and never outside of it. */
#include "jobs/jobs_internal.h"
#include "settings/settings_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str text = str_make((const char *)data, size);
    Arena *a = arena_create("fuzz", 1 << 20);
    Cron cron = {0};
    bool parsed = cron_parse(a, text, &cron) == NULL;
    assert(parsed == cron_valid(text));
    if (parsed) {
        assert(cron.minutes != 0 && cron.minutes >> 60 == 0);
        assert(cron.hours != 0 && cron.hours >> 24 == 0);
        assert(cron.days != 0 && (cron.days & 1) == 0);
        assert(cron.months != 0 && (cron.months & ~0x1ffeu) == 0);
        assert(cron.weekdays != 0 && cron.weekdays >> 7 == 0);
        for (int64_t minute = 0; minute < 60; minute++)
            assert(cron_matches(&cron, minute * 60000) <= (int)(cron.minutes >> minute & 1));
    }
    arena_destroy(a);
    return 0;
}
