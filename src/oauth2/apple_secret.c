/* apple_secret.c - the client secret that Apple wants: a token signed with a key
 * of the owner's (api: operations §1.7). Nothing of it is kept. */
#include "oauth2/oauth2_internal.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "schema/options.h"

#define BODY_BYTES   (64u << 10)
#define ID_LENGTH    10
#define DURATION_MAX 15777000 /* six months, Apple's own limit */
#define PEM_BEGIN    S("-----BEGIN PRIVATE KEY-----")
#define PEM_END      S("-----END PRIVATE KEY-----")

typedef struct {
    Str client_id, team_id, key_id, private_key;
    int64_t duration_s;
} AppleInput;

static Error *unreadable(Arena *a)
{
    return error_new(a, 400, S("An error occurred while loading the submitted data."));
}

static Error *input_read(Req *req, AppleInput *in)
{
    Body body;
    Error *err = req_body(req, BODY_BYTES, &body);
    if (err && err->status == 400) return unreadable(req->arena);
    if (err) return err;
    const struct {
        Str key;
        Str *to;
    } texts[] = {
        {STR_INIT("clientId"), &in->client_id},
        {STR_INIT("teamId"), &in->team_id},
        {STR_INIT("keyId"), &in->key_id},
        {STR_INIT("privateKey"), &in->private_key},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        err = body_text(req, &body, texts[i].key, texts[i].to);
        if (err) return err;
    }
    const Json *duration = json_get(body.data, S("duration"));
    if (!duration || duration->type == JSON_NULL) return NULL;
    return json_whole(duration, &in->duration_s) ? NULL : unreadable(req->arena);
}

/* ---- checks ---- */

static Error *id_fault(Arena *a, Str field, Str value)
{
    if (value.len == 0) return error_required(a, field);
    if (value.len == ID_LENGTH) return NULL;
    Json *params = json_new_object(a);
    json_set_number(a, params, S("min"), ID_LENGTH);
    json_set_number(a, params, S("max"), ID_LENGTH);
    return error_field_params(a, field, "validation_length_invalid",
                              S("The length must be exactly 10."), params);
}

static Error *key_fault(Arena *a, Str pem)
{
    Str text = str_trim(pem);
    if (text.len == 0) return error_required(a, S("privateKey"));
    if (str_starts(text, PEM_BEGIN) && str_ends(text, PEM_END)) return NULL;
    return error_field(a, S("privateKey"), "validation_match_invalid",
                       S("Must be in a valid format."));
}

static Error *threshold_fault(Arena *a, const char *code, const char *words, int threshold)
{
    Json *params = json_new_object(a);
    json_set_number(a, params, S("threshold"), threshold);
    return error_field_params(a, S("duration"), code,
                              str_printf(a, "Must be %s %d.", words, threshold), params);
}

static Error *duration_fault(Arena *a, int64_t duration_s)
{
    if (duration_s == 0) return error_required(a, S("duration"));
    if (duration_s < 1)
        return threshold_fault(a, "validation_min_greater_equal_than_required", "no less than", 1);
    if (duration_s > DURATION_MAX)
        return threshold_fault(a, "validation_max_less_equal_than_required", "no greater than",
                               DURATION_MAX);
    return NULL;
}

static Error *input_check(Arena *a, const AppleInput *in)
{
    Error *faults = NULL;
    if (in->client_id.len == 0) error_chain(&faults, error_required(a, S("clientId")));
    error_chain(&faults, id_fault(a, S("teamId"), in->team_id));
    error_chain(&faults, id_fault(a, S("keyId"), in->key_id));
    error_chain(&faults, key_fault(a, in->private_key));
    error_chain(&faults, duration_fault(a, in->duration_s));
    return faults ? error_summary(faults, S("Invalid client secret data.")) : NULL;
}

/* ---- the token ---- */

static Error *secret_make(Arena *a, const AppleInput *in, Str *out)
{
    int64_t now_s = clock_wall_ms() / 1000;
    Json *header = json_new_object(a), *claims = json_new_object(a), *aud = json_new_array(a);
    json_set_str(a, header, S("alg"), S("ES256"));
    json_set_str(a, header, S("kid"), in->key_id);
    json_set_str(a, header, S("typ"), S("JWT"));
    json_push(a, aud, json_new_string(a, S("https://appleid.apple.com")));
    json_set(a, claims, S("aud"), aud);
    json_set_str(a, claims, S("sub"), in->client_id);
    json_set_str(a, claims, S("iss"), in->team_id);
    json_set_number(a, claims, S("iat"), (double)now_s);
    json_set_number(a, claims, S("exp"), (double)(now_s + in->duration_s));
    return jws_sign_es256(a, str_trim(in->private_key), header, claims, out);
}

/* POST /api/settings/apple/generate-client-secret
 *
 *   body  {"clientId", "teamId", "keyId", "privateKey": PEM, "duration": seconds}
 *   200   {"secret": "…"}
 *   400   what does not hold, by field; or why the key cannot be used
 */
Error *handle_apple_secret(Req *req, Res *res)
{
    Error *err = require_superuser(req);
    if (err) return err;
    Arena *a = req->arena;
    AppleInput in = {0};
    err = input_read(req, &in);
    if (err) return err;
    err = input_check(a, &in);
    if (err) return err;

    Str secret;
    err = secret_make(a, &in, &secret);
    if (err && err->status == 400)
        return error_new(a, 400,
                         str_printf(a, "Failed to generate client secret. Raw error: \n%.*s",
                                    STR_ARG(err->message)));
    if (err) return err;
    Json *answer = json_new_object(a);
    json_set_str(a, answer, S("secret"), secret);
    return res_json(res, 200, answer);
}
