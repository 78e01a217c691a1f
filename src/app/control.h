/* control.h - orders to a running server from the same machine.
 *
 * While a server runs, the data folder is its own, so a command such as
 * `croft superuser upsert …` cannot open it. Instead it asks the server over
 * the unix socket "control.sock" in the folder, which only the folder's owner
 * can open (mode 0600); nothing of it can be reached over the network. One
 * exchange per connection, each one line of JSON, at most CONTROL_LINE_MAX to
 * the server and CONTROL_ANSWER_MAX back, which may be a list of all backups:
 *
 *     ▶ {"command":"superuser","args":["upsert","owner@example.com","secret…"]}
 *     ◀ {"ok":true,"message":"Made the superuser owner@example.com."}
 *
 * The server's side is a thread that waits for one client at a time; a client
 * has CONTROL_TIMEOUT_S to say what it wants.
 */
#ifndef CROFT_APP_CONTROL_H
#define CROFT_APP_CONTROL_H

#include "auth/auth.h"

#define CONTROL_LINE_MAX   ((size_t)16 << 10)
#define CONTROL_ANSWER_MAX ((size_t)4 << 20)
#define CONTROL_TIMEOUT_S  10

typedef struct Control Control;

/* Starts serving <dir>/control.sock; an old socket is replaced (the folder's
 * lock is held, so nobody uses it). */
MUST_CHECK Error *control_start(Arena *a, App *app, Str dir, Control **out);
void control_stop(Control *control);

/* Asks the server on this folder. *answered false when none is running. The
 * server's refusal comes back as an error with its words. */
MUST_CHECK Error *control_ask(Arena *a, Str dir, Str command, const Str *args, size_t count,
                              bool *answered, Str *message);

#endif
