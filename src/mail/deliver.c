/* deliver.c - from a Mail to the mail server: at once, or by the outbox.
 *
 * A queued mail is a row of jobs/ of the kind "mail", whose payload is the mail
 * as made; sender and server are the settings at the time of delivery, so that
 * mails wait for an owner who has got them wrong.
 *
 *     {"to":"…","subject":"…","html":"…","messageId":"<…>","expires":0,"otp":"…"}
 *
 * The Message-ID is made when it is queued: a mail that goes out twice, because
 * the server was killed in between, can be told to be one.
 */
#include "mail/mail_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define KIND       S("mail")
#define SEND_MS    30000
#define DELIVER_MS 60000
#define CONNECT_MS 10000

/* ---- sending ---- */

static SmtpServer smtp_server(const Settings *settings, uint32_t timeout_ms)
{
    const Json *smtp = json_get(settings->json, S("smtp"));
    return (SmtpServer){
        .host = json_str(json_get(smtp, S("host")), S("")),
        .port = (int)json_number(json_get(smtp, S("port")), 0),
        .tls = json_bool(json_get(smtp, S("tls")), false),
        .username = json_str(json_get(smtp, S("username")), S("")),
        .password = json_str(json_get(smtp, S("password")), S("")),
        .auth_login = str_eq(json_str(json_get(smtp, S("authMethod")), S("")), S("LOGIN")),
        .local_name = json_str(json_get(smtp, S("localName")), S("")),
        .connect_timeout_ms = MIN(timeout_ms, (uint32_t)CONNECT_MS),
        .timeout_ms = timeout_ms,
    };
}

static Error *send_mail(App *app, Arena *a, const Mail *mail, Str message_id, uint32_t timeout_ms)
{
    const Mailer *mailer = app->mailer;
    if (!mailer) return error_cause(a, error_status(a, 500), "no mailer");
    const Settings *settings = settings_hold(app->settings, a);
    bool smtp = json_bool(json_get(json_get(settings->json, S("smtp")), S("enabled")), false);
    Message message = {
        .from_name = settings->sender_name,
        .from_address = settings->sender_address,
        .to = mail->to,
        .subject = mail->subject,
        .html = mail->html,
        .message_id = message_id,
        .date_ms = clock_wall_ms(),
        .html_only = !smtp,
    };
    if (!message.message_id.len) message.message_id = message_id_new(a, message.from_address);
    /* These end up in header lines as they are. */
    if (!mail_address_valid(mail->to) || !mail_address_valid(message.from_address))
        return error_cause(a, error_new(a, 400, S("The mail cannot be sent.")),
                           "an address that cannot be used");
    Str text = message_format(a, &message);
    if (!smtp) return sendmail_send(mailer->outgoing, a, text, timeout_ms);
    SmtpServer server = smtp_server(settings, timeout_ms);
    return smtp_send(mailer->outgoing, a, &server, message.from_address, &mail->to, 1, text);
}

Error *mail_send_now(App *app, Arena *a, const Mail *mail, uint32_t timeout_ms)
{
    return send_mail(app, a, mail, S(""), timeout_ms ? timeout_ms : SEND_MS);
}

Str mail_raw_error(const Error *err)
{
    return err->cause.len ? err->cause : err->message;
}

/* ---- queueing ---- */

Error *mail_enqueue(Tx *tx, App *app, const Mail *mail)
{
    Arena *a = tx_arena(tx);
    const Settings *settings = settings_hold(app->settings, a);
    Json *payload = json_new_object(a);
    json_set_str(a, payload, S("to"), mail->to);
    json_set_str(a, payload, S("subject"), mail->subject);
    json_set_str(a, payload, S("html"), mail->html);
    json_set_str(a, payload, S("messageId"), message_id_new(a, settings->sender_address));
    json_set_number(a, payload, S("expires"), (double)mail->expires_at_ms);
    json_set_str(a, payload, S("otp"), mail->otp_id);
    return jobs_enqueue(tx, app->jobs, KIND, payload);
}

/* ---- the row of a one-time password ---- */

typedef struct {
    App *app;
    Str id, sent_to; /* sent_to empty: delete it */
} OtpWork;

