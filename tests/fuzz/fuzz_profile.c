/* fuzz_profile.c - what a provider may answer. First byte: which provider, and
 * whether the rest is a token URL's reply (as a form or JSON) or a user.
 *
 * Property: what is accepted has a token, or texts that lie within the reply's
 * arena; checking its claims never crashes. */
#include "oauth2/oauth2_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    Arena *a = arena_create("fuzz", 16 << 20);
    Str bytes = {(const char *)data + 1, size - 1};
    Exchange x = {.a = a, .config = {.def = &providers[(data[0] >> 1) % provider_count]}};
    Json *user;
    Profile p;
    if (data[0] & 1) {
        Str type = data[0] & 2 ? S("text/plain") : S("application/json");
        Error *err = token_read(a, type, bytes, 0, &x.token);
        assert(err || x.token.access.len > 0);
    } else if (!json_parse(a, bytes, &(JsonLimits){.depth = 32, .nodes = 1000}, &user)) {
        Error *err = id_token_check(a, user, &(IdTokenRules){.issuers = user}, S("app"), 1000, 300);
        (void)err; /* either will do */
        err = profile_map(&x, user, &p);
        if (!err)
            (void)str_printf(a, "%.*s%.*s%.*s%.*s%.*s", STR_ARG(p.id), STR_ARG(p.name),
                             STR_ARG(p.username), STR_ARG(p.email), STR_ARG(p.avatar_url));
    }
    arena_destroy(a);
    return 0;
}
