/* index.c - CREATE INDEX statements: read, and written with another table name.
 *
 *     CREATE [UNIQUE] INDEX [IF NOT EXISTS] [schema.]name ON table (cols) [WHERE expr]
 *
 * The text of an index is kept as the owner wrote it and is run as it stands,
 * so reading is strict: one statement, balanced, no comments, no ';' outside of
 * quotes. */
#include "schema/schema_internal.h"

#define INDEX_MAX_BYTES   8192
#define INDEX_MAX_COLUMNS 64

typedef struct {
    Str s;
    size_t at;
} Scan;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 128;
}

static char peek(const Scan *s)
{
    return s->at < s->s.len ? s->s.ptr[s->at] : 0;
}

static void skip_blanks(Scan *s)
{
    while (is_blank(peek(s)))
        s->at++;
}

/* The keyword, in any case, as a whole word. */
static bool take_word(Scan *s, const char *word)
{
    skip_blanks(s);
    size_t len = strlen(word);
    if (!str_starts_nocase(str_from_pos(s->s, s->at), str_from(word))) return false;
    if (s->at + len < s->s.len && is_name_char(s->s.ptr[s->at + len])) return false;
    s->at += len;
    return true;
}

static bool take_char(Scan *s, char c)
{
    skip_blanks(s);
    if (peek(s) != c || s->at >= s->s.len) return false;
    s->at++;
    return true;
}

static char closing_quote(char c)
{
    return c == '[' ? ']' : c == '`' || c == '"' || c == '\'' ? c : 0;
}

/* Position behind the quoted text that starts at `at`; 0 when it has no end. */
static size_t quoted_end(Str s, size_t at)
{
    char close = closing_quote(s.ptr[at]);
    for (size_t i = at + 1; i < s.len; i++) {
        if (s.ptr[i] != close) continue;
        if (close != ']' && i + 1 < s.len && s.ptr[i + 1] == close) {
            i++; /* a doubled quote stands for itself */
            continue;
        }
        return i + 1;
    }
    return 0;
}

/* A bare or quoted name. Names with quotes inside are refused: nobody has them. */
static bool take_name(Scan *s, Str *out)
{
    skip_blanks(s);
    size_t start = s->at;
    if (closing_quote(peek(s))) {
        size_t end = quoted_end(s->s, start);
        if (end < start + 3) return false;
        *out = str_sub(s->s, start + 1, end - start - 2);
        s->at = end;
        for (size_t i = 0; i < out->len; i++) {
            if (strchr("`\"'[]", out->ptr[i])) return false; /* also refuses NUL */
        }
        return true;
    }
    while (is_name_char(peek(s)))
        s->at++;
    *out = str_sub(s->s, start, s->at - start);
    return out->len > 0;
}

/* Walks SQL from `at` to the first `stop` outside of quotes and parentheses (or
 * to the end when stop is 0). False on what must not be in an index. */
static bool walk_sql(Str s, size_t *at, char stop)
{
    int depth = 0;
    for (size_t i = *at; i < s.len; i++) {
        char c = s.ptr[i], next = i + 1 < s.len ? s.ptr[i + 1] : 0;
        if (depth == 0 && stop && c == stop) {
            *at = i;
            return true;
        }
        if (closing_quote(c)) {
            i = quoted_end(s, i);
            if (i == 0) return false;
            i--;
        } else if (c == '(') {
            depth++;
        } else if (c == ')') {
            if (--depth < 0) return false;
        } else if (c == 0 || c == ';' || (c == '-' && next == '-') || (c == '/' && next == '*')) {
            return false;
        }
    }
    *at = s.len;
    return !stop && depth == 0;
}

/* Cuts a last word off `text` when it is `word`: "name DESC". */
static bool cut_last_word(Str *text, Str *word)
{
    size_t start = text->len;
    while (start > 0 && is_name_char(text->ptr[start - 1]))
        start--;
    if (start == 0 || start == text->len) return false;
    if (!is_blank(text->ptr[start - 1]) && !strchr(")`\"]'", text->ptr[start - 1])) return false;
    *word = str_from_pos(*text, start);
    *text = str_trim(str_sub(*text, 0, start));
    return true;
}

static bool read_column(Str raw, IndexColumn *out)
{
    *out = (IndexColumn){.text = str_trim(raw)};
    Str rest = out->text, word;
    if (cut_last_word(&rest, &word) &&
        (str_eq_nocase(word, S("ASC")) || str_eq_nocase(word, S("DESC")))) {
        out->sort = word;
        out->text = rest;
    }
    rest = out->text;
    Str collate;
    if (cut_last_word(&rest, &collate) && cut_last_word(&rest, &word) &&
        str_eq_nocase(word, S("COLLATE"))) {
        out->collate = collate;
        out->text = rest;
    }
    Scan s = {.s = out->text};
    Str name;
    out->is_expression = !take_name(&s, &name) || s.at != out->text.len;
    if (!out->is_expression) out->text = name;
    return out->text.len > 0;
}

