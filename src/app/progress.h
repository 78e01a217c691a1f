/* progress.h - how far a long command has come, for whoever waits in front of it.
 *
 * On a terminal one line that is drawn over:
 *
 *     files     [##########..........]  52 %  1.2 GB of 2.3 GB  14 s left
 *
 * Elsewhere (a log, a cron job's mail) a plain line every PROGRESS_PLAIN_S
 * seconds and one at the end. Goes to standard
 * error, so that standard output stays for results.
 *
 *     Progress p;
 *     progress_start(&p, "files", PROGRESS_BYTES);
 *     while (…) progress_show(&p, done, total);
 *     progress_end(&p);
 *
 * One thread at a time. Showing is cheap: it draws ten times a second at most. */
#ifndef CROFT_APP_PROGRESS_H
#define CROFT_APP_PROGRESS_H

#include "base/base.h"

#define PROGRESS_PLAIN_S 5

typedef enum { PROGRESS_COUNT, PROGRESS_BYTES } ProgressUnit;

typedef struct {
    const char *step; /* must live as long: a literal */
    ProgressUnit unit;
    bool terminal, drawn;
    uint64_t done, total; /* total 0: nobody knows */
    uint64_t started_ms, shown_ms;
} Progress;

void progress_start(Progress *p, const char *step, ProgressUnit unit);
void progress_show(Progress *p, uint64_t done, uint64_t total);
/* Leaves the final state on a line of its own. Ending what has not begun, or
 * has ended, does nothing. */
void progress_end(Progress *p);

/* The line without its bar: " 52 %  1.2 GB of 2.3 GB  14 s left". */
Str progress_text(Arena *a, const Progress *p, uint64_t elapsed_ms);

/* "1.2 GB", "512 bytes"; powers of 1000, as disks are sold. */
Str size_for_people(Arena *a, uint64_t bytes);
/* "1,234,567" */
Str count_for_people(Arena *a, uint64_t count);

#endif
