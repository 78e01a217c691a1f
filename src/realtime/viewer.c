/* viewer.c - who hears: one Viewer for all connections of an auth record. */
#include "realtime/realtime_internal.h"

#include <stdlib.h>

Str viewer_key(char *space, size_t size, Str collection_id, Str id)
{
    if (collection_id.len + 1 + id.len > size) return S("");
    memcpy(space, collection_id.ptr, collection_id.len);
    space[collection_id.len] = '/';
    memcpy(space + collection_id.len + 1, id.ptr, id.len);
    return str_make(space, collection_id.len + 1 + id.len);
}

static Str put_text(char **at, Str text)
{
    char *start = *at;
    if (text.len > 0) memcpy(start, text.ptr, text.len);
    *at += text.len;
    return str_make(start, text.len);
}

bool viewer_set(Viewer *v, const AuthInfo *auth, Str token_key, Str secret)
{
    char *text = malloc(auth->id.len + auth->email.len + auth->collection_id.len +
                        auth->collection_name.len + token_key.len + secret.len + 1);
    if (!text) return false;
    char *at = text;
    AuthInfo copy = *auth;
    copy.collection = NULL;
    copy.id = put_text(&at, auth->id);
    copy.email = put_text(&at, auth->email);
    copy.collection_id = put_text(&at, auth->collection_id);
    copy.collection_name = put_text(&at, auth->collection_name);
    v->token_key = put_text(&at, token_key);
    v->secret = put_text(&at, secret);
    free(v->text);
    v->text = text;
    v->auth = copy;
    return true;
}

Viewer *viewer_new(Str key, const AuthInfo *auth, Str token_key, Str secret)
{
    Viewer *v = calloc(1, sizeof(Viewer) + key.len);
    if (!v) return NULL;
    v->refs = 1;
    if (!viewer_set(v, auth, token_key, secret)) {
        free(v);
        return NULL;
    }
    memcpy(v->key, key.ptr, key.len);
    return v;
}

void viewer_release(Viewer *v)
{
    if (--v->refs > 0) return;
    http_bytes_release(v->frame);
    free(v->text);
    free(v);
}
