/* write.c - the stations of a write before the database: see
 * records_internal.h for the way, change.c for who drives it. */
#include "base/clock.h"
#include "base/random.h"
#include "records/records_internal.h"

#define RETRY_CODE    "records_retry"
#define ID_PATTERN    "[a-z0-9]{15}"
#define TOKEN_PATTERN "[a-zA-Z0-9]{50}"

Error *error_retry(Arena *a)
{
    Error *err = error_new(a, 503, S("Please try again."));
    err->code = RETRY_CODE;
    return err;
}

bool error_is_retry(const Error *err)
{
    return err && err->code && strcmp(err->code, RETRY_CODE) == 0;
}

NewPassword *write_password(const Write *w, const Field *f)
{
    for (size_t i = 0; i < w->password_count; i++) {
        if (w->passwords[i].field == f) return &w->passwords[i];
    }
    return NULL;
}

const NewFile *write_new_file(const Write *w, const Field *f, Str name)
{
    for (size_t i = 0; i < w->file_count; i++) {
        if (w->files[i].field == f && str_eq(w->files[i].name, name)) return &w->files[i];
    }
    return NULL;
}

/* ---- begin ---- */

/* The caller as the present schema knows it: a retry has a newer one. */
static void write_set_caller(Write *w, const RecordChange *change)
{
    static const RequestInfo SYSTEM = {.context = STR_INIT("default")};
    w->info = change->info ? *change->info : SYSTEM;
    if (!w->info.auth) return;

    w->auth = *w->info.auth;
    w->auth.collection = schema_find_id(w->schema, w->auth.collection_id);
    w->info.auth = w->auth.collection ? &w->auth : NULL;
    w->is_superuser = w->info.auth && w->auth.is_superuser;
}

Error *write_begin(Write *w, App *app, Arena *a, const Schema *schema, const RecordChange *change,
                   bool is_update)
{
    *w = (Write){.app = app, .a = a, .schema = schema};
    w->c = schema_find_id(schema, change->collection->id);
    if (!w->c) return error_new(a, 404, S("Missing or invalid collection context."));
    if (w->c->type == COLLECTION_VIEW) {
        return error_new(a, 400, S("Unsupported collection type."));
    }
    w->is_update = is_update;
    w->as_system = change->as_system;
    w->skip_validation = change->skip_validation;
    w->any_password = change->any_password;
    w->data = change->data;
    w->id = change->id;
    w->if_match = change->if_match;
    write_set_caller(w, change);
    if (w->info.now_ms == 0) w->info.now_ms = clock_wall_ms();
    write_collect(w, change);
    return NULL;
}

/* ---- apply ---- */

static Error *autogenerate(const Write *w, const Field *f, Str *out)
{
    if (str_eq(f->autogenerate_pattern, S(ID_PATTERN))) {
        *out = random_id(w->a);
    } else if (str_eq(f->autogenerate_pattern, S(TOKEN_PATTERN))) {
        *out = random_text(w->a, 50, ALPHABET_SECRET);
    } else {
        Error *err = pattern_generate(w->a, f->autogenerate_pattern, out);
        if (err) return error_at(w->a, err, "%.*s", STR_ARG(f->name));
    }
    return NULL;
}

static Error *fill_generated(Write *w)
{
    for (size_t i = 0; i < w->c->field_count; i++) {
        const Field *f = &w->c->fields[i];
        DbValue *value = &w->record->values[i];
        if (f->type != FIELD_TEXT || f->autogenerate_pattern.len == 0) continue;
        if (f->primary_key || !value_is_empty(f, value)) continue;
        Str text;
        Error *err = autogenerate(w, f, &text);
        if (err) return err;
        *value = DB_VALUE_TEXT(text);
    }
    return NULL;
}

/* The id of a new record: the submitted one, or one chosen now. Kept when the
 * change is applied again, for its files are stored under it before the row is
 * written. */
