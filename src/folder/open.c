/* open.c - the stores of a folder, without what only a server needs. */
#include "folder/folder_internal.h"

#include "query/query.h"

#include <unistd.h>

#define WORKERS     2
#define WORKER_JOBS 64

static Error *stores_open(Arena *a, Str dir, Str key, bool read_only, App *app)
{
    DbConfig config = db_config_default(dir);
    config.read_only = read_only;
    Error *err = db_open(a, &config, &app->db);
    if (!err) err = schema_store_open(a, app->db, key, query_compile_schema, NULL, &app->schema);
    if (!err) err = settings_store_open(a, app->db, key, &app->settings);
    if (!err) err = workers_create(a, "work", WORKERS, WORKER_JOBS, &app->workers);
    if (!err) err = storage_open(a, path_join(a, dir, "storage"), app->workers, &app->storage);
    return err;
}

Error *data_folder_open(Arena *a, Str dir, Str settings_key, bool read_only, App *out)
{
    *out = (App){0};
    if (access(arena_cstr(a, path_join(a, dir, "data.db")), F_OK) != 0)
        return error_new(a, 404,
                         str_printf(a,
                                    "There is no database in %.*s. Name the data folder with "
                                    "--dir.",
                                    STR_ARG(dir)));
    Error *err = stores_open(a, dir, settings_key, read_only, out);
    if (err) data_folder_close(out);
    return err;
}

void data_folder_close(App *app)
{
    if (app->workers) workers_destroy(app->workers);
    if (app->storage) storage_close(app->storage);
    if (app->settings) settings_store_close(app->settings);
    if (app->schema) schema_store_close(app->schema);
    if (app->db) db_close(app->db);
    *app = (App){0};
}
