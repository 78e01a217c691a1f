/* outgoing_internal.h - what the files of outgoing/ share. */
#ifndef CROFT_OUTGOING_INTERNAL_H
#define CROFT_OUTGOING_INTERNAL_H

#include "outgoing/outgoing.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* An IPv4 address as the IPv6 address that stands for it (::ffff:a.b.c.d). */
typedef struct {
    uint8_t bytes[16];
} Address;

typedef struct {
    Address first;
    int bits; /* of the 128 that count */
} AddressRange;

bool address_parse(Str text, Address *out);
bool address_of_socket(const struct sockaddr *from, Address *out);
bool address_range_parse(Str text, AddressRange *out);
bool address_in(const Address *address, const AddressRange *range);
bool address_public(const Address *address);

/* What a thread of the pool keeps between transfers: open connections. Those
 * made under FETCH_PUBLIC_ONLY are kept apart, so that none to another kind of
 * address is ever taken over. */
typedef struct {
    CURLM *trusted, *public_only;
} Keep;

struct Outgoing {
    Workers *pool;
    Keep *keeps; /* one per thread of the pool */
    int keep_count;
    const char *ca_file; /* NULL: the system's */
    AddressRange *allow;
    size_t allow_count;
    _Atomic bool stopping;
};

/* Runs job(arg) in the pool when in a fiber, otherwise right here. */
MUST_CHECK Error *outgoing_run(Outgoing *o, Arena *a, void (*job)(void *arg), void *arg);

/* Runs one transfer to its end. `multi` NULL: on connections of its own. */
typedef enum { TRANSFER_DONE, TRANSFER_STOPPED, TRANSFER_NO_MEMORY } TransferEnd;
TransferEnd transfer_run(Outgoing *o, CURLM *multi, CURL *easy, bool ends_session, CURLcode *code);

/* The options that every transfer has. */
void transfer_prepare(const Outgoing *o, CURL *easy, char error_text[CURL_ERROR_SIZE]);

/* Error of status and code with a cause. */
Error *outgoing_error(Arena *a, int status, const char *code, Str message, Str cause);
Error *outgoing_stopped(Arena *a);

/* The usual reading of what libcurl says. */
Error *outgoing_curl_error(Arena *a, CURLcode code, const char *error_text, Str target);

/* The end of a text that is read back: at most `max` bytes, blanks trimmed. */
#define REPLY_BYTES_MAX 500

#endif
