/* multipart.c - multipart/form-data, read as it arrives.
 *
 *             whole delimiter            CRLF              CRLF CRLF
 *     CONTENT ───────────────▶ BOUNDARY ──────▶ HEAD ───────────────▶ CONTENT
 *        ▲                        │ "--"
 *        └── something else ──────┤
 *                                 └──────────▶ EPILOGUE
 *
 * The delimiter is CRLF, "--" and the boundary. Its CR occurs at its start only
 * (a boundary has none), so a match that fails can start again nowhere but at
 * the byte that broke it: no table, no looking back.
 *
 * Two CRLF before a delimiter may be no content: that of the blank line behind
 * a part's head, and the one before the very first delimiter, which need not be
 * there. They count as matched already, and `implied` says that they are not to
 * be given out when the match fails.
 */
#include "http/multipart.h"

#define DELIMITER_MAX (4 + MULTIPART_BOUNDARY_MAX)
#define IMPLIED_CRLF  2
#define PADDING_MAX   64 /* blanks behind a delimiter */

typedef enum {
    STATE_CONTENT,       /* preamble or a part's bytes */
    STATE_BOUNDARY,      /* behind a whole delimiter */
    STATE_BOUNDARY_DASH, /* and one '-' */
    STATE_PADDING,       /* and blanks */
    STATE_BOUNDARY_CR,   /* and CR */
    STATE_HEAD,
    STATE_EPILOGUE
} State;

struct Multipart {
    Arena *arena;
    MultipartEvents events;
    void *arg;
    State state;
    bool in_part;
    char delimiter[DELIMITER_MAX];
    size_t delimiter_len;
    size_t matched; /* bytes of the delimiter seen */
    size_t implied; /* the first of them that are no content */
    size_t padding;
    size_t head_len;
    char head[MULTIPART_HEAD_MAX];
};

Error *bad_body(Arena *a, const char *why)
{
    return error_cause(a, error_status(a, 400), "body: %s", why);
}

static Error *emit(Multipart *m, Str bytes)
{
    if (!m->in_part || bytes.len == 0) return NULL;
    return m->events.part_data(m->arg, bytes);
}

/* The match failed: what was matched is content. */
static Error *give_back(Multipart *m)
{
    Str bytes = str_make(m->delimiter + m->implied, m->matched - m->implied);
    m->matched = 0;
    m->implied = 0;
    m->state = STATE_CONTENT;
    return emit(m, bytes);
}

/* How many bytes at the end of `text` may be the start of a delimiter. */
static size_t partial_match(const Multipart *m, Str text)
{
    size_t longest = MIN(text.len, m->delimiter_len - 1);
    const char *tail = text.ptr + text.len - longest;
    const char *cr = memrchr(tail, '\r', longest);
    if (!cr) return 0;
    size_t len = (size_t)(text.ptr + text.len - cr);
    return memcmp(cr, m->delimiter, len) == 0 ? len : 0;
}

/* Goes on with a match that an earlier piece began. */
static Error *continue_match(Multipart *m, Str *rest)
{
    while (m->matched > 0 && rest->len > 0) {
        if (rest->ptr[0] != m->delimiter[m->matched]) return give_back(m);
        *rest = str_from_pos(*rest, 1);
        m->matched++;
        if (m->matched < m->delimiter_len) continue;
        m->state = STATE_BOUNDARY;
        return NULL;
    }
    return NULL;
}

static Error *feed_content(Multipart *m, Str *rest)
{
    Error *err = continue_match(m, rest);
    if (err || m->state != STATE_CONTENT || rest->len == 0) return err;

    const char *found = memmem(rest->ptr, rest->len, m->delimiter, m->delimiter_len);
    if (found) {
        Str content = str_sub(*rest, 0, (size_t)(found - rest->ptr));
        *rest = str_from_pos(*rest, content.len + m->delimiter_len);
        m->matched = m->delimiter_len;
        m->state = STATE_BOUNDARY;
        return emit(m, content);
    }
    m->matched = partial_match(m, *rest);
    Str content = str_sub(*rest, 0, rest->len - m->matched);
    *rest = (Str){0};
    return emit(m, content);
}

/* It was a delimiter: the part before it is complete. */
static Error *end_part(Multipart *m, State next)
{
    bool had_part = m->in_part;
    m->state = next;
    m->in_part = false;
    m->matched = 0;
    m->implied = 0;
    m->padding = 0;
    m->head_len = 0;
    return had_part ? m->events.part_end(m->arg) : NULL;
}

