/* render.c - what is said of a change: once for each kind of viewer.
 *
 * What a viewer sees of a record hangs on two things only, unless there is an
 * expand: is he a superuser, and is he shown the e-mail. So there are four
 * renderings of a record at most, made when first needed, and four frames of a
 * topic, shared by all who get them. */
#include "realtime/realtime_internal.h"

static const AuthInfo SUPERUSER = {.is_superuser = true};

static size_t kind_of(const Judgement *j)
{
    return (j->is_superuser ? 2u : 0u) + (j->email_shown ? 1u : 0u);
}

/* A line ends an event's data. Valid JSON has none but between its values, as
 * stored JSON may (a text of another program, imported). */
static void one_line(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] == '\n' || bytes[i] == '\r') bytes[i] = ' ';
}

static Str action_name(ChangeKind kind)
{
    return kind == CHANGE_CREATE ? S("create") : kind == CHANGE_UPDATE ? S("update") : S("delete");
}

/* {"record":{…},"action":"…"} */
static Str render_json(Arena *a, const Judgement *j, const Record *r, const FieldsPick *fields)
{
    const AuthInfo *viewer = j->is_superuser ? &SUPERUSER : NULL;
    Record shown = *r;
    shown.email_shown = j->email_shown;
    Buf out = buf_new(a, 1024);
    buf_add(&out, S("{\"record\":"));
    if (fields)
        json_write(&out, fields_apply(a, fields, record_to_json(a, &shown, viewer)));
    else
        record_write_json(&out, &shown, viewer);
    buf_add(&out, S(",\"action\":\""));
    buf_add(&out, action_name(j->td->d->change->kind));
    buf_add(&out, S("\"}"));
    return buf_str(&out);
}

static char *put(char *to, Str s)
{
    memcpy(to, s.ptr, s.len);
    return to + s.len;
}

HttpBytes *frame_new(Str topic, Str json)
{
    Str event = S("\nevent:"), data = S("\ndata:"), end = S("\n\n");
    HttpBytes *frame = http_bytes_new(event.len + topic.len + data.len + json.len + end.len);
    if (!frame) return NULL;
    char *to = put(put(put(frame->bytes, event), topic), data);
    one_line(put(to, json) - json.len, json.len);
    put(to + json.len, end);
    return frame;
}

bool frame_send(const Client *client, HttpBytes *frame)
{
    char id[3 + CLIENT_ID_BYTES];
    put(put(id, S("id:")), str_make(client->id, CLIENT_ID_BYTES));
    return http_stream_send(client->stream, str_make(id, sizeof(id)), frame);
}

HttpBytes *render_frame(const Judgement *j, const Record *expanded)
{
    TopicDelivery *td = j->td;
    Delivery *d = td->d;
    Arena *a = d->hub->eval;
    const FieldsPick *fields = td->topic->options ? td->topic->options->fields : NULL;
    Str topic = td->topic->node.key;
    if (expanded) return frame_new(topic, render_json(a, j, expanded, fields));

    size_t kind = kind_of(j);
    if (!td->frames[kind]) {
        Str json = d->json[kind];
        if (fields) json = render_json(a, j, &d->record, fields);
        if (!fields && json.len == 0)
            json = d->json[kind] = arena_copy(d->hub->scratch, render_json(a, j, &d->record, NULL));
        td->frames[kind] = frame_new(topic, json);
    }
    if (td->frames[kind]) td->frames[kind]->refs++;
    return td->frames[kind];
}
