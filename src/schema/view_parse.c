/* view_parse.c - reads the query of a view as text: which columns it names and
 * which tables it takes them from (api: collections §7).
 *
 *     WITH … SELECT p.title AS t, count(*) total FROM posts p JOIN users u …
 *                   └ item ┘ └a┘  └ item ┘ └a┘        └table┘
 *
 * SQLite itself says which columns there are and whether the query holds; this
 * only finds out where they come from. What it does not understand becomes a
 * column of unknown origin, never an error. Refused is what must not get into
 * a CREATE VIEW: more than one statement, parentheses or quotes that would end
 * the text around the query, parameters, and columns written as "*".
 *
 * Words are cut as SQLite's tokenizer cuts them; the depth of a token counts
 * the parentheses around it, so a clause of the query itself is at depth 0. */
#include "schema/view_parse.h"

/* ---- tokens ---- */

typedef enum { TOKEN_WORD, TOKEN_QUOTED, TOKEN_STRING, TOKEN_NUMBER, TOKEN_SYMBOL } TokenKind;

typedef struct {
    TokenKind kind;
    Str text; /* names and strings without their quotes */
    int depth;
} Token;

typedef struct {
    Arena *a;
    Str s;
    size_t at;
    Token *tokens;
    size_t count, cap;
    int depth;
    const char *complaint;
} Lexer;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 128;
}

static bool is_name_char(char c)
{
    return is_name_start(c) || is_digit(c) || c == '$';
}

static char at_offset(const Lexer *x, size_t offset)
{
    return x->at + offset < x->s.len ? x->s.ptr[x->at + offset] : 0;
}

static void token_add(Lexer *x, TokenKind kind, Str text)
{
    if (x->count == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 64;
        Token *grown = arena_new(x->a, Token, cap);
        if (x->count > 0) memcpy(grown, x->tokens, x->count * sizeof *grown);
        x->tokens = grown;
        x->cap = cap;
    }
    x->tokens[x->count++] = (Token){kind, text, x->depth};
}

/* Blanks and comments. */
static void skip_blanks(Lexer *x)
{
    for (;;) {
        while (x->at < x->s.len && is_blank(x->s.ptr[x->at]))
            x->at++;
        if (at_offset(x, 0) == '-' && at_offset(x, 1) == '-') {
            ptrdiff_t end = str_find_char(str_from_pos(x->s, x->at), '\n');
            x->at = end < 0 ? x->s.len : x->at + (size_t)end;
        } else if (at_offset(x, 0) == '/' && at_offset(x, 1) == '*') {
            ptrdiff_t end = str_find(str_from_pos(x->s, x->at + 2), S("*/"));
            if (end < 0) x->complaint = "unterminated comment";
            x->at = end < 0 ? x->s.len : x->at + (size_t)end + 4;
        } else {
            return;
        }
    }
}

/* What stands in quotes, doubled ones undone; [names] have no doubled ones. */
static Str take_quoted(Lexer *x)
{
    char open = x->s.ptr[x->at], close = open == '[' ? ']' : open;
    Buf out = buf_new(x->a, 32);
    for (size_t i = x->at + 1; i < x->s.len; i++) {
        char c = x->s.ptr[i];
        if (c == close && open != '[' && i + 1 < x->s.len && x->s.ptr[i + 1] == close) {
            i++;
        } else if (c == close) {
            x->at = i + 1;
            return buf_str(&out);
        }
        buf_char(&out, c);
    }
    x->at = x->s.len;
    x->complaint = "unterminated quoted text";
    return (Str){0};
}

static Str take_while(Lexer *x, bool (*wanted)(char c))
{
    size_t start = x->at;
    while (x->at < x->s.len && wanted(x->s.ptr[x->at]))
        x->at++;
    return str_sub(x->s, start, x->at - start);
}

static bool is_number_char(char c)
{
    return is_name_char(c) || c == '.';
}

static void take_symbol(Lexer *x)
{
    char c = x->s.ptr[x->at];
    Str text = str_sub(x->s, x->at++, 1);
    if (c == ')' && --x->depth < 0) x->complaint = "unbalanced parentheses";
    token_add(x, TOKEN_SYMBOL, text);
    if (c == '(') x->depth++;
}

