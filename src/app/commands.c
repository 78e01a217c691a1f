/* commands.c - `croft superuser`: the owner's accounts from a terminal.
 *
 * The same words run in the running server (through control.sock) or, when
 * there is none, in this process on the opened folder. */
#include "app/commands.h"

#include "app/control.h"
#include "app/privileges.h"
#include "app/site.h"

#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_LINE_MAX 1024

Str error_for_people(Arena *a, const Error *err)
{
    Buf out = buf_new(a, 256);
    if (err->summary.len && (err->field.len || err->next)) buf_add(&out, err->summary);
    for (const Error *e = err; e; e = e->next) {
        if (out.len) buf_char(&out, ' ');
        if (e->field.len) buf_printf(&out, "%.*s: ", STR_ARG(e->field));
        buf_add(&out, e->message.len ? e->message : error_default_message(e->status));
        if (e->status >= 500 && e->cause.len) buf_printf(&out, " (%.*s)", STR_ARG(e->cause));
    }
    return buf_str(&out);
}

void complain(Arena *a, const Error *err)
{
    fprintf(stderr, "croft: %.*s\n", STR_ARG(error_for_people(a, err)));
}

/* ---- on an open site ---- */

static Error *usage(Arena *a, const char *text)
{
    return error_new(a, 400, str_printf(a, "Usage: croft superuser %s", text));
}

static Error *run_create(App *app, Arena *a, const Str *args, size_t count, Str *message)
{
    if (count != 2) return usage(a, "create EMAIL PASSWORD");
    *message = str_printf(a, "Made the superuser %.*s.", STR_ARG(args[0]));
    return superuser_create(app, a, args[0], args[1]);
}

static Error *run_update(App *app, Arena *a, const Str *args, size_t count, Str *message)
{
    if (count != 2) return usage(a, "update EMAIL PASSWORD");
    *message =
        str_printf(a, "Set a new password for %.*s; all its sessions are ended.", STR_ARG(args[0]));
    return superuser_update(app, a, args[0], args[1]);
}

static Error *run_upsert(App *app, Arena *a, const Str *args, size_t count, Str *message)
{
    if (count != 2) return usage(a, "upsert EMAIL PASSWORD");
    bool created = false;
    Error *err = superuser_upsert(app, a, args[0], args[1], &created);
    *message = created ? str_printf(a, "Made the superuser %.*s.", STR_ARG(args[0]))
                       : str_printf(a, "Set a new password for %.*s; all its sessions are ended.",
                                    STR_ARG(args[0]));
    return err;
}

static Error *run_delete(App *app, Arena *a, const Str *args, size_t count, Str *message)
{
    if (count != 1) return usage(a, "delete EMAIL");
    bool existed = false;
    Error *err = superuser_delete(app, a, args[0], &existed);
    *message = existed ? str_printf(a, "Deleted the superuser %.*s.", STR_ARG(args[0]))
                       : str_printf(a, "There was no superuser %.*s.", STR_ARG(args[0]));
    return err;
}

/* The way in for an owner whose mail does not arrive. */
static Error *run_otp(App *app, Arena *a, const Str *args, size_t count, Str *message)
{
    if (count != 1) return usage(a, "otp EMAIL");
    Str id, code;
    int64_t valid_s;
    Error *err = superuser_otp(app, a, args[0], &id, &code, &valid_s);
    if (err) return err;
    *message = str_printf(a,
                          "A one-time password for %.*s:\n"
                          "  id        %.*s\n"
                          "  password  %.*s\n"
                          "  valid     %lld s",
                          STR_ARG(args[0]), STR_ARG(id), STR_ARG(code), (long long)valid_s);
    return NULL;
}

/* The way back in for an owner who locked all addresses out. */
static Error *run_ips(App *app, Arena *a, const Str *args, size_t count, Str *message)
{
    Json *list = json_new_array(a);
    for (size_t i = 0; i < count; i++)
        json_push(a, list, json_new_string(a, args[i]));
    Json *patch = json_new_object(a);
    json_set(a, patch, S("superuserIPs"), list);
    *message = count ? S("Superusers are let in from these addresses only.")
                     : S("Superusers are let in from any address.");
    return settings_update(app->settings, a, patch);
}

