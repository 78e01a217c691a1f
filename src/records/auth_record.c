/* auth_record.c - what is special about records of auth collections (api:
 * records §7, auth §1.4, §1.7): the form checks, keys that rotate, and the rows
 * of other collections that hang on them.
 *
 * `_mfas`, `_otps`, `_externalAuths` and `_authOrigins` refer to an auth record
 * by (collectionRef, recordRef). */
#include "base/random.h"
#include "records/records_internal.h"

#define TOKEN_KEY_LENGTH 50

static const char *const REF_COLLECTIONS[] = {"_mfas", "_otps", "_externalAuths", "_authOrigins"};

/* ---- form checks ---- */

static Str form_text(const Write *w, const char *key)
{
    return text_of_json(w->a, json_get(w->data, str_from(key)));
}

static Error *mismatch(const Write *w, const char *field)
{
    return error_field(w->a, str_from(field), "validation_values_mismatch",
                       S("Values don't match."));
}

static bool email_differs(const Write *w)
{
    return w->is_update &&
           !str_eq(record_str(w->record, S("email")), record_str(w->original, S("email")));
}

static bool verified_differs(const Write *w)
{
    bool before = w->is_update && record_bool(w->original, S("verified"));
    return record_bool(w->record, S("verified")) != before;
}

static bool sends_password(const Write *w)
{
    return form_text(w, "password").len || form_text(w, "passwordConfirm").len;
}

/* The manage rule may need SQL: it is asked only when something hangs on it. */
bool auth_form_needs_manager(const Write *w)
{
    return email_differs(w) || verified_differs(w) || (w->is_update && sends_password(w));
}

/* The comparison takes a password hash, so it was made before (old_checked) or
 * must be (old_needed). */
static Error *old_password_fault(Write *w)
{
    Str hash = record_str(w->original, S("password"));
    if (form_text(w, "oldPassword").len == 0) return error_required(w->a, S("oldPassword"));
    if (hash.len && !str_eq(hash, w->old_checked)) {
        w->old_needed = true;
        return NULL;
    }
    if (hash.len && w->old_matches) return NULL;
    return error_field(w->a, S("oldPassword"), "validation_invalid_old_password",
                       S("Missing or invalid old password."));
}

static Error *confirm_fault(const Write *w)
{
    Str password = form_text(w, "password"), confirm = form_text(w, "passwordConfirm");
    bool required = !w->is_update || password.len || form_text(w, "oldPassword").len;
    if (required && confirm.len == 0) return error_required(w->a, S("passwordConfirm"));
    if (!str_eq(confirm, password)) return mismatch(w, "passwordConfirm");
    return NULL;
}

/* VERDICT_UNKNOWN is given the benefit of the doubt: it is asked again. */
Error *auth_form_errors(Write *w, Verdict manager)
{
    Error *faults = NULL;
    bool regular = manager == VERDICT_NO;
    bool password_required =
        !w->is_update || form_text(w, "passwordConfirm").len || form_text(w, "oldPassword").len;
    w->old_needed = false;
    if (regular && email_differs(w)) error_chain(&faults, mismatch(w, "email"));
    if (regular && verified_differs(w)) error_chain(&faults, mismatch(w, "verified"));
    if (password_required && form_text(w, "password").len == 0) {
        error_chain(&faults, error_required(w->a, S("password")));
    }
    error_chain(&faults, confirm_fault(w));
    if (regular && w->is_update && sends_password(w)) {
        error_chain(&faults, old_password_fault(w));
    }
    return faults;
}

/* ---- the record itself ---- */

void auth_rotate_token_key(Arena *a, Record *r)
{
    DbValue *key = record_slot(r, S("tokenKey"));
    if (key) *key = DB_VALUE_TEXT(random_text(a, TOKEN_KEY_LENGTH, ALPHABET_SECRET));
}

static bool differs(const Record *old, const Record *new, const char *field)
{
    const DbValue *before = record_value(old, str_from(field));
    const DbValue *after = record_value(new, str_from(field));
    return before && after && !value_equal(before, after);
}

void auth_apply(Write *w)
{
    const Field *password = collection_field(w->c, S("password"));
    if (collection_is_superusers(w->c)) {
        DbValue *verified = record_slot(w->record, S("verified"));
        if (verified) *verified = DB_VALUE_INT(1);
    }
    if (!w->is_update) return;
    bool has_password = password && write_password(w, password);
    if (!has_password && !differs(w->original, w->record, "email")) return;
    if (!differs(w->original, w->record, "tokenKey")) auth_rotate_token_key(w->a, w->record);
}

/* ---- rows that hang on it ---- */

bool is_ref_collection(const Collection *c)
{
    if (!c->system || c->type != COLLECTION_BASE) return false;
    for (size_t i = 0; i < COUNT(REF_COLLECTIONS); i++) {
        if (str_eq(c->name, str_from(REF_COLLECTIONS[i]))) return true;
    }
    return false;
}

