/* mails.c - each mail of api: mail §1, made from its template. */
#include "base/clock.h"
#include "base/encoding.h"
#include "mail/mail_internal.h"

#define USER_AGENT_MAX 200
#define INSTALLER      "__pbinstaller@example.com"

/* Fills the template at `path` ("otp.emailTemplate": two keys at most). */
static const Json *find_template(const Collection *c, Str key, Str nested)
{
    const Json *found = json_get(c->options, key);
    return nested.len ? json_get(found, nested) : found;
}

static Error *check_recipient(Arena *a, Str to)
{
    if (mail_address_valid(to) && !str_eq(to, S(INSTALLER))) return NULL;
    Error *err = error_new(a, 400, S("There is no e-mail address to write to."));
    return error_cause(a, err, "no usable e-mail address");
}

typedef struct {
    Str key, nested; /* of the template */
    Str to;
    int64_t lifetime_s; /* 0 = for ever */
    Placeholder own[2];
    size_t own_count;
} Kind;

static Error *make(App *app, Arena *a, const Record *record, const Kind *kind, Mail *out)
{
    Error *err = check_recipient(a, kind->to);
    if (err) return err;
    const Settings *settings = settings_hold(app->settings, a);
    Placeholder list[2 + COUNT(kind->own)] = {
        {S("APP_NAME"), settings->app_name, false},
        {S("APP_URL"), settings->app_url, false},
    };
    memcpy(list + 2, kind->own, kind->own_count * sizeof(list[0]));
    size_t count = 2 + kind->own_count;
    const Json *tpl = find_template(record->collection, kind->key, kind->nested);
    Str subject = json_str(json_get(tpl, S("subject")), S(""));
    Str body = json_str(json_get(tpl, S("body")), S(""));
    *out = (Mail){
        .to = arena_copy(a, kind->to),
        .subject = template_fill(a, subject, list, count, record),
        .html = template_layout(a, template_fill(a, body, list, count, record)),
        .expires_at_ms = kind->lifetime_s ? clock_wall_ms() + kind->lifetime_s * 1000 : 0,
    };
    return NULL;
}

static int64_t token_lifetime_s(const Record *record, TokenKind kind)
{
    return record->collection->auth.tokens[kind].duration_s;
}

Error *mail_verification(App *app, Arena *a, const Record *record, Str token, Mail *out)
{
    Kind kind = {.key = S("verificationTemplate"),
                 .to = record_str(record, S("email")),
                 .lifetime_s = token_lifetime_s(record, TOKEN_VERIFICATION),
                 .own = {{S("TOKEN"), token, false}},
                 .own_count = 1};
    return make(app, a, record, &kind, out);
}

Error *mail_password_reset(App *app, Arena *a, const Record *record, Str token, Mail *out)
{
    Kind kind = {.key = S("resetPasswordTemplate"),
                 .to = record_str(record, S("email")),
                 .lifetime_s = token_lifetime_s(record, TOKEN_PASSWORD_RESET),
                 .own = {{S("TOKEN"), token, false}},
                 .own_count = 1};
    return make(app, a, record, &kind, out);
}

Error *mail_email_change(App *app, Arena *a, const Record *record, Str new_email, Str token,
                         Mail *out)
{
    Kind kind = {.key = S("confirmEmailChangeTemplate"),
                 .to = new_email,
                 .lifetime_s = token_lifetime_s(record, TOKEN_EMAIL_CHANGE),
                 .own = {{S("TOKEN"), token, false}},
                 .own_count = 1};
    return make(app, a, record, &kind, out);
}

Error *mail_otp(App *app, Arena *a, const Record *record, Str otp_id, Str code, Mail *out)
{
    Kind kind = {
        .key = S("otp"),
        .nested = S("emailTemplate"),
        .to = record_str(record, S("email")),
        .lifetime_s = record->collection->auth.otp_duration_s,
        .own = {{S("OTP"), code, false}, {S("OTP_ID"), otp_id, false}},
        .own_count = 2,
    };
    Error *err = make(app, a, record, &kind, out);
    if (err) return err;
    out->otp_id = arena_copy(a, otp_id);
    return NULL;
}

Str mail_alert_info(Arena *a, Str ip, Str user_agent)
{
    char now[DATETIME_LEN];
    datetime_write(now, clock_wall_ms());
    return str_printf(a, "%.*s - %.*s %.*s", DATETIME_LEN, now, STR_ARG(ip),
                      STR_ARG(str_sub(user_agent, 0, USER_AGENT_MAX)));
}

Error *mail_auth_alert(App *app, Arena *a, const Record *record, Str info, Mail *out)
{
    Kind kind = {.key = S("authAlert"),
                 .nested = S("emailTemplate"),
                 .to = record_str(record, S("email")),
                 .own = {{S("ALERT_INFO"), info, true}},
                 .own_count = 1};
    return make(app, a, record, &kind, out);
}

/* ---- our own ---- */

static Error *own_mail(App *app, Arena *a, Str to, Str subject, Str text, Mail *out)
{
    Error *err = check_recipient(a, to);
    if (err) return err;
    const Settings *settings = settings_hold(app->settings, a);
    Buf body = buf_new(a, text.len + 64);
    buf_add(&body, S("<p>"));
    html_escape(&body, text);
    buf_add(&body, S("</p>"));
    *out = (Mail){
        .to = arena_copy(a, to),
        .subject = str_printf(a, "[%.*s system alert] %.*s", STR_ARG(settings->app_name),
                              STR_ARG(subject)),
        .html = template_layout(a, buf_str(&body)),
    };
    return NULL;
}

typedef struct {
    Str *emails;
    size_t count;
} Superusers;

#define SUPERUSERS_MAX 100

static Error *superusers_read(Tx *tx, void *arg)
{
    Superusers *out = arg;
    out->count = 0;
    Stmt *stmt;
    Error *err = tx_prepare(tx,
                            S("SELECT email FROM _superusers WHERE email != '" INSTALLER "' "
                              "ORDER BY created LIMIT 100"),
                            &stmt);
    if (err) return err;
    out->emails = arena_new(tx_arena(tx), Str, SUPERUSERS_MAX);
    for (;;) {
        bool row;
        err = stmt_step(stmt, &row);
        if (err || !row || out->count == SUPERUSERS_MAX) return err;
        out->emails[out->count++] = arena_copy(tx_arena(tx), stmt_str(stmt, 0));
    }
}

typedef struct {
    App *app;
    Mail *mails;
    size_t count;
} QueueAll;

static Error *queue_all(Tx *tx, void *arg)
{
    QueueAll *w = arg;
    for (size_t i = 0; i < w->count; i++) {
        Error *err = mail_enqueue(tx, w->app, &w->mails[i]);
        if (err) return err;
    }
    return NULL;
}

Error *mail_alert_superusers(App *app, Arena *a, Str subject, Str text)
{
    Superusers to;
    Error *err = db_read(app->db, a, superusers_read, &to);
    if (err) return err;
    QueueAll w = {.app = app, .mails = arena_new(a, Mail, to.count)};
    for (size_t i = 0; i < to.count; i++) {
        err = own_mail(app, a, to.emails[i], subject, text, &w.mails[w.count]);
        if (!err) w.count++; /* one without a usable address does not keep it from the others */
    }
    return w.count ? db_write(app->db, a, queue_all, &w) : NULL;
}