static void take_token(Lexer *x)
{
    char c = x->s.ptr[x->at];
    if (c == '\'') {
        token_add(x, TOKEN_STRING, take_quoted(x));
    } else if ((c == 'x' || c == 'X') && at_offset(x, 1) == '\'') {
        x->at++; /* a blob */
        token_add(x, TOKEN_NUMBER, take_quoted(x));
    } else if (c == '"' || c == '`' || c == '[') {
        token_add(x, TOKEN_QUOTED, take_quoted(x));
    } else if (is_name_start(c)) {
        token_add(x, TOKEN_WORD, take_while(x, is_name_char));
    } else if (is_digit(c) || (c == '.' && is_digit(at_offset(x, 1)))) {
        token_add(x, TOKEN_NUMBER, take_while(x, is_number_char));
    } else if (c == ';') {
        x->complaint = "multiple statements are not supported";
    } else if (c && strchr("?@:#$", c)) {
        x->complaint = "parameters are not allowed in views";
    } else if (c && strchr("()+-*/%<>=!&|~,.", c)) {
        take_symbol(x);
    } else {
        x->complaint = "unrecognized token";
    }
}

static void tokenize(Lexer *x)
{
    for (skip_blanks(x); x->at < x->s.len && !x->complaint; skip_blanks(x))
        take_token(x);
    if (!x->complaint && x->depth != 0) x->complaint = "unbalanced parentheses";
}

/* ---- looking at tokens ---- */

typedef struct {
    Arena *a;
    const Token *t;
    size_t count, at;
    Str *ctes; /* names that WITH gives */
    size_t cte_count;
    ViewQuery *out;
    const char *complaint;
} Parse;

static bool is_word(const Parse *p, size_t i, const char *word)
{
    return i < p->count && p->t[i].kind == TOKEN_WORD &&
           str_eq_nocase(p->t[i].text, str_from(word));
}

static bool is_one_of(const Parse *p, size_t i, const char *const *words, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (is_word(p, i, words[k])) return true;
    return false;
}

static bool is_symbol(const Parse *p, size_t i, char c)
{
    return i < p->count && p->t[i].kind == TOKEN_SYMBOL && p->t[i].text.ptr[0] == c;
}

static bool is_name(const Parse *p, size_t i)
{
    return i < p->count && (p->t[i].kind == TOKEN_WORD || p->t[i].kind == TOKEN_QUOTED);
}

/* The ')' of the '(' at `open`. There is one: the tokenizer counted. */
static size_t closing(const Parse *p, size_t open)
{
    size_t i = open + 1;
    while (i < p->count && !(is_symbol(p, i, ')') && p->t[i].depth == p->t[open].depth))
        i++;
    return i;
}

static bool is_clause_end(const Parse *p, size_t i)
{
    static const char *const WORDS[] = {"WHERE", "GROUP", "HAVING", "ORDER",
                                        "LIMIT", "UNION", "EXCEPT", "INTERSECT"};
    return i >= p->count || (p->t[i].depth == 0 && is_one_of(p, i, WORDS, COUNT(WORDS)));
}

/* FROM as a clause, not the one of "x IS DISTINCT FROM y". */
static bool is_from(const Parse *p, size_t i)
{
    if (i >= p->count || p->t[i].depth != 0 || !is_word(p, i, "FROM")) return false;
    return !(i >= 2 && is_word(p, i - 1, "DISTINCT") &&
             (is_word(p, i - 2, "IS") || is_word(p, i - 2, "NOT")));
}

/* ---- WITH ---- */

/* Past the common tables; false when it looks like nothing we know. */
static bool skip_with(Parse *p)
{
    if (!is_word(p, p->at, "WITH")) return true;
    p->at++;
    if (is_word(p, p->at, "RECURSIVE")) p->at++;
    p->ctes = arena_new(p->a, Str, p->count);
    for (;;) {
        if (!is_name(p, p->at)) return false;
        p->ctes[p->cte_count++] = p->t[p->at++].text;
        if (is_symbol(p, p->at, '(')) p->at = closing(p, p->at) + 1;
        if (!is_word(p, p->at, "AS")) return false;
        p->at++;
        if (is_word(p, p->at, "NOT")) p->at++;
        if (is_word(p, p->at, "MATERIALIZED")) p->at++;
        if (!is_symbol(p, p->at, '(')) return false;
        p->at = closing(p, p->at) + 1;
        if (!is_symbol(p, p->at, ',')) return true;
        p->at++;
    }
}

/* ---- items ---- */

/* Can a value end with this token, so that a name behind it is an alias? */
static bool ends_value(const Parse *p, size_t i)
{
    static const char *const OPERATORS[] = {"AND",    "OR",   "NOT",      "IS",     "IN",
                                            "LIKE",   "GLOB", "MATCH",    "REGEXP", "BETWEEN",
                                            "ESCAPE", "CASE", "WHEN",     "THEN",   "ELSE",
                                            "EXISTS", "FROM", "DISTINCT", "OVER",   "COLLATE"};
    if (p->t[i].kind == TOKEN_SYMBOL) return is_symbol(p, i, ')');
    return !is_one_of(p, i, OPERATORS, COUNT(OPERATORS));
}

