/* help.c - what `croft help` teaches. */
#include "app/commands.h"

#include <stdio.h>

static const char OVERVIEW[] =
    "Croft - web server, application framework and database in one program.\n"
    "\n"
    "  croft serve                       serve this folder's site on http://127.0.0.1:8090\n"
    "  croft superuser upsert EMAIL      make an owner's account, or set its password\n"
    "  croft backup, croft restore FILE  save everything, put it back\n"
    "  croft version                     versions of Croft and SQLite\n"
    "  croft help serve                  all flags; also: superuser, limits\n"
    "\n"
    "A first minute:\n"
    "\n"
    "  croft serve                       then open the link that it prints\n"
    "  curl http://127.0.0.1:8090/api/health\n";

static const char SERVE_BEFORE[] =
    "croft serve [flags]\n"
    "\n"
    "Serves the API below /api/ and, if there is a folder ./croft_public, its files as\n"
    "a website. Everything is kept in ./croft_data; croft backup saves it while the\n"
    "server runs. Ctrl-C or SIGTERM finishes what is running, then stops.\n"
    "\n"
    "Flags, which may also be given as environment variables:\n"
    "\n";

static const char SERVE_AFTER[] =
    "\n"
    "Examples:\n"
    "\n"
    "  croft serve --http 0.0.0.0:80 --user www-data      on a server, started by root\n"
    "  croft serve --origins https://example.com          only that site's scripts\n"
    "  croft serve --limit body_bytes=100M --log-format json\n"
    "  CROFT_DIR=/var/lib/croft PORT=8080 croft serve\n";

static const char SUPERUSER[] =
    "croft superuser create EMAIL [PASSWORD]    a new owner; refuses one that exists\n"
    "croft superuser update EMAIL [PASSWORD]    another password; ends all sessions\n"
    "croft superuser upsert EMAIL [PASSWORD]    either of the two\n"
    "croft superuser delete EMAIL               but never the last one\n"
    "croft superuser otp EMAIL                  a one-time password, where these are enabled\n"
    "                                           for _superusers\n"
    "croft superuser ips [IP or CIDR ...]       let superusers in from these addresses\n"
    "                                           only; without any: from everywhere\n"
    "\n"
    "A password that is left out is asked for; \"-\" reads it from standard input, so\n"
    "that it shows in no list of processes. Works while the server runs and while it\n"
    "does not; --dir names the data folder, as for serve.\n"
    "\n"
    "Examples:\n"
    "\n"
    "  croft superuser create owner@example.com\n"
    "  croft superuser upsert owner@example.com - < password.txt\n"
    "  croft superuser ips 10.0.0.0/8 203.0.113.7\n";

static const char BACKUP[] =
    "croft backup [NAME.zip]            make a backup of the data folder\n"
    "croft backup --list                those there are\n"
    "croft restore FILE.zip             put one back: a file, or a name of that list\n"
    "\n"
    "Works while the server runs, which goes on serving, and while it does not; --dir\n"
    "names the data folder, as for serve. A backup is read back before it counts. A\n"
    "restore is checked whole before anything changes; a running server then restarts\n"
    "on it, and if it does not come up, the data of before is put back. What was\n"
    "written since the backup is gone afterwards: make another one first.\n"
    "\n"
    "Examples:\n"
    "\n"
    "  croft backup before-the-move.zip\n"
    "  croft backup --dir /var/lib/croft --list\n"
    "  croft restore /mnt/usb/before-the-move.zip\n";

static const char LIMITS[] =
    "croft serve --limit NAME=VALUE [--limit NAME=VALUE ...]\n"
    "\n"
    "Bytes may end in K, M or G (of 1024), milliseconds in s. The limits and their\n"
    "defaults:\n"
    "\n";

int command_help(Str topic)
{
    if (str_eq(topic, S("serve"))) {
        fputs(SERVE_BEFORE, stdout);
        options_print_flags(stdout);
        fputs(SERVE_AFTER, stdout);
    } else if (str_eq(topic, S("superuser"))) {
        fputs(SUPERUSER, stdout);
    } else if (str_eq(topic, S("backup")) || str_eq(topic, S("restore"))) {
        fputs(BACKUP, stdout);
    } else if (str_eq(topic, S("limits")) || str_eq(topic, S("limit"))) {
        fputs(LIMITS, stdout);
        limits_print(stdout);
    } else if (topic.len == 0 || str_eq(topic, S("help")) || str_eq(topic, S("version"))) {
        fputs(OVERVIEW, stdout);
    } else {
        fprintf(stderr, "croft: there is no help on \"%.*s\"; see: croft help\n", STR_ARG(topic));
        return 2;
    }
    return 0;
}

int command_version(void)
{
    printf("croft %s\nSQLite %s\n", CROFT_VERSION, CROFT_SQLITE_VERSION);
    return 0;
}
