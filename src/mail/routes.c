/* routes.c - trying out the mail settings (api: operations §1.6). */
#include "mail/mail_internal.h"

#include "crypto/crypto.h"
#include "schema/options.h"

#define FAILED     S("Failed to send the test email.")
#define BODY_BYTES (64u << 10)
#define TEST_OTP   S("123456")
#define TEST_ID    S("_PB_TEST_OTP_ID_")

typedef struct {
    Str email, template, collection;
} TestInput;

/* ---- input ---- */

static Error *input_read(Req *req, TestInput *out)
{
    Body body;
    Error *err = req_body(req, BODY_BYTES, &body);
    if (err && err->status == 400)
        return error_summary(err, S("An error occurred while loading the submitted data."));
    if (err) return err;
    const Json *keys[] = {json_get(body.data, S("email")), json_get(body.data, S("template")),
                          json_get(body.data, S("collection"))};
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (keys[i] && keys[i]->type != JSON_STRING && keys[i]->type != JSON_NULL)
            return error_new(req->arena, 400,
                             S("An error occurred while loading the submitted data."));
    }
    *out = (TestInput){.email = json_str(keys[0], S("")),
                       .template = json_str(keys[1], S("")),
                       .collection = json_str(keys[2], S(""))};
    return NULL;
}

static bool template_known(Str name)
{
    static const char *const NAMES[] = {"verification", "password-reset", "email-change", "otp",
                                        "login-alert"};
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        if (str_eq(name, str_from(NAMES[i]))) return true;
    }
    return false;
}

static Error *input_check(Arena *a, const TestInput *in, const Collection *c)
{
    Error *errors = NULL;
    if (!in->email.len)
        error_chain(&errors, error_required(a, S("email")));
    else if (in->email.len > 255)
        error_chain(&errors, error_field(a, S("email"), "validation_length_out_of_range",
                                         S("The length must be between 1 and 255.")));
    else if (!text_is_email(in->email) || !mail_address_valid(in->email))
        error_chain(&errors, error_field(a, S("email"), "validation_is_email",
                                         S("Must be a valid email address.")));
    if (!in->template.len)
        error_chain(&errors, error_required(a, S("template")));
    else if (!template_known(in->template))
        error_chain(&errors, error_field(a, S("template"), "validation_in_invalid",
                                         S("Must be a valid value.")));
    if (!c || c->type != COLLECTION_AUTH)
        error_chain(&errors, error_field(a, S("collection"), "validation_invalid_auth_collection",
                                         S("Must be a valid auth collection id or name.")));
    return errors ? error_summary(errors, FAILED) : NULL;
}

/* ---- the mail ---- */

/* A record that is in no table: each value says which field it is of. */
static Record *test_record(Arena *a, const Collection *c, Str email)
{
    Record *r = arena_new(a, Record, 1);
    r->collection = c;
    r->values = arena_new(a, DbValue, c->field_count);
    for (size_t i = 0; i < c->field_count; i++) {
        Str name = c->fields[i].name;
        Str value =
            str_eq(name, S("email")) ? email : str_printf(a, "__pb_test_%.*s__", STR_ARG(name));
        r->values[i] = DB_VALUE_TEXT(value);
    }
    return r;
}

/* Signed with nobody's key: the link of a test mail looks real and opens nothing. */
static Str test_token(Arena *a, const Collection *c)
{
    Json *claims = json_new_object(a);
    json_set_str(a, claims, S("id"), S("__pb_test_id__"));
    json_set_str(a, claims, S("collectionId"), c->id);
    json_set_str(a, claims, S("type"), S("test"));
    return token_sign(a, claims, S("test"), S("mail"));
}

static Error *test_mail(App *app, Arena *a, const TestInput *in, const Record *r, Mail *out)
{
    Str token = test_token(a, r->collection);
    if (str_eq(in->template, S("verification"))) return mail_verification(app, a, r, token, out);
    if (str_eq(in->template, S("password-reset")))
        return mail_password_reset(app, a, r, token, out);
    if (str_eq(in->template, S("email-change")))
        return mail_email_change(app, a, r, in->email, token, out);
    if (str_eq(in->template, S("otp"))) return mail_otp(app, a, r, TEST_ID, TEST_OTP, out);
    return mail_auth_alert(app, a, r, mail_alert_info(a, S("TEST_IP"), S("TEST_USER_AGENT")), out);
}

/* POST /api/settings/test/email
 *
 *   body  {"email", "template": "verification" …, "collection": "users"}
 *   204   the mail server has taken it
 *   400   what does not hold, or the mail server's words
 */
static Error *handle_test(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Arena *a = req->arena;
    const Context *cx = req_context(req);
    TestInput in = {0};
    err = input_read(req, &in);
    if (err) return err;
    const Collection *c =
        schema_find(cx->schema, in.collection.len ? in.collection : S("_superusers"));
    err = input_check(a, &in, c);
    if (err) return err;

    Mail mail;
    err = test_mail(cx->app, a, &in, test_record(a, c, in.email), &mail);
    if (!err) err = mail_send_now(cx->app, a, &mail, 0);
    if (err)
        return error_new(a, 400,
                         str_printf(a, "Failed to send the test email. Raw error: \n%.*s",
                                    STR_ARG(mail_raw_error(err))));
    return res_empty(res, 204);
}

const Route mail_routes[] = {
    {"POST", "/api/settings/test/email", handle_test, 0, NULL},
};
const size_t mail_route_count = COUNT(mail_routes);