static Error *ref_ids(Tx *tx, const Collection *refs, const Record *r, StrList *out)
{
    Arena *a = tx_arena(tx);
    Buf sql = buf_new(a, 96);
    buf_add(&sql, S("SELECT id FROM "));
    sql_name(&sql, tx, refs->name);
    buf_add(&sql, S(" WHERE "));
    sql_name(&sql, tx, S("collectionRef"));
    buf_add(&sql, S("=?1 AND "));
    sql_name(&sql, tx, S("recordRef"));
    buf_add(&sql, S("=?2"));
    Stmt *stmt;
    Error *err = tx_prepare(tx, buf_str(&sql), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, r->collection->id);
    stmt_bind_str(stmt, 2, record_id(r));

    *out = (StrList){0};
    for (bool row;;) {
        err = stmt_step(stmt, &row);
        if (err || !row) return err;
        Str id = arena_copy(a, stmt_str(stmt, 0));
        *out = list_join(a, *out, (StrList){&id, 1});
    }
}

static Error *drop_refs(App *app, Tx *tx, const Schema *schema, const char *name, const Record *r,
                        size_t *dropped)
{
    const Collection *refs = schema_find(schema, str_from(name));
    *dropped = 0;
    if (!refs || !is_ref_collection(refs)) return NULL;
    StrList ids;
    Error *err = ref_ids(tx, refs, r, &ids);
    for (size_t i = 0; !err && i < ids.count; i++) {
        err = record_delete_in_tx(app, tx, schema, refs, ids.items[i]);
    }
    *dropped = ids.count;
    return err;
}

/* Called between reading the stored row and writing the new one. */
Error *auth_after_update(App *app, Tx *tx, const Schema *schema, const Record *old, Record *new,
                         bool password_is_new)
{
    size_t dropped;
    Error *err;
    if (!record_bool(old, S("verified")) && record_bool(new, S("verified"))) {
        err = drop_refs(app, tx, schema, "_externalAuths", old, &dropped);
        if (err) return err;
        if (dropped && !differs(old, new, "tokenKey")) auth_rotate_token_key(tx_arena(tx), new);
    }
    if (differs(old, new, "tokenKey")) {
        err = drop_refs(app, tx, schema, "_otps", old, &dropped);
        if (err) return err;
    }
    if (!password_is_new) return NULL;
    err = drop_refs(app, tx, schema, "_mfas", old, &dropped);
    if (err) return err;
    return drop_refs(app, tx, schema, "_authOrigins", old, &dropped);
}

Error *auth_before_delete(Tx *tx, const Record *r)
{
    int64_t one;
    bool other;
    if (!collection_is_superusers(r->collection)) return NULL;
    Error *err = tx_one_i64(tx, S("SELECT 1 FROM _superusers WHERE id<>?1 LIMIT 1"),
                            &DB_VALUE_TEXT(record_id(r)), 1, &one, &other);
    if (err || other) return err;
    return error_new(tx_arena(tx), 400, S("You can't delete the only existing superuser."));
}

/* ---- validating those rows ---- */

static bool is_known_provider(Str name)
{
    static const char *const NAMES[] = {
        "apple",   "google",   "microsoft", "yandex",  "facebook",       "instagram2",
        "github",  "gitlab",   "bitbucket", "gitee",   "gitea",          "discord",
        "twitter", "kakao",    "vk",        "linear",  "notion",         "monday",
        "lark",    "box",      "spotify",   "trakt",   "twitch",         "patreon",
        "strava",  "wakatime", "livechat",  "mailcow", "planningcenter", "oidc",
        "oidc2",   "oidc3",
    };
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        if (str_eq(name, str_from(NAMES[i]))) return true;
    }
    return false;
}

Error *validate_ref_record(Write *w, Tx *tx, Error **faults)
{
    Str collection = record_str(w->record, S("collectionRef"));
    Str id = record_str(w->record, S("recordRef")), provider = record_str(w->record, S("provider"));
    if (collection_field(w->c, S("provider")) && provider.len && !is_known_provider(provider)) {
        error_chain(faults, error_field(w->a, S("provider"), "validation_missing_provider",
                                        S("Missing or invalid auth provider.")));
    }
    if (collection.len == 0 || id.len == 0) return NULL; /* `required` says that */

    const Collection *c = schema_find_id(w->schema, collection);
    if (!c) {
        error_chain(faults,
                    error_field(w->a, S("collectionRef"), "validation_invalid_collection_id",
                                S("Missing or invalid collection.")));
        return NULL;
    }
    if (c->type != COLLECTION_AUTH) {
        error_chain(faults,
                    error_field(w->a, S("collectionRef"), "validation_invalid_collection_type",
                                S("Must be an auth collection.")));
        return NULL;
    }
    bool exists;
    Error *err = row_exists(tx, c, id, &exists);
    if (err || exists) return err;
    error_chain(faults, error_field(w->a, S("recordRef"), "validation_invalid_record",
                                    S("Missing or invalid record.")));
    return NULL;
}
