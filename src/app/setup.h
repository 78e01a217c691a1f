/* setup.h - the page at /_/ of a binary without the dashboard.
 *
 * With the one-time token of the printed link (#/pbinstall/<token>) it makes
 * the first superuser through the ordinary API; otherwise it tells what can be
 * done with the API. Three resources without anything inline, so that the
 * Content-Security-Policy can forbid all that is not ours. */
#ifndef CROFT_APP_SETUP_H
#define CROFT_APP_SETUP_H

#include "http/http.h"

extern const Route setup_routes[];
extern const size_t setup_route_count;

/* Made by the build from the files in setup/. */
extern const char setup_html[], setup_js[], setup_css[];
extern const size_t setup_html_len, setup_js_len, setup_css_len;

#endif
