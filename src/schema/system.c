/* system.c - what an empty database gets: the internal tables and the system
 * collections (api: collections §2, operations §9), in one transaction.
 *
 * The migrations are recorded under PocketBase's names, so that the folder can
 * be opened by it as well. */
#include "schema/schema_internal.h"

static const char TABLES[] =
    "CREATE TABLE _migrations (file VARCHAR(255) PRIMARY KEY NOT NULL, applied INTEGER NOT NULL);"
    "CREATE TABLE _params ("
    " id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL,"
    " value JSON DEFAULT NULL,"
    " created TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL,"
    " updated TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL);"
    "CREATE TABLE _collections ("
    " id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL,"
    " system BOOLEAN DEFAULT FALSE NOT NULL,"
    " type TEXT DEFAULT 'base' NOT NULL,"
    " name TEXT UNIQUE NOT NULL,"
    " fields JSON DEFAULT '[]' NOT NULL,"
    " indexes JSON DEFAULT '[]' NOT NULL,"
    " listRule TEXT DEFAULT NULL,"
    " viewRule TEXT DEFAULT NULL,"
    " createRule TEXT DEFAULT NULL,"
    " updateRule TEXT DEFAULT NULL,"
    " deleteRule TEXT DEFAULT NULL,"
    " options JSON DEFAULT '{}' NOT NULL,"
    " created TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL,"
    " updated TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL);"
    "CREATE INDEX idx__collections_type ON _collections (type);";

static const char *const MIGRATIONS[] = {
    "1640988000_aux_init.go",
    "1640988000_init.go",
    "1717233556_v0.23_migrate.go",
    "1717233557_v0.23_migrate2.go",
    "1717233558_v0.23_migrate3.go",
    "1717233559_v0.23_migrate4.go",
    "1763020353_update_default_auth_alert_templates.go",
    "1778828400_normalize_indexes.go",
};

#define TEXT(name) "{\"type\":\"text\",\"name\":\"" name "\",\"system\":true,\"required\":true}"
#define REFS       TEXT("collectionRef") "," TEXT("recordRef") ","
#define DATES(system)                                                                              \
    "{\"type\":\"autodate\",\"name\":\"created\",\"system\":" system ",\"onCreate\":true},"        \
    "{\"type\":\"autodate\",\"name\":\"updated\",\"system\":" system                               \
    ",\"onCreate\":true,\"onUpdate\":true}"
#define OWNER                                                                                      \
    "\"@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = "                 \
    "@request.auth.collectionId\""
#define SELF "\"id = @request.auth.id\""
#define INDEX(unique, name, table, columns)                                                        \
    "\"CREATE " unique "INDEX `" name "` ON `" table "` (\\n  " columns "\\n)\""
#define COLUMNS "`collectionRef`,\\n  `recordRef`"

