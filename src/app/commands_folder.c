/* commands_folder.c - `croft import`, `croft export`, `croft check`, `croft types`:
 * the words around folder/. */
#include "app/commands.h"

#include "app/privileges.h"
#include "app/progress.h"
#include "crypto/crypto.h"
#include "folder/folder.h"
#include "openapi/openapi.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- progress ---- */

static void show(void *arg, const char *step, bool bytes, uint64_t done, uint64_t total)
{
    Progress *p = arg;
    if (!p->step || strcmp(p->step, step) != 0) {
        progress_end(p);
        progress_start(p, step, bytes ? PROGRESS_BYTES : PROGRESS_COUNT);
    }
    progress_show(p, done, total);
}

/* ---- check: findings and repairs ---- */

static const char *finding_word(FindingKind kind)
{
    return kind == FINDING_NOTE ? "note" : kind == FINDING_FAULT ? "fault" : "DAMAGE";
}

static void print_finding(const Finding *f)
{
    printf("%-7s %.*s\n", finding_word(f->kind), STR_ARG(f->what));
    if (f->repair.len) printf("        Repair: %.*s\n", STR_ARG(f->repair));
}

static bool agree(const Finding *f)
{
    fprintf(stderr, "Do it? %.*s [y/N] ", STR_ARG(f->repair));
    char line[16];
    bool yes = fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
    return yes;
}

/* How many findings are left. A repair that fails is told; the others go on. */
static size_t repair_all(Arena *a, App *app, const CheckReport *report, bool ask)
{
    size_t left = 0;
    for (const Finding *f = report->first; f; f = f->next) {
        print_finding(f);
        if (f->kind == FINDING_NOTE) continue;
        if (!f->run || (ask && !agree(f))) {
            left++;
            continue;
        }
        Error *err = f->run(app, a, f);
        if (err) {
            left++;
            printf("        It did not work: %.*s\n", STR_ARG(error_for_people(a, err)));
        } else {
            printf("        Done.\n");
        }
    }
    return left;
}

static void print_summary(Arena *a, const CheckReport *r, size_t left, bool repaired)
{
    printf("%s records and %s files looked at: ", arena_cstr(a, count_for_people(a, r->records)),
           arena_cstr(a, count_for_people(a, r->files)));
    if (r->faults + r->damages == 0)
        printf("all is well.\n");
    else if (repaired)
        printf("%zu of %zu findings repaired.\n", r->faults + r->damages - left,
               r->faults + r->damages);
    else
        printf("%zu findings. \"croft check --repair\" offers what can be done.\n",
               r->faults + r->damages);
}

/* 0 clean, 1 findings are left, 2 it could not be checked. */
int command_check(Arena *a, const Options *o)
{
    bool repair = option_flag(o, "repair") != NULL, ask = option_flag(o, "yes") == NULL;
    if (o->arg_count > 0 || (repair && ask && !isatty(STDIN_FILENO))) {
        complain(a,
                 error_new(a, 400,
                           o->arg_count ? S("Usage: croft check [--dir FOLDER] [--repair [--yes]]")
                                        : S("There is nobody to ask: use --repair --yes.")));
        return 2;
    }
    privileges_follow_owner(a, o->dir);
    Progress progress = {0};
    FolderProgress told = {show, &progress};
    App app = {0};
    CheckReport report;
    Error *err = crypto_init(a);
    if (!err) err = folder_check(a, o->dir, o->settings_key, !repair, &told, &app, &report);
    progress_end(&progress);
    if (err) {
        complain(a, err);
        data_folder_close(&app);
        return 2;
    }
    size_t left = report.faults + report.damages;
    if (repair)
        left = repair_all(a, &app, &report, ask);
    else
        for (const Finding *f = report.first; f; f = f->next)
            print_finding(f);
    print_summary(a, &report, left, repair);
    data_folder_close(&app);
    return left > 0 ? 1 : 0;
}

/* ---- import ---- */

static void print_row(Arena *a, Str name, Str what)
{
    printf("  %-24s %s\n", arena_cstr(a, name), arena_cstr(a, what));
}

static void print_collections(Arena *a, const ImportReport *r)
{
    for (size_t i = 0; i < r->collection_count; i++) {
        const ImportedCollection *c = &r->collections[i];
        bool view = str_eq(c->type, S("view"));
        print_row(a, c->name,
                  view ? S("view")
                       : str_printf(a, "%.*s records, %.*s",
                                    STR_ARG(count_for_people(a, c->records)), STR_ARG(c->type)));
    }
}

