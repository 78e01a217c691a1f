/* body.h - what body.c and body_upload.c share. */
#ifndef CROFT_HTTP_BODY_H
#define CROFT_HTTP_BODY_H

#include "http/http_internal.h"

/* Uploads of one request on their way: into memory while small, then into
 * unnamed temporary files, written by the worker pool. */
typedef struct UploadSink UploadSink;

UploadSink *upload_sink_new(Arena *a, HttpServer *server);
MUST_CHECK Error *upload_begin(UploadSink *sink, Str field, Str file_name, Str content_type);
MUST_CHECK Error *upload_write(UploadSink *sink, Str bytes);
MUST_CHECK Error *upload_end(UploadSink *sink);
/* All of them, when the last one has ended. */
MUST_CHECK Error *upload_list(UploadSink *sink, Upload **list, size_t *count);

#endif
