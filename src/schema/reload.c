/* reload.c - what the server must find in collections before it goes on with them, whoever wrote
 * them: an import, or SQL by hand. */
#include "schema/schema_internal.h"

Error *schema_check_names(Arena *a, const Collection *c)
{
    if (!text_is_word(c->name))
        return error_field(a, S("name"), "validation_match_invalid",
                           S("Must be in a valid format."));
    for (size_t i = 0; i < c->field_count; i++) {
        if (!text_is_word(c->fields[i].name))
            return error_field(a, str_printf(a, "fields.%zu.name", i), "validation_match_invalid",
                               S("Must be in a valid format."));
    }
    return NULL;
}

/* What code of ours relies on, without asking each time. The dates of _superusers
 * are its own: other auth collections need none. */
static Error *has_fields(Arena *a, const Collection *c, const Collection *like)
{
    bool is_itself = str_eq(c->id, like->id);
    for (size_t i = 0; i < like->field_count; i++) {
        const Field *wanted = &like->fields[i];
        if (!wanted->system || (wanted->type == FIELD_AUTODATE && !is_itself)) continue;
        const Field *f = collection_field(c, wanted->name);
        if (!f || f->type != wanted->type)
            return error_new(a, 400,
                             str_printf(a, "collection %.*s has lost its system field %.*s",
                                        STR_ARG(c->name), STR_ARG(wanted->name)));
    }
    return NULL;
}

Error *schema_check_reloaded(Arena *a, const Schema *before, const Schema *after)
{
    const Collection *superusers = schema_find(before, S("_superusers"));
    Error *err = NULL;
    for (size_t i = 0; i < after->count && !err; i++) {
        const Collection *c = after->collections[i];
        err = schema_check_names(a, c);
        if (err) return error_new(a, 400, S("a collection or field has an impossible name"));
        if (!collection_field(c, S("id")) && c->type != COLLECTION_VIEW)
            return error_new(a, 400, S("a collection has lost its id"));
        if (c->type == COLLECTION_AUTH && superusers) err = has_fields(a, c, superusers);
    }
    for (size_t i = 0; i < before->count && !err; i++) {
        const Collection *old = before->collections[i];
        if (!old->system) continue;
        const Collection *c = schema_find_id(after, old->id);
        if (!c || c->type != old->type || !c->system || !str_eq(c->name, old->name))
            return error_new(
                a, 400,
                str_printf(a, "system collection %.*s must stay as it is", STR_ARG(old->name)));
        err = has_fields(a, c, old);
    }
    return err;
}
