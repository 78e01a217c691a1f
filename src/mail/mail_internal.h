/* mail_internal.h - what the files of mail/ share. */
#ifndef CROFT_MAIL_INTERNAL_H
#define CROFT_MAIL_INTERNAL_H

#include "mail/mail.h"

struct Mailer {
    App *app;
    Outgoing *outgoing;
};

/* template.c */
typedef struct {
    Str name; /* "TOKEN" */
    Str value;
    bool escape; /* for HTML */
} Placeholder;

/* `text` with {NAME} and {RECORD:field} replaced; what is unknown or hidden stays.
 * Values are not looked into again. `record` may be NULL. */
Str template_fill(Arena *a, Str text, const Placeholder *list, size_t count, const Record *record);
/* The whole document around a filled body. */
Str template_layout(Arena *a, Str body);

/* html_text.c: the text/plain part of an HTML mail (api: mail §4), CRLF lines. */
Str mail_html_text(Arena *a, Str html);

/* mime.c */
typedef struct {
    Str from_name, from_address;
    Str to;
    Str subject;
    Str html;
    Str message_id; /* "<…@…>" */
    int64_t date_ms;
    bool html_only; /* for sendmail */
} Message;

/* The message as it travels: CRLF lines of at most 76 characters, ASCII only. With
 * html_only lines end in LF, as programs expect that read from standard input. */
Str message_format(Arena *a, const Message *m);
/* "text" or encoded words (RFC 2047), folded. `column`: where it begins. */
void header_text(Buf *out, Str text, size_t column);
void quoted_printable(Buf *out, Str text);
Str message_id_new(Arena *a, Str sender_address);

#endif