static Error *fill_id(Write *w)
{
    DbValue *id = record_slot(w->record, S("id"));
    if (!w->id_is_final) {
        if (id->text.len) w->id = id->text;
        w->id_submitted = w->id.len > 0;
        if (!w->id_submitted) {
            Error *err = autogenerate(w, collection_field(w->c, S("id")), &w->id);
            if (err) return err;
        }
        w->id_is_final = true;
    }
    *id = DB_VALUE_TEXT(w->id);
    return NULL;
}

static void forget_verified(const Write *w, DbValue *values)
{
    const Field *f = w->c->type == COLLECTION_AUTH ? collection_field(w->c, S("verified")) : NULL;
    if (f) values[f->index] = DB_VALUE_INT(0);
}

static Json *file_info(const Write *w, const NewFile *file)
{
    Json *info = json_new_object(w->a);
    json_set_str(w->a, info, S("name"), file->name);
    json_set_str(w->a, info, S("originalName"), file->upload->file_name);
    json_set_number(w->a, info, S("size"), (double)file->upload->size_bytes);
    return info;
}

static Json *file_body(const Write *w, const Field *f, const DbValue *value)
{
    StrList names = value_to_list(w->a, f, value);
    Json *list = json_new_array(w->a);
    for (size_t i = 0; i < names.count; i++) {
        const NewFile *file = write_new_file(w, f, names.items[i]);
        json_push(w->a, list, file ? file_info(w, file) : json_new_string(w->a, names.items[i]));
    }
    if (field_is_list(f)) return list;
    return list->array.count ? json_at(list, 0) : json_new_string(w->a, S(""));
}

static Json *body_value(const Write *w, const Field *f)
{
    const DbValue *value = &w->record->values[f->index];
    const NewPassword *password = write_password(w, f);
    if (password) return json_new_string(w->a, password->plain);
    if (f->type == FIELD_FILE && w->file_count) return file_body(w, f, value);
    return value_to_json(w->a, f, value);
}

/* @request.body: unknown keys as sent, fields with their final value. No key
 * comes twice, so members are simply appended. */
static Json *normalised_body(const Write *w)
{
    size_t keys = json_is(w->data, JSON_OBJECT) ? w->data->object.count : 0;
    Json *body = json_new_object(w->a);
    body->object.cap = keys + w->c->field_count + 1;
    body->object.members = arena_new(w->a, JsonMember, body->object.cap);
    JsonMember *next = body->object.members;
    for (size_t i = 0; i < keys; i++) {
        const JsonMember *member = &w->data->object.members[i];
        if (write_key_is_foreign(w, member->key)) *next++ = *member;
    }
    for (size_t i = 0; i < w->c->field_count; i++) {
        const Field *f = &w->c->fields[i];
        if (w->submitted[i]) *next++ = (JsonMember){f->name, *body_value(w, f)};
    }
    body->object.count = (size_t)(next - body->object.members);
    return body;
}

static bool is_expression(const Collection *c, RuleKind kind)
{
    return !c->rules[kind].is_null && c->rules[kind].text.len > 0;
}

static bool needs_body(const Write *w)
{
    if (w->as_system || w->is_superuser) return false;
    return is_expression(w->c, w->is_update ? RULE_UPDATE : RULE_CREATE) ||
           (w->c->type == COLLECTION_AUTH && is_expression(w->c, RULE_MANAGE));
}

static Error *apply_create(Write *w)
{
    for (size_t i = 0; i < w->c->field_count; i++) {
        w->record->values[i] = value_zero(&w->c->fields[i]);
    }
    Error *err = write_apply_ops(w);
    if (err) return err;
    err = fill_id(w);
    if (err) return err;

    w->rule_row = w->record->values;
    if (needs_body(w)) {
        w->info.body = normalised_body(w);
        w->rule_row = record_clone(w->a, w->record)->values;
        forget_verified(w, w->rule_row);
    }
    err = fill_generated(w);
    if (err) return err;
    record_touch(w->record, w->a, true);
    return NULL;
}