static bool has_folder(Arena *a, Str dir, const char *name)
{
    struct stat st;
    Str path = *name == '/' ? str_from(name) : str_printf(a, "%.*s/%s", STR_ARG(dir), name);
    return stat(arena_cstr(a, path), &st) == 0 && S_ISDIR(st.st_mode);
}

/* What lies beside pb_data, and what stays in it. */
static void print_not_taken(Arena *a, const ImportReport *r, Str beside, const Options *o)
{
    if (has_folder(a, beside, "pb_hooks"))
        printf("Not taken: pb_hooks. Croft runs no JavaScript hooks; what they did has to become\n"
               "           rules, views, or a service of its own that calls the API.\n");
    if (has_folder(a, beside, "pb_migrations"))
        printf(
            "Not taken: pb_migrations. The collections are as these left them; changes from now\n"
            "           on are made in the dashboard or over the API.\n");
    if (has_folder(a, beside, "pb_public") && !option_flag(o, "with-public"))
        printf("Not taken: pb_public, your website. Take it with --with-public, or serve it where\n"
               "           it is: croft serve --public %.*s/pb_public\n",
               STR_ARG(beside));
    if (has_folder(a, r->from, "backups"))
        printf("Not taken: backups. They stay in %.*s/backups.\n", STR_ARG(r->from));
    if (r->files_in_s3) printf("Uploaded files are in S3 by the settings, and stay there.\n");
}

static void print_import(Arena *a, const Options *o, const ImportReport *r, Str beside)
{
    printf("Imported %.*s into %.*s:\n\n", STR_ARG(r->from), STR_ARG(o->dir));
    print_collections(a, r);
    print_row(a, S("uploaded files"),
              str_printf(a, "%.*s, %.*s", STR_ARG(count_for_people(a, r->files)),
                         STR_ARG(size_for_people(a, r->bytes))));
    print_row(a, S("log entries"), count_for_people(a, r->logs));
    printf("\nPasswords, linked accounts and sessions of all %s accounts and %s superusers keep\n"
           "working: nobody is signed out.\n",
           arena_cstr(a, count_for_people(a, r->accounts)),
           arena_cstr(a, count_for_people(a, r->superusers)));
    if (r->settings_encrypted)
        printf("The settings stay encrypted: serve with the same --encryption-env.\n");
    if (o->settings_key.len)
        printf("The secrets of collections are encrypted with that key too. Before going back to\n"
               "PocketBase put them in clear: croft help rekey\n");
    if (r->kept.len) printf("What was there before is in %.*s.\n", STR_ARG(r->kept));
    print_not_taken(a, r, beside, o);
    if (r->check.first) printf("\nFound on the way, as it was in the source:\n\n");
    for (const Finding *f = r->check.first; f; f = f->next)
        print_finding(f);
    if (r->check.faults) printf("\n\"croft check --repair\" offers to put these right.\n");
    printf("\nThe source was not changed. Next: croft serve --dir %.*s\n", STR_ARG(o->dir));
}

static Error *import_words(Arena *a, const Options *o)
{
    if (o->arg_count == 2 && str_eq(o->args[0], S("pocketbase"))) return NULL;
    return error_new(a, 400,
                     S("Usage: croft import pocketbase FOLDER [--dir FOLDER]  (see: croft "
                       "help import)"));
}

static Str parent_of(Str path)
{
    ptrdiff_t slash = str_rfind_char(path, '/');
    return slash < 0 ? S(".") : slash == 0 ? S("/") : str_sub(path, 0, (size_t)slash);
}

int command_import(Arena *a, const Options *o)
{
    ImportRequest request = {
        .to = o->dir, .settings_key = o->settings_key, .force = option_flag(o, "force") != NULL};
    Error *err = import_words(a, o);
    if (!err) err = crypto_init(a);
    if (err) {
        complain(a, err);
        return 2;
    }
    if (option_flag(o, "with-public") && has_folder(a, S("."), arena_cstr(a, o->public_dir))) {
        complain(a, error_new(a, 409,
                              str_printf(a,
                                         "There is a folder %.*s already; --with-public would "
                                         "have to mix two websites.",
                                         STR_ARG(o->public_dir))));
        return 1;
    }
    (void)umask(077);
    request.from = o->args[1];
    Progress progress = {0};
    FolderProgress told = {show, &progress};
    ImportReport report;
    err = folder_import(a, &request, &told, &report);
    progress_end(&progress);
    Str beside = err ? S("") : parent_of(report.from);
    if (!err && option_flag(o, "with-public") && has_folder(a, beside, "pb_public"))
        err = folder_copy_tree(a, str_concat(a, beside, S("/pb_public")), o->public_dir);
    if (err) {
        complain(a, err);
        return 1;
    }
    print_import(a, o, &report, beside);
    return 0;
}

