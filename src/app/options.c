/* options.c - the table of flags, and the reader of command line and environment. */
#include "app/options.h"

#include "crypto/crypto.h"

#include <sched.h>
#include <stdlib.h>

typedef Error *(*OptionSet)(Arena *a, Options *o, Str value);

typedef struct {
    const char *flag; /* without the dashes */
    const char *env;
    const char *value; /* shown in the help; NULL for a switch (--x, --no-x) */
    const char *fallback;
    OptionSet set;
    const char *help;
} OptionRow;

static Error *bad_value(Arena *a, const char *flag, Str value, const char *wanted)
{
    return error_new(a, 400,
                     str_printf(a, "--%s must be %s, not \"%.*s\".", flag, wanted, STR_ARG(value)));
}

/* The last character of a "host:port" that stands before the port's colon. */
static bool address_is_valid(Str address)
{
    ptrdiff_t colon = str_rfind_char(address, ':');
    uint64_t port;
    return colon > 0 && str_to_u64(str_from_pos(address, (size_t)colon + 1), &port) &&
           port <= 65535;
}

static Error *set_dir(Arena *a, Options *o, Str value)
{
    if (value.len == 0) return bad_value(a, "dir", value, "a folder");
    o->dir = value;
    return NULL;
}

static Error *set_http(Arena *a, Options *o, Str value)
{
    if (!address_is_valid(value))
        return bad_value(a, "http", value, "an address and a port such as 127.0.0.1:8090");
    o->http = value;
    return NULL;
}

static Error *set_public(Arena *a, Options *o, Str value)
{
    (void)a;
    o->public_dir = value;
    return NULL;
}

static Error *set_origins(Arena *a, Options *o, Str value)
{
    (void)a;
    o->origins = value;
    return NULL;
}

static Error *set_user(Arena *a, Options *o, Str value)
{
    (void)a;
    o->user = value;
    return NULL;
}

Error *option_key_read(Arena *a, const char *flag, Str variable, Str *out)
{
    const char *key = getenv(arena_cstr(a, variable));
    if (!key || strlen(key) != SECRET_KEY_BYTES)
        return error_new(a, 400,
                         str_printf(a,
                                    "--%s: the environment variable %.*s must hold a key of 32 "
                                    "characters.",
                                    flag, STR_ARG(variable)));
    *out = str_from(key);
    return NULL;
}

static Error *set_encryption(Arena *a, Options *o, Str value)
{
    o->settings_key = S("");
    return value.len ? option_key_read(a, "encryption-env", value, &o->settings_key) : NULL;
}

static Error *set_spa(Arena *a, Options *o, Str value)
{
    bool on = str_eq(value, S("true")) || str_eq(value, S("1"));
    if (!on && !str_eq(value, S("false")) && !str_eq(value, S("0")))
        return bad_value(a, "spa", value, "true or false");
    o->spa = on;
    return NULL;
}

static Error *set_threads(Arena *a, Options *o, Str value)
{
    int64_t threads;
    if (!str_to_i64(value, &threads) || threads < 1 || threads > THREADS_MAX)
        return bad_value(a, "threads", value, "a number from 1 to 64");
    o->threads = (int)threads;
    return NULL;
}

static Error *set_log_level(Arena *a, Options *o, Str value)
{
    static const Str LEVELS[] = {[LOG_DEBUG] = STR_INIT("debug"),
                                 [LOG_INFO] = STR_INIT("info"),
                                 [LOG_WARN] = STR_INIT("warn"),
                                 [LOG_ERROR] = STR_INIT("error")};
    for (size_t i = 0; i < COUNT(LEVELS); i++) {
        if (!str_eq(value, LEVELS[i])) continue;
        o->log_level = (LogLevel)i;
        return NULL;
    }
    return bad_value(a, "log-level", value, "debug, info, warn or error");
}

