/* create.c - the record of somebody who signs in for the first time.
 *
 * It is made as if the caller had sent it to the records API: createRule, field
 * rules and hidden fields count. What the caller says (createData) comes first,
 * then the profile fills the mapped fields that are left.
 */
#include "oauth2/oauth2_internal.h"

#include "base/random.h"

#define PASSWORD_LETTERS 30

static Str mapped(const Collection *c, const char *what)
{
    const Json *fields = json_get(json_get(c->options, S("oauth2")), S("mappedFields"));
    Str name = json_str(json_get(fields, str_from(what)), S(""));
    return collection_field(c, name) ? name : S("");
}

typedef struct {
    const Collection *c;
    Str field, value;
    bool taken;
} TakenWork;

static Error *taken_work(Tx *tx, void *arg)
{
    TakenWork *w = arg;
    Record *r;
    Error *err = record_find_by(tx, w->c, w->field, w->value, &r);
    w->taken = err == NULL;
    return err && err->status != 404 ? err : NULL;
}

/* Somebody else's user name, or one that the field would refuse, is left out:
 * the person did not choose it here. */
static Error *username_fits(const Account *x, Str field, bool *fits)
{
    Context *cx = req_context(x->req);
    const Field *f = collection_field(x->c, field);
    Str value = x->profile->username;
    *fits = f->type == FIELD_TEXT && value.len && !text_check(x->req->arena, f, value);
    if (!*fits || !collection_field_is_unique(x->c, field, NULL)) return NULL;
    TakenWork work = {.c = x->c, .field = field, .value = value};
    Error *err = db_read(cx->app->db, x->req->arena, taken_work, &work);
    *fits = !work.taken;
    return err;
}

static void fill(Arena *a, Json *data, Str field, Str value)
{
    if (field.len && value.len && !json_get(data, field)) json_set_str(a, data, field, value);
}

/* *avatar gets the downloaded picture, when the field is for files. */
static Error *fill_mapped(const Account *x, Json *data, Upload **avatar)
{
    Arena *a = x->req->arena;
    const Profile *p = x->profile;
    *avatar = NULL;
    fill(a, data, mapped(x->c, "id"), p->id);
    fill(a, data, mapped(x->c, "name"), p->name);
    Str username = mapped(x->c, "username");
    if (username.len && !json_get(data, username)) {
        bool fits;
        Error *err = username_fits(x, username, &fits);
        if (err) return err;
        if (fits) fill(a, data, username, p->username);
    }
    Str picture = mapped(x->c, "avatarURL");
    if (picture.len == 0 || p->avatar_url.len == 0 || json_get(data, picture)) return NULL;
    if (collection_field(x->c, picture)->type == FIELD_FILE)
        *avatar = avatar_fetch(req_context(x->req)->app, a, p->avatar_url, picture);
    else
        fill(a, data, picture, p->avatar_url);
    return NULL;
}

/* A password that nobody knows, unless the caller chose one. True when drawn. */
static bool fill_password(Arena *a, Json *data)
{
    if (json_str(json_get(data, S("password")), S("")).len) return false;
    Str password = random_text(a, PASSWORD_LETTERS, ALPHABET_SECRET);
    json_set_str(a, data, S("password"), password);
    json_set_str(a, data, S("passwordConfirm"), password);
    return true;
}

/* The same without the picture, when it was the picture that was refused. */
static bool only_avatar_failed(const Error *err, const Upload *avatar)
{
    return err && avatar && err->status == 400 && !err->next && str_eq(err->field, avatar->field);
}

Error *account_create(Account *x)
{
    Context *cx = req_context(x->req);
    Arena *a = x->req->arena;
    if (collection_is_superusers(x->c)) return error_status(a, 403);
    Json *data = json_copy(a, x->create_data);
    if (json_str(json_get(data, S("email")), S("")).len == 0)
        json_set_str(a, data, S("email"), x->profile->email);
    Upload *avatar;
    Error *err = fill_mapped(x, data, &avatar);
    if (err) return err;

    RequestInfo info = cx->info;
    info.context = S("oauth2");
    RecordChange change = {.collection = x->c,
                           .any_password = fill_password(a, data),
                           .data = data,
                           .uploads = avatar,
                           .upload_count = avatar ? 1 : 0,
                           .info = &info};
    err = record_create(cx->app, a, &change, &x->record);
    if (!only_avatar_failed(err, avatar)) return err;
    change.upload_count = 0;
    return record_create(cx->app, a, &change, &x->record);
}