static Error *apply_update(Write *w)
{
    size_t bytes = w->c->field_count * sizeof(DbValue);
    memcpy(w->record->values, w->original->values, bytes);
    w->rule_row = w->original->values;
    w->id = record_id(w->original);
    Error *err = write_apply_ops(w);
    if (err) return err;

    if (needs_body(w)) w->info.body = normalised_body(w);
    record_touch(w->record, w->a, false);
    return NULL;
}

Error *write_apply(Write *w, Record *original)
{
    w->original = original;
    w->is_update = original != NULL;
    w->record = record_alloc(w->a, w->c);
    w->submitted = arena_new(w->a, bool, w->c->field_count);
    w->manager = VERDICT_UNKNOWN;
    w->asked_db = false;
    Error *err = original ? apply_update(w) : apply_create(w);
    if (err) return err;
    if (w->c->type == COLLECTION_AUTH) auth_apply(w);
    return NULL;
}

/* ---- check ---- */

static RuleQuestion write_question(const Write *w)
{
    return (RuleQuestion){.schema = w->schema,
                          .c = w->c,
                          .kind = w->is_update ? RULE_UPDATE : RULE_CREATE,
                          .info = &w->info,
                          .values = w->rule_row,
                          .id = w->is_update ? w->id : S("")};
}

static void note_unknown(Write *w, Tx *tx, Verdict verdict)
{
    if (verdict != VERDICT_UNKNOWN) return;
    w->asked_db = true;
    if (!tx) w->incomplete = true;
}

static Error *check_rule(Write *w, Tx *tx)
{
    RuleQuestion q = write_question(w);
    Error *err = rule_guard_null(w->a, w->c, q.kind, w->is_superuser);
    if (err || w->is_superuser) return err;

    Verdict verdict;
    err = rule_ask(NULL, w->a, &q, &verdict);
    if (err) return err;
    note_unknown(w, tx, verdict);
    if (verdict == VERDICT_UNKNOWN && tx) {
        err = rule_ask(tx, w->a, &q, &verdict);
        if (err) return err;
    }
    if (verdict != VERDICT_NO) return NULL;
    return w->is_update ? error_status(w->a, 404)
                        : error_new(w->a, 400, S("Failed to create record."));
}

static Error *check_manager(Write *w, Tx *tx)
{
    RuleQuestion q = write_question(w);
    Error *err = manager_ask(NULL, w->a, &q, &w->manager);
    if (err) return err;
    note_unknown(w, tx, w->manager);
    if (w->manager != VERDICT_UNKNOWN || !tx) return NULL;
    return manager_ask(tx, w->a, &q, &w->manager);
}

static Error *check_form(Write *w, Tx *tx, Error **faults)
{
    *faults = NULL;
    if (w->c->type != COLLECTION_AUTH || w->as_system) return NULL;
    if (auth_form_needs_manager(w)) {
        Error *err = check_manager(w, tx);
        if (err) return err;
    }
    *faults = auth_form_errors(w, w->manager);
    return NULL;
}

/* In the order of api: records §5: rule, form, fields. What cannot be decided
 * without the database is taken as passed and noted in w->incomplete. */
Error *write_check(Write *w, Tx *tx)
{
    Error *err, *faults;
    w->incomplete = false;
    if (!w->as_system) {
        err = check_rule(w, tx);
        if (err) return err;
    }
    if (w->skip_validation) return NULL;
    err = check_form(w, tx, &faults);
    if (err) return err;
    if (faults) return faults;

    faults = validate_fields(w);
    if (!validate_needs_db(w)) return faults;
    w->asked_db = true;
    if (!tx) {
        w->incomplete = true;
        return faults;
    }
    err = validate_with_db(w, tx, &faults);
    return err ? err : faults;
}

/* ---- costly things ---- */

Error *write_check_old_password(Write *w)
{
    App *app = w->app;
    bool rehash;
    Str plain = text_of_json(w->a, json_get(w->data, S("oldPassword")));
    Str hash = record_str(w->original, S("password"));
    Error *err = app->password_try
                     ? app->password_try(app, w->a, w->original, w->info.ip, plain, &w->old_matches)
                     : password_verify(app->passwords, w->a, plain, hash, &w->old_matches, &rehash);
    if (err && err->status != 400) return err;
    if (err) w->old_matches = false; /* too long to be anybody's password */
    w->old_checked = hash;
    w->old_needed = false;
    return NULL;
}