/* ---- export ---- */

static Error *export_words(Arena *a, const Options *o, ExportRequest *request)
{
    static const struct {
        Str name;
        RowsFormat format;
    } FORMATS[] = {
        {STR_INIT("jsonl"), ROWS_JSONL},
        {STR_INIT("json"), ROWS_JSON},
        {STR_INIT("csv"), ROWS_CSV},
    };
    const Str *out = option_flag(o, "out"), *format = option_flag(o, "format");
    if (!out || out->len == 0)
        return error_new(a, 400,
                         S("Usage: croft export [COLLECTION ...] --out FOLDER  (see: croft help "
                           "export)"));
    *request = (ExportRequest){.to = *out,
                               .format = ROWS_JSONL,
                               .files = option_flag(o, "files") != NULL,
                               .names = o->args,
                               .name_count = o->arg_count};
    for (size_t i = 0; format && i < COUNT(FORMATS); i++) {
        if (!str_eq(*format, FORMATS[i].name)) continue;
        request->format = FORMATS[i].format;
        return NULL;
    }
    return format ? error_new(a, 400, S("--format is jsonl, json or csv.")) : NULL;
}

static void print_export(Arena *a, const ExportRequest *request, const ExportReport *r)
{
    printf("Exported to %.*s:\n\n", STR_ARG(request->to));
    for (size_t i = 0; i < r->collection_count; i++)
        print_row(
            a, r->collections[i].name,
            str_printf(a, "%.*s records", STR_ARG(count_for_people(a, r->collections[i].records))));
    if (!request->files) return;
    print_row(a, S("uploaded files"),
              str_printf(a, "%.*s, %.*s", STR_ARG(count_for_people(a, r->files)),
                         STR_ARG(size_for_people(a, r->bytes))));
    if (r->missing)
        printf("\n%s files that records name are not there; \"croft check\" tells which.\n",
               arena_cstr(a, count_for_people(a, r->missing)));
}

int command_export(Arena *a, const Options *o)
{
    ExportRequest request;
    Error *err = export_words(a, o, &request);
    if (err) {
        complain(a, err);
        return 2;
    }
    privileges_follow_owner(a, o->dir);
    (void)umask(077);
    Progress progress = {0};
    FolderProgress told = {show, &progress};
    ExportReport report;
    App app = {0};
    err = crypto_init(a);
    if (!err) err = data_folder_open(a, o->dir, o->settings_key, true, &app);
    if (!err) err = folder_export(&app, a, &request, &told, &report);
    progress_end(&progress);
    data_folder_close(&app);
    if (err) {
        complain(a, err);
        return 1;
    }
    print_export(a, &request, &report);
    return 0;
}

/* ---- types ---- */

/* Through a file beside it: an editor that watches never sees half of it. */
static Error *file_replace(Arena *a, Str path, Str text)
{
    Str temporary = str_concat(a, path, S(".new"));
    FILE *file = fopen(arena_cstr(a, temporary), "w");
    if (!file) return error_errno(a, errno, "open", temporary);
    bool ok = fwrite(text.ptr, 1, text.len, file) == text.len;
    ok = fclose(file) == 0 && ok;
    if (ok && rename(arena_cstr(a, temporary), arena_cstr(a, path)) == 0) return NULL;
    Error *err = error_errno(a, errno, "write", path);
    (void)unlink(arena_cstr(a, temporary)); /* of no use */
    return err;
}

int command_types(Arena *a, const Options *o)
{
    if (o->arg_count > 0) {
        complain(a, error_new(a, 400, S("Usage: croft types [--dir FOLDER] [--out FILE]")));
        return 2;
    }
    App app;
    Error *err = data_folder_open(a, o->dir, o->settings_key, true, &app);
    if (err) {
        complain(a, err);
        return 1;
    }
    const Str *out = option_flag(o, "out");
    Arena *scratch = arena_create("types", (size_t)256 << 20);
    Str text = types_render(scratch, schema_hold(app.schema, scratch));
    if (out) err = file_replace(a, *out, text);
    bool printed = out || (fwrite(text.ptr, 1, text.len, stdout) == text.len && !fflush(stdout));
    arena_destroy(scratch);
    data_folder_close(&app);
    if (err) complain(a, err);
    return err || !printed ? 1 : 0;
}
