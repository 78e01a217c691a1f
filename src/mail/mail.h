/* mail.h - the e-mails that the server sends by itself (api: mail).
 *
 * In two steps: make the mail from the owner's template, outside of
 * transactions; then queue it with the rows it belongs to, or send it at once.
 *
 *     Mail mail;
 *     err = mail_verification(app, a, record, token, &mail);
 *     if (err) return err;
 *     ...
 *     err = mail_enqueue(tx, app, &mail);                in a work: delivered after the commit,
 *                                                        with retries (jobs/)
 *     err = mail_send_now(app, a, &mail, 15000);         waits for the mail server
 */
#ifndef CROFT_MAIL_H
#define CROFT_MAIL_H

#include "jobs/jobs.h"
#include "outgoing/outgoing.h"

typedef struct Mailer Mailer;

/* Registers deliveries with app->jobs; `outgoing` must outlive it. Becomes
 * app->mailer. In the arena: nothing to destroy. */
MUST_CHECK Error *mailer_create(Arena *a, App *app, Outgoing *outgoing, Mailer **out);

/* One message to one person. Texts are borrowed. */
typedef struct {
    Str to;
    Str subject;
    Str html;              /* the whole document, layout included */
    int64_t expires_at_ms; /* wall time after which it is of no use; 0 = never */
    Str otp_id;            /* of a one-time password: see mail_otp() */
} Mail;

/* The mails of api: mail §1. `record` is of an auth collection; its collection's
 * template is used. They expire with what they carry. An error 400 when the
 * record has no usable e-mail address. */
MUST_CHECK Error *mail_verification(App *app, Arena *a, const Record *record, Str token, Mail *out);
MUST_CHECK Error *mail_password_reset(App *app, Arena *a, const Record *record, Str token,
                                      Mail *out);
/* Goes to the new address. */
MUST_CHECK Error *mail_email_change(App *app, Arena *a, const Record *record, Str new_email,
                                    Str token, Mail *out);
/* A delivery from the queue sets _otps.sentTo of that row to the recipient; the
 * row is deleted when the mail is given up, and nothing is sent when the row has
 * gone. mail_send_now() does none of this. */
MUST_CHECK Error *mail_otp(App *app, Arena *a, const Record *record, Str otp_id, Str code,
                           Mail *out);
/* `info`: mail_alert_info(). */
MUST_CHECK Error *mail_auth_alert(App *app, Arena *a, const Record *record, Str info, Mail *out);
/* "2026-01-02 03:04:05.678Z - 1.2.3.4 Mozilla/…": now, the address and at most 200
 * bytes of the user agent. Not escaped: mail_auth_alert() does that. */
Str mail_alert_info(Arena *a, Str ip, Str user_agent);

/* A mail of our own without template to every superuser, queued (failed backups):
 * `text` is plain and becomes one paragraph. The subject is "[<appName> system
 * alert] <subject>". */
MUST_CHECK Error *mail_alert_superusers(App *app, Arena *a, Str subject, Str text);

/* Delivers after the commit, with retries for about a day or until it expires. */
MUST_CHECK Error *mail_enqueue(Tx *tx, App *app, const Mail *mail);

/* Sends and waits, at most `timeout_ms` (0 = 30000). One attempt. Not inside a
 * transaction. The error's cause has the mail server's words (mail_raw_error()). */
MUST_CHECK Error *mail_send_now(App *app, Arena *a, const Mail *mail, uint32_t timeout_ms);
/* What went wrong, for messages that promise a raw error to superusers. */
Str mail_raw_error(const Error *err);

extern const Route mail_routes[]; /* POST /api/settings/test/email */
extern const size_t mail_route_count;

#endif