static Error *otp_exists(Tx *tx, void *arg)
{
    DbValue id = DB_VALUE_TEXT(((OtpWork *)arg)->id);
    int64_t one;
    bool found;
    Error *err = tx_one_i64(tx, S("SELECT 1 FROM _otps WHERE id=?1"), &id, 1, &one, &found);
    if (err) return err;
    return found ? NULL : error_status(tx_arena(tx), 404);
}

static Error *otp_note(Tx *tx, void *arg)
{
    OtpWork *w = arg;
    Error *err = otp_exists(tx, w);
    if (err) return err->status == 404 ? NULL : err; /* used or expired meanwhile */
    const Schema *schema = schema_in_tx(w->app->schema, tx);
    const Collection *otps = schema_find(schema, S("_otps"));
    if (!otps) return NULL;
    if (!w->sent_to.len) return record_delete_in_tx(w->app, tx, schema, otps, w->id);
    Str column = S("sentTo");
    DbValue value = DB_VALUE_TEXT(w->sent_to);
    return record_set_columns(w->app, tx, otps, w->id, &column, &value, 1);
}

/* ---- the outbox's side ---- */

static Mail mail_of(const Json *payload)
{
    return (Mail){
        .to = json_str(json_get(payload, S("to")), S("")),
        .subject = json_str(json_get(payload, S("subject")), S("")),
        .html = json_str(json_get(payload, S("html")), S("")),
        .expires_at_ms = (int64_t)json_number(json_get(payload, S("expires")), 0),
        .otp_id = json_str(json_get(payload, S("otp")), S("")),
    };
}

/* Wrong addresses of ours and wrong settings can be put right; a mail that the
 * server refuses, and one whose time is over, cannot. */
static Error *judged(Arena *a, Error *err)
{
    if (!err) return NULL;
    bool useless = err->code && strcmp(err->code, "smtp_refused") == 0;
    err->status = useless ? 400 : 502;
    err->cause = arena_copy(a, mail_raw_error(err));
    return err;
}

static Error *deliver(App *app, Arena *a, const Json *payload, const JobInfo *info)
{
    (void)info;
    Mail mail = mail_of(payload);
    if (!mail_address_valid(mail.to))
        return error_cause(a, error_new(a, 400, S("")), "no usable address");
    if (mail.expires_at_ms && clock_wall_ms() > mail.expires_at_ms)
        return error_cause(a, error_new(a, 410, S("")), "expired before it could be delivered");
    OtpWork otp = {.app = app, .id = mail.otp_id, .sent_to = mail.to};
    if (otp.id.len) {
        Error *err = db_read(app->db, a, otp_exists, &otp);
        if (err && err->status == 404) return NULL; /* nobody can use it any more */
        if (err) return err;
    }
    Str message_id = json_str(json_get(payload, S("messageId")), S(""));
    Error *err = judged(a, send_mail(app, a, &mail, message_id, DELIVER_MS));
    if (err || !otp.id.len) return err;
    err = db_write(app->db, a, otp_note, &otp);
    /* The mail has gone out; sending it again would not mend this. */
    if (err) log_error("mail", "sentTo of a one-time password", LOG_STR("cause", err->cause));
    return NULL;
}

static void give_up(App *app, Arena *a, const Json *payload, const Error *why)
{
    Mail mail = mail_of(payload);
    log_error("mail", "could not be delivered", LOG_STR("to", mail.to),
              LOG_STR("subject", mail.subject), LOG_STR("cause", mail_raw_error(why)));
    if (!mail.otp_id.len) return;
    OtpWork otp = {.app = app, .id = mail.otp_id};
    Error *err = db_write(app->db, a, otp_note, &otp);
    if (err) log_error("mail", "a one-time password stays", LOG_STR("cause", err->cause));
}

Error *mailer_create(Arena *a, App *app, Outgoing *outgoing, Mailer **out)
{
    Mailer *mailer = arena_new(a, Mailer, 1);
    *mailer = (Mailer){.app = app, .outgoing = outgoing};
    jobs_handle(app->jobs, &(JobKind){.name = "mail", .run = deliver, .give_up = give_up});
    *out = mailer;
    return NULL;
}