/* One byte behind "CRLF--boundary". */
static Error *feed_boundary(Multipart *m, Str *rest)
{
    char c = rest->ptr[0];
    if (c == '\n') return bad_body(m->arena, "a bare LF behind a multipart delimiter");
    if (c == '-') {
        m->state = STATE_BOUNDARY_DASH;
    } else if (c == '\r') {
        m->state = STATE_BOUNDARY_CR;
    } else if (c == ' ' || c == '\t') {
        m->state = STATE_PADDING;
    } else {
        return give_back(m); /* "--xyzzy" */
    }
    *rest = str_from_pos(*rest, 1);
    return NULL;
}

static Error *feed_dash(Multipart *m, Str *rest)
{
    if (rest->ptr[0] == '-') {
        *rest = str_from_pos(*rest, 1);
        return end_part(m, STATE_EPILOGUE);
    }
    Error *err = give_back(m); /* "--xyz-z" */
    if (err) return err;
    return emit(m, S("-"));
}

static Error *feed_padding(Multipart *m, Str *rest)
{
    char c = rest->ptr[0];
    *rest = str_from_pos(*rest, 1);
    bool is_blank = c == ' ' || c == '\t';
    if (is_blank && ++m->padding < PADDING_MAX) return NULL;
    if (c != '\r') return bad_body(m->arena, "text behind a multipart delimiter");
    m->state = STATE_BOUNDARY_CR;
    return NULL;
}

static Error *feed_boundary_cr(Multipart *m, Str *rest)
{
    if (rest->ptr[0] != '\n') return bad_body(m->arena, "a bare CR behind a multipart delimiter");
    *rest = str_from_pos(*rest, 1);
    return end_part(m, STATE_HEAD);
}

static bool head_is_complete(const Multipart *m)
{
    Str head = str_make(m->head, m->head_len);
    return str_eq(head, S("\r\n")) || str_ends(head, S("\r\n\r\n"));
}

static Error *feed_head(Multipart *m, Str *rest)
{
    while (rest->len > 0) {
        if (m->head_len == sizeof(m->head)) return bad_body(m->arena, "a part's head is too long");
        m->head[m->head_len++] = rest->ptr[0];
        *rest = str_from_pos(*rest, 1);
        if (m->head[m->head_len - 1] == '\n' && head_is_complete(m)) break;
    }
    if (!head_is_complete(m)) return NULL;

    Str lines = arena_copy(m->arena, str_make(m->head, m->head_len - 2));
    PartHead head;
    Error *err = multipart_parse_head(m->arena, lines, &head);
    if (err) return err;
    m->state = STATE_CONTENT;
    m->in_part = true;
    m->matched = IMPLIED_CRLF;
    m->implied = IMPLIED_CRLF;
    return m->events.part_begin(m->arg, &head);
}

Error *multipart_feed(Multipart *m, Str piece)
{
    Error *err = NULL;
    while (piece.len > 0 && !err) {
        switch (m->state) {
        case STATE_CONTENT:
            err = feed_content(m, &piece);
            break;
        case STATE_BOUNDARY:
            err = feed_boundary(m, &piece);
            break;
        case STATE_BOUNDARY_DASH:
            err = feed_dash(m, &piece);
            break;
        case STATE_PADDING:
            err = feed_padding(m, &piece);
            break;
        case STATE_BOUNDARY_CR:
            err = feed_boundary_cr(m, &piece);
            break;
        case STATE_HEAD:
            err = feed_head(m, &piece);
            break;
        case STATE_EPILOGUE:
            return NULL;
        }
    }
    return err;
}

Error *multipart_finish(Multipart *m)
{
    return m->state == STATE_EPILOGUE ? NULL : bad_body(m->arena, "multipart body is cut short");
}

Multipart *multipart_new(Arena *a, Str boundary, const MultipartEvents *events, void *arg)
{
    assert(boundary.len > 0 && boundary.len <= MULTIPART_BOUNDARY_MAX);
    Multipart *m = arena_new(a, Multipart, 1);
    m->arena = a;
    m->events = *events;
    m->arg = arg;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.ptr, boundary.len);
    m->delimiter_len = 4 + boundary.len;
    m->matched = IMPLIED_CRLF;
    m->implied = IMPLIED_CRLF;
    return m;
}