static bool read_columns(Arena *a, Str list, IndexParts *out)
{
    out->columns = arena_new(a, IndexColumn, INDEX_MAX_COLUMNS);
    for (size_t at = 0; at <= list.len;) {
        size_t end = at;
        bool last = !walk_sql(list, &end, ',');
        if (last) {
            end = at;
            if (!walk_sql(list, &end, 0)) return false;
        }
        if (out->column_count == INDEX_MAX_COLUMNS) return false;
        if (!read_column(str_sub(list, at, end - at), &out->columns[out->column_count++]))
            return false;
        if (last) return true;
        at = end + 1;
    }
    return false;
}

static bool read_head(Scan *s, IndexParts *out)
{
    if (!take_word(s, "CREATE")) return false;
    out->unique = take_word(s, "UNIQUE");
    if (!take_word(s, "INDEX")) return false;
    if (take_word(s, "IF")) {
        if (!take_word(s, "NOT") || !take_word(s, "EXISTS")) return false;
        out->if_not_exists = true;
    }
    if (!take_name(s, &out->name)) return false;
    if (take_char(s, '.')) {
        out->schema = out->name;
        if (!take_name(s, &out->name)) return false;
    }
    return take_word(s, "ON") && take_name(s, &out->table) && take_char(s, '(');
}

bool index_read(Arena *a, Str text, IndexParts *out)
{
    *out = (IndexParts){0};
    if (text.len > INDEX_MAX_BYTES) return false;
    text = str_trim(text);
    while (text.len > 0 && text.ptr[text.len - 1] == ';')
        text = str_trim(str_sub(text, 0, text.len - 1));

    Scan s = {.s = text};
    if (!read_head(&s, out)) return false;
    size_t end = s.at;
    if (!walk_sql(text, &end, ')')) return false;
    if (!read_columns(a, str_sub(text, s.at, end - s.at), out)) return false;

    s.at = end + 1;
    if (take_word(&s, "WHERE")) {
        end = s.at;
        if (!walk_sql(text, &end, 0)) return false;
        out->where = str_trim(str_from_pos(text, s.at));
        return out->where.len > 0;
    }
    skip_blanks(&s);
    return s.at == text.len;
}

static void write_name(Buf *out, Str name)
{
    buf_char(out, '`');
    buf_add(out, name);
    buf_char(out, '`');
}

static void write_column(Buf *out, const IndexColumn *column)
{
    if (column->is_expression)
        buf_add(out, column->text);
    else
        write_name(out, column->text);
    if (column->collate.len > 0) {
        buf_add(out, S(" COLLATE "));
        buf_add(out, column->collate);
    }
    if (column->sort.len > 0) {
        buf_char(out, ' ');
        buf_add(out, column->sort);
    }
}

Str index_write(Arena *a, const IndexParts *parts)
{
    Buf out = buf_new(a, 128);
    buf_add(&out, parts->unique ? S("CREATE UNIQUE INDEX ") : S("CREATE INDEX "));
    if (parts->if_not_exists) buf_add(&out, S("IF NOT EXISTS "));
    if (parts->schema.len > 0) {
        write_name(&out, parts->schema);
        buf_char(&out, '.');
    }
    write_name(&out, parts->name);
    buf_add(&out, S(" ON "));
    write_name(&out, parts->table);
    buf_add(&out, parts->column_count > 1 ? S(" (\n  ") : S(" ("));
    for (size_t i = 0; i < parts->column_count; i++) {
        if (i > 0) buf_add(&out, S(",\n  "));
        write_column(&out, &parts->columns[i]);
    }
    buf_add(&out, parts->column_count > 1 ? S("\n)") : S(")"));
    if (parts->where.len > 0) {
        buf_add(&out, S(" WHERE "));
        buf_add(&out, parts->where);
    }
    return buf_str(&out);
}

bool index_parse(Arena *a, Str text, Index *out)
{
    IndexParts parts;
    if (!index_read(a, text, &parts)) return false;

    *out = (Index){.name = parts.name,
                   .column_count = parts.column_count,
                   .unique = parts.unique,
                   .partial = parts.where.len > 0,
                   .text = text};
    out->columns = arena_new(a, Str, parts.column_count);
    out->is_expression = arena_new(a, bool, parts.column_count);
    for (size_t i = 0; i < parts.column_count; i++) {
        out->columns[i] = parts.columns[i].text;
        out->is_expression[i] = parts.columns[i].is_expression;
    }
    out->nocase = parts.column_count == 1 && str_eq_nocase(parts.columns[0].collate, S("NOCASE"));
    return true;
}

Str index_render(Arena *a, const Index *index, Str table)
{
    IndexParts parts;
    if (!index_read(a, index->text, &parts) || str_eq(parts.table, table)) return index->text;
    parts.table = table;
    return index_write(a, &parts);
}

void indexes_set(Arena *a, Collection *c, const Str *texts, size_t count)
{
    c->indexes = arena_new(a, Index, count + 2); /* room for the two of auth collections */
    c->index_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!index_parse(a, texts[i], &c->indexes[i])) c->indexes[i] = (Index){.text = texts[i]};
    }
}

bool indexes_have_unique(const Collection *c, Str column)
{
    for (size_t i = 0; i < c->index_count; i++) {
        const Index *x = &c->indexes[i];
        if (x->unique && x->column_count == 1 && !x->is_expression[0] &&
            str_eq_nocase(x->columns[0], column))
            return true;
    }
    return false;
}