static bool can_be_alias(const Parse *p, size_t i)
{
    static const char *const NEVER[] = {"END", "ISNULL", "NOTNULL", "NULL"};
    if (p->t[i].kind == TOKEN_WORD) return !is_one_of(p, i, NEVER, COUNT(NEVER));
    return p->t[i].kind == TOKEN_QUOTED || p->t[i].kind == TOKEN_STRING;
}

/* Cuts "AS name" or a bare name off the end of the item [start, *end). */
static Str take_alias(const Parse *p, size_t start, size_t *end)
{
    size_t n = *end - start, last = *end - 1;
    if (n < 2 || p->t[last].depth != 0 || !can_be_alias(p, last)) return (Str){0};
    if (n >= 3 && is_word(p, last - 1, "AS"))
        *end -= 2;
    else if (ends_value(p, last - 1))
        *end -= 1;
    else
        return (Str){0};
    return p->t[last].text;
}

/* [schema.]table.column or column. */
static bool read_column(const Parse *p, size_t start, size_t end, ViewItem *item)
{
    size_t n = end - start;
    if (n != 1 && n != 3 && n != 5) return false;
    for (size_t i = 0; i < n; i++) {
        bool right = i % 2 == 0 ? is_name(p, start + i) : is_symbol(p, start + i, '.');
        if (!right) return false;
    }
    item->kind = VIEW_COLUMN;
    item->column = p->t[end - 1].text;
    if (n >= 3) item->table = p->t[end - 3].text;
    if (item->alias.len == 0) item->alias = item->column;
    return true;
}

/* cast(… AS type), with a type of one word. */
static Str cast_type(const Parse *p, size_t close)
{
    bool plain = close >= 3 && p->t[close - 1].kind == TOKEN_WORD && is_word(p, close - 2, "AS");
    return plain ? p->t[close - 1].text : (Str){0};
}

static void read_call(const Parse *p, size_t start, size_t end, ViewItem *item)
{
    if (p->t[start].kind != TOKEN_WORD || !is_symbol(p, start + 1, '(')) return;
    size_t close = closing(p, start + 1);
    bool whole = close + 1 == end;
    bool window = is_word(p, close + 1, "OVER") || is_word(p, close + 1, "FILTER");
    bool computed = close + 1 < end && p->t[close + 1].kind == TOKEN_SYMBOL &&
                    strchr("+-*/%", p->t[close + 1].text.ptr[0]);
    if (is_word(p, start, "CAST") && whole) {
        item->kind = VIEW_CAST;
        item->cast = cast_type(p, close);
    } else if (is_word(p, start, "COUNT") && (whole || window)) {
        item->kind = VIEW_COUNT;
    } else if ((is_word(p, start, "TOTAL") && (whole || window)) ||
               ((is_word(p, start, "TOTAL") || is_word(p, start, "COUNT")) && computed)) {
        item->kind = VIEW_TOTAL;
    }
}

static void read_item(Parse *p, size_t start, size_t end, ViewItem *item)
{
    *item = (ViewItem){.kind = VIEW_OTHER};
    if (start >= end) return;
    if (is_symbol(p, end - 1, '*') && (end - start == 1 || is_symbol(p, end - 2, '.'))) {
        p->complaint = "wildcard columns (*) are not supported - manually type the collection "
                       "field names you want the view query to have";
        return;
    }
    item->alias = take_alias(p, start, &end);
    if (!read_column(p, start, end, item)) read_call(p, start, end, item);
}

/* From SELECT to the end of the list of columns. */
static bool read_items(Parse *p, ViewQuery *out)
{
    if (!is_word(p, p->at, "SELECT")) return false;
    p->at++;
    if (is_word(p, p->at, "DISTINCT") || is_word(p, p->at, "ALL")) p->at++;

    size_t commas = 0;
    for (size_t i = p->at; i < p->count; i++)
        commas += is_symbol(p, i, ',') && p->t[i].depth == 0;
    out->items = arena_new(p->a, ViewItem, commas + 1);
    for (size_t start = p->at;; start = ++p->at) {
        while (!is_clause_end(p, p->at) && !is_from(p, p->at) &&
               !(is_symbol(p, p->at, ',') && p->t[p->at].depth == 0))
            p->at++;
        read_item(p, start, p->at, &out->items[out->item_count++]);
        if (is_clause_end(p, p->at) || is_from(p, p->at)) return true;
    }
}

/* ---- tables ---- */

static bool is_common_table(const Parse *p, Str name)
{
    for (size_t i = 0; i < p->cte_count; i++)
        if (str_eq_nocase(p->ctes[i], name)) return true;
    return false;
}