/* JSON, laid out as JSON. */
/* clang-format off */
static const char *const COLLECTIONS[] = {
    "{\"name\":\"_mfas\",\"system\":true,\"listRule\":" OWNER ",\"viewRule\":" OWNER ","
    "\"fields\":[" REFS TEXT("method") "," DATES("true") "],"
    "\"indexes\":[" INDEX("", "idx_mfas_collectionRef_recordRef", "_mfas", COLUMNS) "]}",

    "{\"name\":\"_otps\",\"system\":true,\"listRule\":" OWNER ",\"viewRule\":" OWNER ","
    "\"fields\":[" REFS
        "{\"type\":\"password\",\"name\":\"password\",\"system\":true,\"hidden\":true,"
        "\"required\":true,\"cost\":8},"
        "{\"type\":\"text\",\"name\":\"sentTo\",\"system\":true,\"hidden\":true},"
        DATES("true") "],"
    "\"indexes\":[" INDEX("", "idx_otps_collectionRef_recordRef", "_otps", COLUMNS) "]}",

    "{\"name\":\"_externalAuths\",\"system\":true,\"listRule\":" OWNER ","
    "\"viewRule\":" OWNER ",\"deleteRule\":" OWNER ","
    "\"fields\":[" REFS TEXT("provider") "," TEXT("providerId") "," DATES("true") "],"
    "\"indexes\":["
        INDEX("UNIQUE ", "idx_externalAuths_record_provider", "_externalAuths",
              COLUMNS ",\\n  `provider`") ","
        INDEX("UNIQUE ", "idx_externalAuths_collection_provider", "_externalAuths",
              "`collectionRef`,\\n  `provider`,\\n  `providerId`") "]}",

    "{\"name\":\"_authOrigins\",\"system\":true,\"listRule\":" OWNER ","
    "\"viewRule\":" OWNER ",\"deleteRule\":" OWNER ","
    "\"fields\":[" REFS TEXT("fingerprint") "," DATES("true") "],"
    "\"indexes\":["
        INDEX("UNIQUE ", "idx_authOrigins_unique_pairs", "_authOrigins",
              COLUMNS ",\\n  `fingerprint`") "]}",

    "{\"name\":\"_superusers\",\"type\":\"auth\",\"system\":true,"
    "\"authToken\":{\"duration\":86400},"
    "\"fields\":[" DATES("true") "]}",

    "{\"id\":\"_pb_users_auth_\",\"name\":\"users\",\"type\":\"auth\","
    "\"listRule\":" SELF ",\"viewRule\":" SELF ",\"createRule\":\"\","
    "\"updateRule\":" SELF ",\"deleteRule\":" SELF ","
    "\"oauth2\":{\"mappedFields\":{\"name\":\"name\",\"avatarURL\":\"avatar\"}},"
    "\"fields\":["
        "{\"type\":\"text\",\"name\":\"name\",\"max\":255},"
        "{\"type\":\"file\",\"name\":\"avatar\",\"maxSelect\":1,\"mimeTypes\":[\"image/jpeg\","
        "\"image/png\",\"image/svg+xml\",\"image/gif\",\"image/webp\"]},"
        DATES("false") "]}",
};
/* clang-format on */

/* The fields every auth collection has come before its own. */
static void system_fields_first(Arena *a, Collection *c)
{
    Field *sorted = arena_new(a, Field, c->field_count);
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < c->field_count; i++) {
            const Field *f = &c->fields[i];
            bool first = f->system && f->type != FIELD_AUTODATE;
            if (first == (pass == 0)) sorted[count++] = *f;
        }
    }
    c->fields = sorted;
    for (size_t i = 0; i < count; i++)
        c->fields[i].index = (int)i;
}

static Error *record_migrations(Tx *tx)
{
    Stmt *stmt;
    Error *err =
        tx_prepare(tx, S("INSERT INTO _migrations (file, applied) VALUES (?1, ?2)"), &stmt);
    for (size_t i = 0; i < COUNT(MIGRATIONS) && !err; i++) {
        stmt_reset(stmt);
        stmt_bind_str(stmt, 1, str_from(MIGRATIONS[i]));
        stmt_bind_i64(stmt, 2, clock_wall_ms() * 1000);
        err = stmt_run(stmt, NULL);
    }
    return err;
}

Error *system_create(SchemaStore *store, Tx *tx)
{
    Error *err = tx_exec(tx, S(TABLES));
    if (err) return err;
    err = record_migrations(tx);
    if (err) return err;

    Arena *a = tx_arena(tx);
    for (size_t i = 0; i < COUNT(COLLECTIONS); i++) {
        Json *json;
        err = json_parse(a, str_from(COLLECTIONS[i]), NULL, &json);
        if (err) return err;
        Collection *c;
        err = collection_from_json(a, NULL, json, &c);
        if (err) return err;
        if (c->type == COLLECTION_AUTH) system_fields_first(a, c);
        err = schema_save(store, tx, c, NULL);
        if (err) return err;
    }
    return NULL;
}
