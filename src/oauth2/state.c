/* state.c - what is remembered between requests: how a provider wants its
 * clients named, and names that Apple told with a code.
 *
 * Two small tables under one lock. Keys are keyed hashes; what does not fit
 * takes the place of something else, which costs a retry, or a name.
 */
#include "oauth2/oauth2_internal.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdlib.h>

#define STYLES       ((size_t)64)
#define NAMES        ((size_t)256)
#define NAME_BYTES   (4 * APPLE_NAME_LETTERS_MAX)
#define NAME_LIFE_MS UINT64_C(60000)
#define LEEWAY_S     300
#define LEEWAY_MAX_S 86400

typedef struct {
    uint64_t key; /* 0 = free */
    bool in_form;
} Style;

typedef struct {
    uint64_t key, until_ms;
    size_t len;
    char bytes[NAME_BYTES];
} Name;

struct OAuth2 {
    pthread_mutex_t lock;
    Style styles[STYLES];
    Name *names; /* untouched until the first name: no memory */
    int64_t leeway_s;
};

/* The variable is part of the contract (api: auth §7.2). */
static int64_t leeway_from_environment(void)
{
    const char *text = getenv("PB_ID_TOKEN_LEEWAY");
    int64_t seconds;
    if (!text || !str_to_i64(str_from(text), &seconds)) return LEEWAY_S;
    return MIN(MAX(seconds, 0), LEEWAY_MAX_S);
}

Error *oauth2_create(Arena *a, App *app, OAuth2 **out)
{
    OAuth2 *o = arena_new(a, OAuth2, 1);
    o->names = calloc(NAMES, sizeof(Name));
    if (!o->names) return error_cause(a, error_status(a, 500), "oauth2: no memory");
    pthread_mutex_init(&o->lock, NULL);
    o->leeway_s = leeway_from_environment();
    app->oauth2 = o;
    *out = o;
    return NULL;
}

void oauth2_destroy(OAuth2 *o)
{
    if (!o) return;
    pthread_mutex_destroy(&o->lock);
    free(o->names);
}

int64_t state_leeway_s(const OAuth2 *o)
{
    return o->leeway_s;
}

static uint64_t key_of(Str first, Str second)
{
    uint64_t parts[2] = {hash_bytes(first.ptr, first.len), hash_bytes(second.ptr, second.len)};
    return hash_bytes(parts, sizeof(parts)) | 1;
}

bool state_style_in_form(OAuth2 *o, Str token_url, Str client_id, bool *known)
{
    uint64_t key = key_of(token_url, client_id);
    pthread_mutex_lock(&o->lock);
    const Style *style = &o->styles[(key >> 1) % STYLES];
    *known = style->key == key;
    bool in_form = *known && style->in_form;
    pthread_mutex_unlock(&o->lock);
    return in_form;
}

void state_style_remember(OAuth2 *o, Str token_url, Str client_id, bool in_form)
{
    uint64_t key = key_of(token_url, client_id);
    pthread_mutex_lock(&o->lock);
    o->styles[(key >> 1) % STYLES] = (Style){key, in_form};
    pthread_mutex_unlock(&o->lock);
}

void state_name_put(OAuth2 *o, Str code, Str name)
{
    if (code.len == 0 || code.len > APPLE_CODE_BYTES_MAX || name.len == 0) return;
    if (utf8_length(name) > APPLE_NAME_LETTERS_MAX || name.len > NAME_BYTES) return;
    uint64_t key = key_of(code, S("apple"));
    pthread_mutex_lock(&o->lock);
    Name *slot = &o->names[(key >> 1) % NAMES];
    slot->key = key;
    slot->until_ms = clock_mono_ms() + NAME_LIFE_MS;
    slot->len = name.len;
    memcpy(slot->bytes, name.ptr, name.len);
    pthread_mutex_unlock(&o->lock);
}

Str state_name_take(OAuth2 *o, Arena *a, Str code)
{
    char name[NAME_BYTES] = ""; /* copied without the lock: no room in the arena ends the request */
    size_t len = 0;
    uint64_t key = key_of(code, S("apple"));
    pthread_mutex_lock(&o->lock);
    Name *slot = &o->names[(key >> 1) % NAMES];
    if (slot->key == key) {
        if (clock_mono_ms() < slot->until_ms) {
            len = slot->len;
            memcpy(name, slot->bytes, len);
        }
        slot->key = 0;
    }
    pthread_mutex_unlock(&o->lock);
    return arena_copy(a, str_make(name, len));
}
