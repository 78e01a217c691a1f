/* routes.c - what auth/ answers to. Tags are those of the rate limits. */
#include "auth/auth_internal.h"

#define COLLECTION "/api/collections/{collection}/"

const Route auth_routes[] = {
    {"POST", COLLECTION "auth-with-password", handle_auth_with_password, 0,
     "authWithPassword auth"},
    {"POST", COLLECTION "request-otp", handle_request_otp, 0, "requestOTP"},
    {"POST", COLLECTION "auth-with-otp", handle_auth_with_otp, 0, "authWithOTP auth"},
    {"POST", COLLECTION "auth-refresh", handle_auth_refresh, 0, "authRefresh"},
    {"POST", COLLECTION "request-verification", handle_request_verification, 0,
     "requestVerification"},
    {"POST", COLLECTION "confirm-verification", handle_confirm_verification, 0,
     "confirmVerification"},
    {"POST", COLLECTION "request-password-reset", handle_request_password_reset, 0,
     "requestPasswordReset"},
    {"POST", COLLECTION "confirm-password-reset", handle_confirm_password_reset, 0,
     "confirmPasswordReset"},
    {"POST", COLLECTION "request-email-change", handle_request_email_change, 0,
     "requestEmailChange"},
    {"POST", COLLECTION "confirm-email-change", handle_confirm_email_change, 0,
     "confirmEmailChange"},
    {"POST", COLLECTION "impersonate/{id}", handle_impersonate, 0, NULL},
    {"GET", COLLECTION "records/{id}/sessions", handle_sessions, 0, NULL},
    {"POST", COLLECTION "records/{id}/end-sessions", handle_end_sessions, 0, NULL},
};
const size_t auth_route_count = COUNT(auth_routes);