static bool can_be_table_alias(const Parse *p, size_t i)
{
    static const char *const NEVER[] = {"ON",      "USING", "JOIN",  "LEFT",  "RIGHT",
                                        "FULL",    "INNER", "OUTER", "CROSS", "NATURAL",
                                        "INDEXED", "NOT",   "AS",    "WINDOW"};
    return is_name(p, i) && !is_clause_end(p, i) && !is_one_of(p, i, NEVER, COUNT(NEVER));
}

/* One table, subquery or function, with its alias. */
static void read_table(Parse *p, ViewTable *table)
{
    *table = (ViewTable){0};
    if (is_symbol(p, p->at, '(')) {
        p->at = closing(p, p->at) + 1;
    } else if (is_name(p, p->at)) {
        Str name = p->t[p->at++].text;
        bool qualified = is_symbol(p, p->at, '.') && is_name(p, p->at + 1);
        if (qualified) {
            name = p->t[p->at + 1].text;
            p->at += 2;
        }
        bool function = is_symbol(p, p->at, '(');
        if (function) p->at = closing(p, p->at) + 1;
        table->alias = name;
        if (!function && (qualified || !is_common_table(p, name))) table->name = name;
    }
    if (is_word(p, p->at, "AS")) p->at++;
    if (can_be_table_alias(p, p->at)) table->alias = p->t[p->at++].text;
}

static void read_tables(Parse *p)
{
    if (!is_from(p, p->at)) return;
    size_t most = 1;
    for (size_t i = p->at; i < p->count; i++)
        most += p->t[i].depth == 0 && (is_symbol(p, i, ',') || is_word(p, i, "JOIN"));
    p->out->tables = arena_new(p->a, ViewTable, most);
    do {
        p->at++;
        read_table(p, &p->out->tables[p->out->table_count++]);
        while (!is_clause_end(p, p->at) &&
               !(p->t[p->at].depth == 0 && (is_symbol(p, p->at, ',') || is_word(p, p->at, "JOIN"))))
            p->at++;
    } while (!is_clause_end(p, p->at));
}

/* UNION and the like: the columns of the parts have nothing in common but
 * their place, and none of them may be "*". */
static void read_compound(Parse *p)
{
    static const char *const WORDS[] = {"UNION", "EXCEPT", "INTERSECT"};
    for (; p->at < p->count; p->at++) {
        if (p->t[p->at].depth != 0 || !is_one_of(p, p->at, WORDS, COUNT(WORDS))) continue;
        p->out->is_compound = true;
        p->at++;
        if (is_word(p, p->at, "ALL")) p->at++;
        ViewQuery part = {0};
        if (read_items(p, &part)) p->at--; /* may end at the next UNION */
    }
}

/* ---- the whole ---- */

/* (SELECT …) as a whole in parentheses is the same query without. */
static void unwrap(Lexer *x)
{
    for (;;) {
        Parse p = {.t = x->tokens, .count = x->count};
        if (!is_symbol(&p, 0, '(') || closing(&p, 0) != x->count - 1) return;
        x->tokens++;
        x->count -= 2;
        for (size_t i = 0; i < x->count; i++)
            x->tokens[i].depth--;
    }
}

Str view_query_trim(Str query)
{
    for (;;) {
        Str before = query = str_trim(query);
        while (str_starts(query, S(";")))
            query = str_trim(str_from_pos(query, 1));
        while (str_ends(query, S(";")))
            query = str_trim(str_sub(query, 0, query.len - 1));
        if (query.len == before.len) return query;
    }
}

const char *view_parse(Arena *a, Str query, ViewQuery *out)
{
    *out = (ViewQuery){0};
    if (query.len > VIEW_QUERY_MAX_BYTES) return "the query is too long";
    Lexer x = {.a = a, .s = view_query_trim(query)};
    tokenize(&x);
    if (x.complaint) return x.complaint;

    unwrap(&x);
    Parse p = {.a = a, .t = x.tokens, .count = x.count, .out = out};
    out->is_query = is_word(&p, 0, "SELECT") || is_word(&p, 0, "WITH") || is_word(&p, 0, "VALUES");
    if (!skip_with(&p) || !read_items(&p, out)) return p.complaint;
    read_tables(&p);
    read_compound(&p);
    return p.complaint;
}

const ViewTable *view_table_of(const ViewQuery *q, const ViewItem *item)
{
    if (item->kind != VIEW_COLUMN || q->is_compound || q->table_count == 0) return NULL;
    if (item->table.len == 0) return &q->tables[0];
    for (size_t i = 0; i < q->table_count; i++)
        if (str_eq_nocase(q->tables[i].alias, item->table)) return &q->tables[i];
    return NULL;
}