static const struct {
    Str name;
    Error *(*run)(App *app, Arena *a, const Str *args, size_t count, Str *message);
    bool has_password;
} ACTIONS[] = {
    {STR_INIT("create"), run_create, true}, {STR_INIT("update"), run_update, true},
    {STR_INIT("upsert"), run_upsert, true}, {STR_INIT("delete"), run_delete, false},
    {STR_INIT("otp"), run_otp, false},      {STR_INIT("ips"), run_ips, false},
};

Error *superuser_command_run(App *app, Arena *a, const Str *args, size_t count, Str *message)
{
    for (size_t i = 0; count > 0 && i < COUNT(ACTIONS); i++) {
        if (str_eq(args[0], ACTIONS[i].name))
            return ACTIONS[i].run(app, a, args + 1, count - 1, message);
    }
    return usage(a, "create|update|upsert|delete|otp|ips …  (see: croft help superuser)");
}

/* ---- from the terminal ---- */

static Error *line_from_stdin(Arena *a, Str *out)
{
    char line[PASSWORD_LINE_MAX + 2];
    if (!fgets(line, sizeof(line), stdin))
        return error_new(a, 400, S("No password came from standard input."));
    Str text = str_from(line);
    if (text.len > PASSWORD_LINE_MAX) return error_new(a, 400, S("The password is too long."));
    while (str_ends(text, S("\n")) || str_ends(text, S("\r")))
        text.len--;
    *out = arena_copy(a, text);
    explicit_bzero(line, sizeof(line));
    return NULL;
}

/* Asks without showing what is typed. */
static Error *password_ask(Arena *a, Str *out)
{
    if (!isatty(STDIN_FILENO)) return line_from_stdin(a, out);
    struct termios shown, hidden;
    if (tcgetattr(STDIN_FILENO, &shown) != 0) return line_from_stdin(a, out);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fputs("Password: ", stderr);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    Error *err = line_from_stdin(a, out);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputs("\n", stderr);
    return err;
}

/* Completes the words: a password of "-", or a missing one, is asked for. */
static Error *words_complete(Arena *a, Str *words, size_t *count)
{
    for (size_t i = 0; *count > 0 && i < COUNT(ACTIONS); i++) {
        if (!str_eq(words[0], ACTIONS[i].name)) continue;
        if (!ACTIONS[i].has_password || *count < 2) return NULL;
        if (*count == 2) words[(*count)++] = S("-");
        return str_eq(words[2], S("-")) ? password_ask(a, &words[2]) : NULL;
    }
    Str names[COUNT(ACTIONS)];
    for (size_t i = 0; i < COUNT(ACTIONS); i++)
        names[i] = ACTIONS[i].name;
    Str near = suggest(*count ? words[0] : S(""), names, COUNT(ACTIONS));
    if (near.len)
        return error_new(a, 400,
                         str_printf(a, "There is no \"superuser %.*s\". Did you mean %.*s?",
                                    STR_ARG(words[0]), STR_ARG(near)));
    return usage(a, "create|update|upsert|delete|otp|ips …  (see: croft help superuser)");
}

static Error *run_here(Arena *a, const Options *o, const Str *words, size_t count, Str *message)
{
    privileges_follow_owner(a, o->dir);
    Site site;
    Error *err = site_open(a, o->dir, o->settings_key, 1, &site);
    if (err) return err;
    err = superuser_command_run(&site.app, a, words, count, message);
    site_close(&site);
    return err;
}

int command_superuser(Arena *a, const Options *o)
{
    Str words[OPTIONS_ARGS_MAX];
    size_t count = o->arg_count;
    memcpy(words, o->args, sizeof(words));
    Error *err = words_complete(a, words, &count);
    if (err) {
        complain(a, err);
        return 2;
    }
    bool answered;
    Str message = S("");
    err = control_ask(a, o->dir, S("superuser"), words, count, &answered, &message);
    if (!err && !answered) err = run_here(a, o, words, count, &message);
    if (err) {
        complain(a, err);
        return 1;
    }
    printf("%.*s\n", STR_ARG(message));
    return 0;
}