static Error *set_log_format(Arena *a, Options *o, Str value)
{
    bool json = str_eq(value, S("json"));
    if (!json && !str_eq(value, S("text")))
        return bad_value(a, "log-format", value, "text or json");
    o->log_format = json ? LOG_JSON : LOG_TEXT;
    return NULL;
}

static Error *set_limits(Arena *a, Options *o, Str value)
{
    while (value.ptr) {
        Error *err = limit_set(a, &o->limits, str_trim(str_split(&value, ',')));
        if (err) return err;
    }
    return NULL;
}

static const OptionRow ROWS[] = {
    {"dir", "CROFT_DIR", "FOLDER", "./croft_data", set_dir,
     "where everything is kept; made when missing"},
    {"http", "CROFT_HTTP", "HOST:PORT", "127.0.0.1:8090", set_http,
     "address to serve on; 0.0.0.0:80 lets others in (PORT=8080 in the environment\n"
     "                            means 127.0.0.1:8080)"},
    {"public", "CROFT_PUBLIC", "FOLDER", "./croft_public", set_public,
     "your website's files, served beside the API; need not exist"},
    {"spa", "CROFT_SPA", NULL, "true", set_spa,
     "unknown paths of the website get index.html, as single-page apps want"},
    {"origins", "CROFT_ORIGINS", "LIST", "*", set_origins,
     "websites whose scripts may call the API (CORS), comma separated"},
    {"threads", "CROFT_THREADS", "N", "one per core", set_threads,
     "event loops that serve requests"},
    {"user", "CROFT_USER", "NAME", "", set_user, "when started by root: serve as this user"},
    {"encryption-env", "CROFT_ENCRYPTION_ENV", "NAME", "", set_encryption,
     "the environment variable that holds the key (32 characters) of secrets at rest"},
    {"log-level", "CROFT_LOG_LEVEL", "LEVEL", "info", set_log_level, "debug, info, warn or error"},
    {"log-format", "CROFT_LOG_FORMAT", "FORMAT", "text", set_log_format, "text or json"},
    {"limit", "CROFT_LIMIT", "NAME=VALUE", "", set_limits,
     "a limit of the web server, any number of times; see croft help limits"},
};

void options_print_flags(FILE *to)
{
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        const OptionRow *row = &ROWS[i];
        char left[64];
        if (row->value)
            snprintf(left, sizeof(left), "--%s %s", row->flag, row->value);
        else
            snprintf(left, sizeof(left), "--%s, --no-%s", row->flag, row->flag);
        fprintf(to, "  %-25s %s\n  %-25s", left, row->help, "");
        if (*row->fallback) fprintf(to, " default %s;", row->fallback);
        fprintf(to, " environment %s\n", row->env);
    }
}

static int cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return MIN(MAX(count, 1), THREADS_MAX);
}

static void options_default(Options *o)
{
    *o = (Options){
        .dir = S("./croft_data"),
        .http = S("127.0.0.1:8090"),
        .public_dir = S("./croft_public"),
        .origins = S("*"),
        .spa = true,
        .threads = cores(),
        .log_level = LOG_INFO,
        .log_format = LOG_TEXT,
        .limits = http_limits_default(),
    };
}

static Error *environment_read(Arena *a, Options *o)
{
    const char *port = getenv("PORT"); /* what hosting services set */
    if (port && *port) {
        Error *err = set_http(a, o, str_printf(a, "127.0.0.1:%s", port));
        if (err) return error_new(a, 400, S("PORT in the environment must be a port number."));
    }
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        const char *value = getenv(ROWS[i].env);
        if (!value) continue;
        Error *err = ROWS[i].set(a, o, str_from(value));
        if (err)
            return error_new(
                a, 400,
                str_printf(a, "In the environment, %s: %.*s", ROWS[i].env, STR_ARG(err->message)));
    }
    return NULL;
}

