/* compress.h - gzip and brotli: which one a client wants, and doing it. */
#ifndef CROFT_HTTP_COMPRESS_H
#define CROFT_HTTP_COMPRESS_H

#include "base/base.h"

typedef enum { CODING_IDENTITY, CODING_GZIP, CODING_BROTLI } Coding;
#define CODINGS_MAX 2 /* besides identity */

/* Below this a response fits one packet anyhow. */
#define COMPRESS_MIN_BYTES 1024

/* The codings an Accept-Encoding value prefers to none at all, the best first;
 * brotli before gzip when it likes both the same (RFC 9110 §12.5.3). */
size_t codings_accepted(Str accept_encoding, Coding out[CODINGS_MAX]);

/* The name in Content-Encoding: "br", "gzip"; empty for identity. */
Str coding_name(Coding coding);

/* COMPRESS_FAST for what is sent once, COMPRESS_SMALL for what is kept. */
typedef enum { COMPRESS_FAST, COMPRESS_SMALL } CompressEffort;

/* Compresses into out[cap]; returns the length, 0 when it does not fit or no
 * memory was left: then the bytes go out as they are. */
size_t compress_bytes(Coding coding, CompressEffort effort, Str in, char *out, size_t cap);

#endif
