/* routes.c - what oauth2/ answers to. Tags are those of the rate limits. */
#include "oauth2/oauth2_internal.h"

#define COLLECTION "/api/collections/{collection}/"

const Route oauth2_routes[] = {
    {"GET", COLLECTION "auth-methods", handle_auth_methods, 0, "listAuthMethods"},
    {"POST", COLLECTION "auth-with-oauth2", handle_auth_with_oauth2, 0, "authWithOAuth2 auth"},
    {"GET", "/api/oauth2-redirect", handle_oauth2_redirect, 0, NULL},
    {"POST", "/api/oauth2-redirect", handle_oauth2_redirect, 0, NULL},
    {"POST", "/api/settings/apple/generate-client-secret", handle_apple_secret, 0, NULL},
};
const size_t oauth2_route_count = COUNT(oauth2_routes);
