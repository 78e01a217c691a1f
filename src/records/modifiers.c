/* modifiers.c - from submitted keys to the values wanted (api: collections
 * §3.3, files §1).
 *
 *     {"n": 1, "n+": 2, "tags-": "a"}  and a file part named "docs+"
 *
 * Each key is an Op. Ops are applied by increasing key length, each on the
 * result of the one before, starting from the stored row (update) or from zero
 * values (create); so the same ops can be applied again to another row. */
#include "records/records_internal.h"

#define LIST_ITEMS_MAX 100000
#define LIST_TEXT_MAX  ((size_t)4 << 20)

#define AUTOGENERATE   ":autogenerate"
#define KEYS_PER_FIELD 5 /* name name+ name- +name name:autogenerate */

static bool takes_modifier(const Field *f, OpKind kind)
{
    if (!f) return false;
    if (kind == OP_AUTOGENERATE) return f->type == FIELD_TEXT;
    if (field_is_multi_type(f)) return true;
    return f->type == FIELD_NUMBER && kind != OP_PREPEND;
}

static bool modifier_parse(const Collection *c, Str key, Str name, OpKind kind, Op *op)
{
    const Field *f = collection_field(c, name);
    if (!takes_modifier(f, kind)) return false;
    *op = (Op){.field = f, .kind = kind, .key = key};
    return true;
}

/* False: no field of that name, or not one that knows this modifier. */
static bool op_parse(const Collection *c, Str key, Op *op)
{
    const Field *f = collection_field(c, key);
    if (f) {
        *op = (Op){.field = f, .kind = OP_SET, .key = key};
        return true;
    }
    if (key.len < 2) return false;
    Str head = str_sub(key, 0, key.len - 1);
    if (str_ends(key, S("+"))) return modifier_parse(c, key, head, OP_ADD, op);
    if (str_ends(key, S("-"))) return modifier_parse(c, key, head, OP_REMOVE, op);
    if (key.ptr[0] == '+') return modifier_parse(c, key, str_from_pos(key, 1), OP_PREPEND, op);
    if (str_ends(key, S(AUTOGENERATE))) {
        return modifier_parse(c, key, str_sub(key, 0, key.len - (sizeof(AUTOGENERATE) - 1)),
                              OP_AUTOGENERATE, op);
    }
    return false;
}

static bool is_auth_password(const Collection *c, const Field *f)
{
    return c->type == COLLECTION_AUTH && f->type == FIELD_PASSWORD &&
           str_eq(f->name, S("password"));
}

/* Hidden fields of regular callers are ignored, autodates of everybody. */
static bool is_settable(const Write *w, const Field *f)
{
    if (f->type == FIELD_AUTODATE) return false;
    if (!f->hidden || w->as_system || w->is_superuser) return true;
    return is_auth_password(w->c, f);
}

/* Shorter keys first; equal ones stay in order. */
static void op_insert(Write *w, Op op)
{
    size_t at = w->op_count++;
    while (at > 0 && w->ops[at - 1].key.len > op.key.len) {
        w->ops[at] = w->ops[at - 1];
        at--;
    }
    w->ops[at] = op;
}

static bool has_op(const Write *w, Str key)
{
    for (size_t i = 0; i < w->op_count; i++) {
        if (str_eq(w->ops[i].key, key)) return true;
    }
    return false;
}

static void password_add(Write *w, const Op *op)
{
    if (op->field->type != FIELD_PASSWORD || op->kind != OP_SET) return;
    w->passwords[w->password_count++] =
        (NewPassword){.field = op->field, .plain = text_of_json(w->a, op->value)};
}

static void file_add(Write *w, const Upload *upload)
{
    Op op;
    if (!op_parse(w->c, upload->field, &op) || op.field->type != FIELD_FILE) return;
    if (op.kind == OP_REMOVE || !is_settable(w, op.field)) return;

    NewFile *file = &w->files[w->file_count++];
    *file = (NewFile){.upload = upload, .field = op.field, .key = upload->field};
    file->name = file_stored_name(w->a, upload->file_name, S(""), &file->needs_extension);
    if (!has_op(w, upload->field)) op_insert(w, op);
}

