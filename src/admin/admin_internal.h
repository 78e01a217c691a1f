/* admin_internal.h - what the files of admin/ share: the handlers of the table
 * at the end of admin.c, and the parts of the overview. */
#ifndef CROFT_ADMIN_INTERNAL_H
#define CROFT_ADMIN_INTERNAL_H

#include "admin/admin.h"
#include "backup/backup.h"
#include "jobs/jobs.h"
#include "logs/logs.h"

/* export.c, overview.c */
Error *handle_export(Req *req, Res *res);
Error *handle_overview(Req *req, Res *res);

/* survey.c: texts by number, kept by survey_keep() for survey_recall(); a NULL
 * Survey keeps nothing. */
#define SURVEY_RANGES 3
#define SURVEY_FILES  SURVEY_RANGES
#define SURVEY_FAULT  (SURVEY_FILES + 1) /* why the latest walk over the files ended early */
#define SURVEY_TEXTS  (SURVEY_FAULT + 1)
bool survey_recall(Survey *s, Arena *a, size_t index, uint64_t age_ms, Str *out);
void survey_keep(Survey *s, size_t index, Str text);
void survey_forget(Survey *s, size_t index);
/* Starts files_walk() on the survey's thread unless it is under way. */
void survey_walk_start(Survey *s, App *app);
/* Of the walk, on its thread: how many steps there will be, about; one was
 * done. False: the server stops. */
void survey_walk_expect(Survey *s, uint64_t steps);
bool survey_walk_step(Survey *s);
bool survey_walk_state(Survey *s, int *percent); /* true while it is under way */

/* files.c */
void files_walk(Survey *survey, App *app);
Error *handle_files(Req *req, Res *res);
Error *handle_orphans_delete(Req *req, Res *res);

/* warnings.c */
typedef struct {
    Json *list;
} Warnings;
/* `severity` is "info", "warning" or "danger". */
void warning_add(Arena *a, Warnings *w, const char *code, const char *severity, Str text,
                 Str remedy, const char *link);
MUST_CHECK Error *warnings_of_rows(Tx *tx, const Context *cx, Warnings *w);
void warnings_of_settings(Arena *a, const Context *cx, const JobStats *jobs, Warnings *w);

/* usage.c: the keys "storage", in the slow lane, then "backup", in a fiber. */
MUST_CHECK Error *usage_read(Tx *tx, Json *out, Warnings *w);
MUST_CHECK Error *backups_read(App *app, Arena *a, Json *out, Warnings *w);

/* sql_schema.c */
Error *handle_sql_schema(Req *req, Res *res);

/* try_s3.c */
Error *handle_try_s3(Req *req, Res *res);
/* sql.c */
Error *handle_sql(Req *req, Res *res);

#endif
