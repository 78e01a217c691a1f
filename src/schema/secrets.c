/* secrets.c - the secrets of auth collections, at rest.
 *
 *     "authToken":{"duration":432000,"secret":"in clear"}
 *     "authToken":{"duration":432000,"secret":{"sealed":"base64 of AES-256-GCM"}}
 *
 * What signs tokens and what proves us to sign-in providers is encrypted with the
 * key that encrypts the settings, each secret by itself: everything else in the
 * options stays readable for SQL, and a secret that is encrypted differs from every
 * text by its type, so none is ever taken for the other. PocketBase, which knows of
 * no such thing, refuses to start instead of signing with rubbish.
 * See docs/decisions/0011-secrets-of-collections.md. */
#include "crypto/crypto.h"
#include "schema/schema_internal.h"

#define SEALED "sealed"

typedef Error *(*SecretVisit)(void *arg, Json *parent, Str key, const Json *value);

/* Adding a secret to the options? This is where it gets sealed, and
 * auth_options_redact() is where it is kept from clients. */
static Error *each_secret(Json *options, SecretVisit visit, void *arg)
{
    Error *err = NULL;
    for (int i = 0; i < TOKEN_KIND_COUNT && !err; i++) {
        Json *token = json_get(options, str_from(token_keys[i]));
        const Json *secret = json_get(token, S("secret"));
        if (secret) err = visit(arg, token, S("secret"), secret);
    }
    Json *providers = json_get(json_get(options, S("oauth2")), S("providers"));
    for (size_t i = 0; i < json_count(providers) && !err; i++) {
        Json *provider = json_at(providers, i);
        const Json *secret = json_get(provider, S("clientSecret"));
        if (secret) err = visit(arg, provider, S("clientSecret"), secret);
    }
    return err;
}

typedef struct {
    Arena *arena;
    Str key;
} Sealing;

static bool is_in_clear(const Json *value)
{
    return json_is(value, JSON_STRING) && value->string.len > 0;
}

static Error *seal_one(void *arg, Json *parent, Str key, const Json *value)
{
    const Sealing *s = arg;
    Str text;
    if (!is_in_clear(value)) return NULL;
    Error *err = secret_seal(s->arena, s->key, value->string, &text);
    if (err) return err;
    Json *sealed = json_new_object(s->arena);
    json_set_str(s->arena, sealed, S(SEALED), text);
    json_set(s->arena, parent, key, sealed);
    return NULL;
}

/* What is neither text nor sealed is the reader's to refuse. */
static Error *open_one(void *arg, Json *parent, Str key, const Json *value)
{
    const Sealing *s = arg;
    const Json *sealed = json_get(value, S(SEALED));
    Str text;
    if (!json_is(sealed, JSON_STRING)) return NULL;
    if (!s->key.len || !secret_open(s->arena, s->key, sealed->string, &text))
        return secret_unreadable(s->arena, s->key, "The secrets of the collections");
    json_set_str(s->arena, parent, key, text);
    return NULL;
}

static Error *note_clear(void *arg, Json *parent, Str key, const Json *value)
{
    (void)parent, (void)key;
    *(bool *)arg |= is_in_clear(value);
    return NULL;
}

Error *options_seal(Arena *a, Str key, Json *options)
{
    Sealing s = {a, key};
    return key.len ? each_secret(options, seal_one, &s) : NULL;
}

Error *options_open(Arena *a, Str key, Json *options)
{
    Sealing s = {a, key};
    return each_secret(options, open_one, &s);
}

bool row_is_in_clear(Arena *a, const CollectionRow *row)
{
    Json *options;
    bool clear = false;
    if (!str_eq(row->type, S("auth")) || json_parse(a, arena_copy(a, row->options), NULL, &options))
        return false;
    Error *err = each_secret(options, note_clear, &clear);
    assert(!err);
    (void)err;
    return clear;
}

/* ---- all rows ---- */

typedef struct {
    Str id, options;
} OptionsRow;

/* The rows as they are, so that keys that are not ours stay in them. */
static Error *read_rows(Tx *tx, OptionsRow **out, size_t *count)
{
    Arena *a = tx_arena(tx);
    int64_t rows = 0;
    bool found;
    Error *err = tx_one_i64(tx, S("SELECT count(*) FROM _collections WHERE type = 'auth'"), NULL, 0,
                            &rows, &found);
    if (err) return err;
    Stmt *stmt;
    err = tx_prepare(tx, S("SELECT id, options FROM _collections WHERE type = 'auth'"), &stmt);
    if (err) return err;
    OptionsRow *list = arena_new(a, OptionsRow, (size_t)rows + 1);
    *count = 0;
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err) return err;
        if (!row) break;
        assert(*count < (size_t)rows);
        list[(*count)++] =
            (OptionsRow){arena_copy(a, stmt_str(stmt, 0)), arena_copy(a, stmt_str(stmt, 1))};
    }
    *out = list;
    return NULL;
}

static Error *reseal_row(Tx *tx, const OptionsRow *row, Str from, Str to)
{
    Arena *a = tx_arena(tx);
    Json *options;
    Error *err = json_parse(a, arena_copy(a, row->options), NULL, &options);
    if (!err) err = options_open(a, from, options);
    if (!err) err = options_seal(a, to, options);
    if (err) return err;
    Stmt *stmt;
    err = tx_prepare(tx, S("UPDATE _collections SET options = ?2 WHERE id = ?1"), &stmt);
    if (err) return err;
    stmt_bind_str(stmt, 1, row->id);
    stmt_bind_str(stmt, 2, json_format(a, options));
    return stmt_run(stmt, NULL);
}

Error *schema_reseal(Tx *tx, Str from, Str to)
{
    OptionsRow *rows = NULL;
    size_t count = 0;
    Error *err = read_rows(tx, &rows, &count);
    if (!err) err = secrets_erase(tx);
    for (size_t i = 0; i < count && !err; i++)
        err = reseal_row(tx, &rows[i], from, to);
    return err;
}

/* ---- older copies ---- */

Error *secrets_erase(Tx *tx)
{
    Error *err = tx_erase(tx);
    if (err) return err;
    return tx_exec(tx, S("INSERT OR IGNORE INTO _params (id, value) "
                         "VALUES ('croft_to_forget', 'true')"));
}

static Error *find_mark(Tx *tx, void *arg)
{
    Str ignored;
    return tx_one_str(tx, S("SELECT id FROM _params WHERE id = 'croft_to_forget'"), NULL, 0,
                      &ignored, arg);
}

static Error *remove_mark(Tx *tx, void *arg)
{
    (void)arg;
    return tx_exec(tx, S("DELETE FROM _params WHERE id = 'croft_to_forget'"));
}

Error *secrets_forget(Db *db, Arena *a)
{
    bool found;
    Error *err = db_read(db, a, find_mark, &found);
    if (err || !found) return err;
    err = db_forget(db, a);
    return err ? err : db_write(db, a, remove_mark, NULL);
}