void write_collect(Write *w, const RecordChange *change)
{
    size_t keys = json_is(w->data, JSON_OBJECT) ? w->data->object.count : 0;
    size_t most = keys + change->upload_count;
    w->ops = arena_new(w->a, Op, MIN(most, KEYS_PER_FIELD * w->c->field_count) + 1);
    w->passwords = arena_new(w->a, NewPassword, w->c->field_count + 1);
    if (change->upload_count) w->files = arena_new(w->a, NewFile, change->upload_count);

    for (size_t i = 0; i < keys; i++) {
        const JsonMember *member = &w->data->object.members[i];
        Op op;
        if (!op_parse(w->c, member->key, &op) || !is_settable(w, op.field)) continue;
        op.value = &member->value;
        op_insert(w, op);
        password_add(w, &op);
    }
    for (size_t i = 0; i < change->upload_count; i++)
        file_add(w, &change->uploads[i]);
}

/* Does @request.body show this key as sent? Not if it is an op, whose result is
 * shown under the field's name, nor if it was taken away for being hidden. */
bool write_key_is_foreign(const Write *w, Str key)
{
    Op op;
    if (!op_parse(w->c, key, &op)) return true;
    return op.field->type == FIELD_AUTODATE && !op.field->hidden;
}

/* The values under one key: plain ones first, then its files. */
static StrList op_list(const Write *w, const Op *op)
{
    StrList plain = op->value ? list_of_json(w->a, op->value) : (StrList){0};
    if (op->field->type != FIELD_FILE || w->file_count == 0) return plain;

    StrList files = {arena_new(w->a, Str, w->file_count), 0};
    for (size_t i = 0; i < w->file_count; i++) {
        if (str_eq(w->files[i].key, op->key)) files.items[files.count++] = w->files[i].name;
    }
    return list_join(w->a, plain, files);
}

static DbValue apply_list(const Write *w, const Op *op, const DbValue *now)
{
    StrList given = op_list(w, op);
    if (op->kind == OP_SET) return value_from_list(w->a, op->field, given);
    StrList old = value_to_list(w->a, op->field, now);
    if (op->kind == OP_ADD) given = list_join(w->a, old, given);
    if (op->kind == OP_PREPEND) given = list_join(w->a, given, old);
    if (op->kind == OP_REMOVE) given = list_without(w->a, old, given);
    return value_from_list(w->a, op->field, given);
}

static Error *apply_autogenerate(const Write *w, const Op *op, DbValue *value)
{
    Str tail = S("");
    if (op->field->autogenerate_pattern.len) {
        Error *err = pattern_generate(w->a, op->field->autogenerate_pattern, &tail);
        if (err) return error_at(w->a, err, "%.*s", STR_ARG(op->field->name));
    }
    *value = DB_VALUE_TEXT(str_concat(w->a, text_of_json(w->a, op->value), tail));
    return NULL;
}

/* A password's value is its hash, or its text until there is one: enough to
 * tell empty from given. write_insert() and write_update() refuse the latter. */
static DbValue apply_password(const Write *w, const Op *op)
{
    const NewPassword *password = write_password(w, op->field);
    return DB_VALUE_TEXT(password->hash.len ? password->hash : password->plain);
}

/* A list longer than any field's is refused before it is copied a few times: it
 * would take the request's memory, and end it with 500. */
static Error *list_length_fault(const Write *w, const Op *op)
{
    const Json *v = op->value;
    bool is_text = v && v->type == JSON_STRING; /* may be an array itself */
    if (json_is(v, JSON_ARRAY) && json_count(v) <= LIST_ITEMS_MAX) return NULL;
    if (!json_is(v, JSON_ARRAY) && (!is_text || v->string.len <= LIST_TEXT_MAX)) return NULL;
    bool is_file = op->field->type == FIELD_FILE;
    return error_field(w->a, op->field->name,
                       is_file ? "validation_too_many_files" : "validation_too_many_values",
                       S("That is more than any field can hold."));
}

static Error *apply_op(const Write *w, const Op *op)
{
    DbValue *value = &w->record->values[op->field->index];
    double given;
    if (op->kind == OP_AUTOGENERATE) return apply_autogenerate(w, op, value);
    if (op->field->type == FIELD_PASSWORD) {
        *value = apply_password(w, op);
    } else if (field_is_multi_type(op->field)) {
        Error *err = list_length_fault(w, op);
        if (err) return err;
        *value = apply_list(w, op, value);
    } else if (op->kind == OP_SET) {
        *value = value_normalise(w->a, op->field, op->value);
    } else {
        DbValue operand = value_normalise(w->a, op->field, op->value);
        given = value_to_number(&operand);
        *value = value_from_number(value_to_number(value) + (op->kind == OP_ADD ? given : -given));
    }
    return NULL;
}

Error *write_apply_ops(Write *w)
{
    for (size_t i = 0; i < w->op_count; i++) {
        Error *err = apply_op(w, &w->ops[i]);
        if (err) return err;
        w->submitted[w->ops[i].field->index] = true;
    }
    return NULL;
}
