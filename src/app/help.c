/* help.c - what `croft help` teaches. */
#include "app/commands.h"

#include <stdio.h>

static const char OVERVIEW[] =
    "Croft - web server, application framework and database in one program.\n"
    "\n"
    "  croft serve                       serve this folder's site on http://127.0.0.1:8090\n"
    "  croft superuser upsert EMAIL      make an owner's account, or set its password\n"
    "  croft backup, croft restore FILE  save everything, put it back\n"
    "  croft import pocketbase FOLDER    move in from PocketBase, everybody still signed in\n"
    "  croft check                       look for damage and loose ends, and repair\n"
    "  croft export --out FOLDER         records as JSON or CSV, for other programs\n"
    "  croft types                       TypeScript of your collections, for the SDK\n"
    "  croft rekey                       another key for secrets at rest, or none\n"
    "  croft version                     versions of Croft and SQLite\n"
    "  croft help serve                  all flags; also: superuser, limits, backup,\n"
    "                                    restore, import, export, check, types, rekey\n"
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

static const char IMPORT[] =
    "croft import pocketbase FOLDER [--dir FOLDER] [flags]\n"
    "\n"
    "Moves a site in from PocketBase (v0.23 to v0.39): reads its data folder (pb_data, or\n"
    "the folder it is in), copies it, checks the copy, and only then gives it the name\n"
    "that --dir says (./croft_data). Records, files, rules, views, settings, accounts,\n"
    "passwords, linked accounts and logs come along; tokens stay valid, so nobody is\n"
    "signed out. The source is only read. Stopped half-way, it leaves no half folder.\n"
    "\n"
    "Stop PocketBase first; an import from a running one is refused.\n"
    "\n"
    "  --force                     the target has something in it: keep that beside it,\n"
    "                              under another name\n"
    "  --encryption-env NAME       the environment variable with the key, as for\n"
    "                              PocketBase's --encryptionEnv, when the settings are\n"
    "                              encrypted; the copy is, with its collections' secrets\n"
    "  --with-public               also copy pb_public to --public (./croft_public)\n"
    "\n"
    "Examples:\n"
    "\n"
    "  croft import pocketbase ~/pocketbase/pb_data\n"
    "  PB_KEY=... croft import pocketbase /srv/pb --dir /srv/site --encryption-env PB_KEY\n"
    "  croft serve                       then look around; the source is still there\n";

static const char EXPORT[] =
    "croft export [COLLECTION ...] --out FOLDER [--dir FOLDER] [flags]\n"
    "\n"
    "Writes records for other programs, all as of one moment, also beside a running\n"
    "server: the named collections, or all but those of the system. FOLDER is made; it\n"
    "gets its name when all is written.\n"
    "\n"
    "  collections.json            definitions, as PUT /api/collections/import takes them\n"
    "  settings.json               the settings\n"
    "  records/NAME.jsonl          a record a line\n"
    "  files/NAME/RECORD/FILE      with --files: what was uploaded\n"
    "\n"
    "  --format jsonl|json|csv     of the records; in CSV, texts that a spreadsheet would\n"
    "                              run as formulas get a ' in front\n"
    "  --files                     uploaded files too\n"
    "\n"
    "Passwords, keys and secrets stay here: to move or save a whole site, croft backup.\n"
    "\n"
    "Examples:\n"
    "\n"
    "  croft export --out export-of-today --files\n"
    "  croft export orders customers --format csv --out /tmp/for-the-accountant\n";

static const char CHECK[] =
    "croft check [--dir FOLDER]                look only; also beside a running server\n"
    "croft check --repair [--yes]              offer repairs; stop the server first\n"
    "\n"
    "Looks at the database file page by page, at the tables against the collections, at\n"
    "the records against their fields (links that lead nowhere, values that are not\n"
    "offered), at files against records, and at the logs. Each finding says what follows\n"
    "from it and, where there is one, what a repair would do. Repairs ask first; --yes\n"
    "agrees to all. None of them throws away what could be wanted: what needs a decision\n"
    "is left to you.\n"
    "\n"
    "  note     worth knowing, nothing is wrong\n"
    "  fault    something is missing or does not fit\n"
    "  DAMAGE   the file itself: restore a backup\n"
    "\n"
    "Exit codes: 0 all is well, or all was repaired; 1 findings are left; 2 it could not\n"
    "be checked (no such folder, not readable, a server is running and --repair was asked).\n"
    "\n"
    "Examples:\n"
    "\n"
    "  croft check --dir /var/lib/croft || mail -s 'look at the database' you@example.com\n"
    "  croft check --repair\n";

static const char TYPES[] =
    "croft types [--dir FOLDER] [--out FILE]\n"
    "\n"
    "Writes TypeScript for the PocketBase SDK: what records of each collection hold, what\n"
    "create() and update() take, what relations lead to. Without --out to standard output;\n"
    "a FILE is replaced only once all is written. Works beside a running server, which\n"
    "gives superusers the same at /api/types.d.ts.\n"
    "\n"
    "Example:\n"
    "\n"
    "  croft types --out src/croft.d.ts\n"
    "\n"
    "  import PocketBase from 'pocketbase';\n"
    "  import type { TypedPocketBase } from './croft';\n"
    "  const pb = new PocketBase('http://127.0.0.1:8090') as unknown as TypedPocketBase;\n"
    "  const post = await pb.collection('posts').getOne('...');   // post.title is known\n";

static const char REKEY[] =
    "croft rekey --encryption-env OLD --to NEW      encrypt with another key\n"
    "croft rekey --encryption-env OLD --clear       encrypt no more\n"
    "croft rekey --to NEW                           encrypt what is in clear\n"
    "\n"
    "The settings and the secrets of collections (tokens, sign-in providers) are written\n"
    "anew, all of them or none. OLD and NEW name environment variables with a key of 32\n"
    "characters. Stop the server first; afterwards serve with --encryption-env NEW, or\n"
    "without it. --clear is also the way back to PocketBase, which can open encrypted\n"
    "settings, but no encrypted secrets of collections.\n"
    "\n"
    "Backups made before still want the old key.\n"
    "\n"
    "Examples:\n"
    "\n"
    "  OLD=... NEW=... croft rekey --dir /var/lib/croft --encryption-env OLD --to NEW\n"
    "  KEY=... croft rekey --encryption-env KEY --clear\n";

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
    } else if (str_eq(topic, S("import"))) {
        fputs(IMPORT, stdout);
    } else if (str_eq(topic, S("export"))) {
        fputs(EXPORT, stdout);
    } else if (str_eq(topic, S("check"))) {
        fputs(CHECK, stdout);
    } else if (str_eq(topic, S("types"))) {
        fputs(TYPES, stdout);
    } else if (str_eq(topic, S("rekey"))) {
        fputs(REKEY, stdout);
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
