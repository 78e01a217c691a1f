/* superusers.c - the owner's accounts, from the command line and at first run.
 *
 * On a server without a superuser there is one account without a password,
 * INSTALLER_EMAIL; a token of it, valid half an hour, is in the link that the
 * server prints. The first real superuser ends it.
 */
#include "auth/auth_internal.h"

#include "base/log.h"

#define INSTALLER_TOKEN_S (INT64_C(30) * 60)

static Error *superusers_collection(App *app, Arena *a, const Collection **out)
{
    const Collection *c = schema_find(schema_hold(app->schema, a), S("_superusers"));
    if (!c) return error_new(a, 500, S("The _superusers collection is missing."));
    *out = c;
    return NULL;
}

/* ---- finding ---- */

typedef struct {
    const Collection *collection;
    Str email;
    Record *record;
    int64_t others; /* superusers beside the installer account */
} FindWork;

static Error *find_superuser(Tx *tx, void *arg)
{
    FindWork *w = arg;
    w->record = NULL;
    Error *err = record_find_by(tx, w->collection, S("email"), w->email, &w->record);
    if (err && err->status != 404) return err;

    DbValue installer = DB_VALUE_TEXT(INSTALLER_EMAIL);
    bool found;
    return tx_one_i64(tx, S("SELECT count(*) FROM \"_superusers\" WHERE \"email\" <> ?1"),
                      &installer, 1, &w->others, &found);
}

static Error *superuser_find(App *app, Arena *a, Str email, FindWork *out)
{
    *out = (FindWork){.email = email};
    Error *err = superusers_collection(app, a, &out->collection);
    if (err) return err;
    return db_read(app->db, a, find_superuser, out);
}

Error *superuser_exists(App *app, Arena *a, bool *exists)
{
    FindWork found;
    Error *err = superuser_find(app, a, INSTALLER_EMAIL, &found);
    if (err) return err;
    *exists = found.others > 0;
    return NULL;
}

/* ---- the installer account ---- */

/* Gone already is as good as removed: two may be at it. */
static Error *superuser_remove(App *app, Arena *a, const FindWork *found)
{
    RecordChange change = {
        .collection = found->collection, .id = record_id(found->record), .as_system = true};
    Error *err = record_delete(app, a, &change);
    return err && err->status == 404 ? NULL : err;
}

/* Ends the installer account once there is somebody else. */
static Error *installer_end(App *app, Arena *a)
{
    FindWork found;
    Error *err = superuser_find(app, a, INSTALLER_EMAIL, &found);
    if (err || !found.record || found.others == 0) return err;
    return superuser_remove(app, a, &found);
}

static void installer_end_job(void *arg)
{
    Arena *a = arena_create("installer", 0);
    Error *err = installer_end(arg, a);
    if (err) log_error("auth", "could not end the installer account", LOG_STR("cause", err->cause));
    arena_destroy(a);
}

void superuser_on_change(void *arg, ChangeKind kind, const Record *record)
{
    Auth *auth = arg;
    if (kind == CHANGE_DELETE || kind == CHANGE_MANY) return;
    if (!collection_is_superusers(record->collection)) return;
    if (str_eq(record_str(record, S("email")), INSTALLER_EMAIL)) return;
    /* The writer's thread must not wait for a write, so another one does it. */
    if (!workers_post(auth->app->workers, installer_end_job, auth->app))
        log_warn("auth", "the installer account stays until the next start");
}

static Error *superuser_insert(App *app, Arena *a, const Collection *c, Str email, Str password,
                               Record **out)
{
    Json *data = json_new_object(a);
    json_set_str(a, data, S("email"), email);
    json_set_str(a, data, S("password"), password);
    json_set_str(a, data, S("passwordConfirm"), password);
    RecordChange change = {.collection = c, .data = data, .as_system = true};
    return record_create(app, a, &change, out);
}

Error *superuser_installer_token(App *app, Arena *a, Str *token)
{
    *token = (Str){NULL, 0};
    FindWork found;
    Error *err = superuser_find(app, a, INSTALLER_EMAIL, &found);
    if (err) return err;
    if (found.others > 0) return found.record ? superuser_remove(app, a, &found) : NULL;

    Record *installer = found.record;
    if (!installer) {
        /* No password at all: an empty hash verifies nothing, and costs nothing. */
        Json *data = json_new_object(a);
        json_set_str(a, data, S("email"), INSTALLER_EMAIL);
        RecordChange change = {.collection = found.collection,
                               .data = data,
                               .as_system = true,
                               .skip_validation = true};
        err = record_create(app, a, &change, &installer);
        if (err) return err;
    }
    *token = auth_token_new(a, installer, TOKEN_AUTH, INSTALLER_TOKEN_S, false);
    return NULL;
}

/* ---- the command line's operations ---- */

static Error *superuser_set_password(App *app, Arena *a, const FindWork *found, Str password)
{
    Json *data = json_new_object(a);
    json_set_str(a, data, S("password"), password);
    json_set_str(a, data, S("passwordConfirm"), password);
    RecordChange change = {.collection = found->collection,
                           .id = record_id(found->record),
                           .data = data,
                           .as_system = true};
    Record *updated;
    return record_update(app, a, &change, &updated);
}

static Error *superuser_add(App *app, Arena *a, const FindWork *found, Str password)
{
    Record *created;
    Error *err = superuser_insert(app, a, found->collection, found->email, password, &created);
    if (err) return err;
    return installer_end(app, a);
}

Error *superuser_create(App *app, Arena *a, Str email, Str password)
{
    FindWork found;
    Error *err = superuser_find(app, a, email, &found);
    if (err) return err;
    if (found.record)
        return error_new(a, 400,
                         S("There is a superuser with this e-mail already. Use update or "
                           "upsert to set another password."));
    return superuser_add(app, a, &found, password);
}

Error *superuser_update(App *app, Arena *a, Str email, Str password)
{
    FindWork found;
    Error *err = superuser_find(app, a, email, &found);
    if (err) return err;
    if (!found.record)
        return error_new(a, 404,
                         S("There is no superuser with this e-mail. Use create or upsert "
                           "to add one."));
    return superuser_set_password(app, a, &found, password);
}

Error *superuser_upsert(App *app, Arena *a, Str email, Str password, bool *created)
{
    FindWork found;
    Error *err = superuser_find(app, a, email, &found);
    if (err) return err;
    *created = found.record == NULL;
    return found.record ? superuser_set_password(app, a, &found, password)
                        : superuser_add(app, a, &found, password);
}

Error *superuser_delete(App *app, Arena *a, Str email, bool *existed)
{
    FindWork found;
    Error *err = superuser_find(app, a, email, &found);
    if (err) return err;
    *existed = found.record != NULL;
    if (!found.record) return NULL;
    if (found.others <= 1 && !str_eq(email, INSTALLER_EMAIL))
        return error_new(a, 400, S("You can't delete the only existing superuser."));
    return superuser_remove(app, a, &found);
}