static Error *unknown_flag(Arena *a, Str flag)
{
    Str names[COUNT(ROWS)];
    for (size_t i = 0; i < COUNT(ROWS); i++)
        names[i] = str_from(ROWS[i].flag);
    Str near = suggest(flag, names, COUNT(ROWS));
    if (near.len)
        return error_new(a, 400,
                         str_printf(a, "There is no flag --%.*s. Did you mean --%.*s?",
                                    STR_ARG(flag), STR_ARG(near)));
    return error_new(
        a, 400, str_printf(a, "There is no flag --%.*s. See: croft help serve", STR_ARG(flag)));
}

/* A flag that belongs to a command. */
static Error *command_flag_read(Arena *a, Options *o, Str flag, int argc, char **argv, int *at)
{
    ptrdiff_t equals = str_find_char(flag, '=');
    const char *name, *wants;
    if (!command_flag_find(equals >= 0 ? str_sub(flag, 0, (size_t)equals) : flag, &name, &wants))
        return unknown_flag(a, equals >= 0 ? str_sub(flag, 0, (size_t)equals) : flag);
    if (o->flag_count == OPTIONS_FLAGS_MAX)
        return error_new(a, 400, S("That is more than any command takes."));
    Str value = S("true");
    if (wants && equals < 0 && *at + 1 >= argc)
        return error_new(a, 400, str_printf(a, "--%s wants a value: --%s %s", name, name, wants));
    if (wants) value = equals >= 0 ? str_from_pos(flag, (size_t)equals + 1) : str_from(argv[++*at]);
    o->flags[o->flag_count++] = (CommandFlag){name, value};
    return NULL;
}

/* One flag at argv[*at]; moves *at to its last argument. `flag` is without dashes. */
static Error *flag_read(Arena *a, Options *o, Str flag, int argc, char **argv, int *at)
{
    ptrdiff_t equals = str_find_char(flag, '=');
    Str name = equals >= 0 ? str_sub(flag, 0, (size_t)equals) : flag;
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        const OptionRow *row = &ROWS[i];
        if (!row->value && str_starts(name, S("no-")) &&
            str_eq(str_from_pos(name, 3), str_from(row->flag)) && equals < 0)
            return row->set(a, o, S("false"));
        if (!str_eq(name, str_from(row->flag))) continue;
        if (equals >= 0) return row->set(a, o, str_from_pos(flag, (size_t)equals + 1));
        if (!row->value) return row->set(a, o, S("true"));
        if (*at + 1 >= argc)
            return error_new(
                a, 400,
                str_printf(a, "--%s wants a value: --%s %s", row->flag, row->flag, row->value));
        return row->set(a, o, str_from(argv[++*at]));
    }
    return command_flag_read(a, o, flag, argc, argv, at);
}

Error *options_read(Arena *a, int argc, char **argv, Options *out)
{
    options_default(out);
    Error *err = environment_read(a, out);
    if (err) return err;

    bool flags_ended = false;
    for (int i = 1; i < argc; i++) {
        Str word = str_from(argv[i]);
        if (!flags_ended && str_eq(word, S("--"))) {
            flags_ended = true;
        } else if (!flags_ended && (str_eq(word, S("--help")) || str_eq(word, S("-h")))) {
            out->help = true;
        } else if (!flags_ended && (str_eq(word, S("--version")) || str_eq(word, S("-v")))) {
            out->command = S("version");
        } else if (!flags_ended && word.len > 1 && word.ptr[0] == '-') {
            Str flag = str_from_pos(word, str_starts(word, S("--")) ? 2 : 1);
            err = flag_read(a, out, flag, argc, argv, &i);
            if (err) return err;
        } else if (out->command.len == 0) {
            out->command = word;
        } else if (out->arg_count < OPTIONS_ARGS_MAX) {
            out->args[out->arg_count++] = word;
        } else {
            return error_new(a, 400, S("That is more than any command takes."));
        }
    }
    return command_flags_check(a, out);
}