/* A batch prepares files before it can know the row: then all of them count. */
static bool is_used(const Write *w, const NewFile *file)
{
    const Field *f = file->field;
    if (!w->record) return true;
    return list_has(value_to_list(w->a, f, &w->record->values[f->index]), file->name);
}

Error *write_sniff(Write *w, bool *renamed)
{
    *renamed = false;
    for (size_t i = 0; i < w->file_count; i++) {
        NewFile *file = &w->files[i];
        if (!is_used(w, file) || file->content_type.len) continue;
        Error *err = storage_sniff(w->app->storage, w->a, file->upload->fd, file->upload->memory,
                                   &file->content_type);
        if (err) return err;
        if (!file->needs_extension) continue;
        file->name = file_stored_name(w->a, file->upload->file_name,
                                      media_type_extension(file->content_type), NULL);
        *renamed = true;
    }
    return NULL;
}

Error *write_hash_passwords(Write *w)
{
    for (size_t i = 0; i < w->password_count; i++) {
        NewPassword *password = &w->passwords[i];
        if (password->hash.len || password->plain.len == 0) continue;
        Error *err = password_hash(w->app->passwords, w->a, password->plain, &password->hash);
        if (err) return err;
        if (w->record) w->record->values[password->field->index] = DB_VALUE_TEXT(password->hash);
    }
    return NULL;
}

static Error *store_file(Write *w, NewFile *file)
{
    const Upload *upload = file->upload;
    if (!file_id_is_safe(w->id)) return error_status(w->a, 400);
    file->stored = true; /* also when it fails half-way: discarding is harmless */
    return storage_put(w->app->storage, w->a, file_key(w->a, w->c, w->id, file->name), upload->fd,
                       upload->memory, upload->size_bytes, file->content_type, upload->file_name);
}

Error *write_store_files(Write *w)
{
    for (size_t i = 0; i < w->file_count; i++) {
        NewFile *file = &w->files[i];
        if (file->stored || !is_used(w, file)) continue;
        Error *err = store_file(w, file);
        if (err) return err;
    }
    return NULL;
}

/* After an I/O error nobody knows whether the row is on disk: its files stay,
 * and the sweep at the next start removes them if it is not. */
void write_discard_files(Write *w, const Error *why)
{
    if (db_error_kind(why) == DB_ERROR_IO || db_error_kind(why) == DB_ERROR_CORRUPT) return;
    for (size_t i = 0; i < w->file_count; i++) {
        if (!w->files[i].stored) continue;
        storage_remove_later(w->app->storage, file_key(w->a, w->c, w->id, w->files[i].name));
        w->files[i].stored = false;
    }
}

static Error *check_work(Tx *tx, void *arg)
{
    return write_check(arg, tx);
}

/* Asks the database only when something hangs on it before the write itself:
 * an error that others must be reported with, or a costly preparation. */
static Error *check_outside(Write *w, bool costly)
{
    Error *err = write_check(w, NULL);
    if (!w->incomplete || (!err && !costly)) return err;
    return db_read(w->app->db, w->a, check_work, w);
}

/* Everything between the input and db_write(). The hot path, a change without
 * passwords and files, is one write_check() in memory. */
Error *write_prepare(Write *w)
{
    bool renamed, costly = w->file_count || w->password_count;
    Error *err = check_outside(w, costly);
    if (w->old_needed && (!err || err->status == 400)) {
        Error *failed = write_check_old_password(w);
        if (failed) return failed;
        err = check_outside(w, true);
    }
    if (err || !costly) return err;

    if (w->file_count) {
        err = write_sniff(w, &renamed);
        if (err) return err;
        if (renamed) {
            err = write_apply(w, w->original);
            if (err) return err;
        }
        err = check_outside(w, true);
        if (err) return err;
    }
    err = write_hash_passwords(w);
    if (err) return err;
    return write_store_files(w);
}
