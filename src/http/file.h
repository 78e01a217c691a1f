/* file.h - answering with bytes that have a validator: from a descriptor, or
 * from memory as the static files' cache holds them. */
#ifndef CROFT_HTTP_FILE_H
#define CROFT_HTTP_FILE_H

#include "http/http_internal.h"

typedef struct {
    int fd;       /* or -1: `read`, when there is one, or else `memory` */
    ResRead read; /* see ResFile */
    void *read_arg;
    Str memory;
    uint64_t size_bytes;
    int64_t modified_ms; /* 0 = unknown */
    Str last_modified;   /* modified_ms as text; empty = to be written */
    Str etag;            /* with its quotes; empty = none */
    Str content_type;
    Str content_encoding; /* an encoded file has no ranges */
} FileBody;

/* Answers conditional requests and ranges; whoever calls has set what other
 * headers there are. Everything it names must live until the arena's reset. */
Error *file_answer(Res *res, const FileBody *file);

#endif
