/* control.c - both ends of control.sock. */
#include "app/control.h"

#include "app/command_backup.h"
#include "app/commands.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct Control {
    App *app;
    Str path;
    int listen_fd, stop_fd;
    pthread_t thread;
};

static Error *socket_address(Arena *a, Str path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path.len >= sizeof(out->sun_path))
        return error_new(a, 400,
                         str_printf(a, "The path %.*s is too long for a socket.", STR_ARG(path)));
    memcpy(out->sun_path, path.ptr, path.len);
    return NULL;
}

static void socket_timeouts(int fd)
{
    struct timeval time = {.tv_sec = CONTROL_TIMEOUT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/* Up to and without the newline; false when it is longer or never comes. */
static bool line_read(Arena *a, int fd, size_t max, Str *out)
{
    Buf line = buf_new(a, CONTROL_LINE_MAX);
    while (line.len < max) {
        size_t room = MIN(max - line.len, CONTROL_LINE_MAX);
        char *to = buf_reserve(&line, room);
        ssize_t n = recv(fd, to, room, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        const char *end = memchr(to, '\n', (size_t)n);
        if (end) {
            *out = str_make(line.ptr, line.len + (size_t)(end - to));
            return true;
        }
        line.len += (size_t)n;
    }
    return false;
}

static bool line_write(Arena *a, int fd, const Json *value)
{
    Str line = str_concat(a, json_format(a, value), S("\n"));
    while (line.len > 0) {
        ssize_t n = send(fd, line.ptr, line.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        line = str_from_pos(line, (size_t)n);
    }
    return true;
}

/* ---- the server's end ---- */

static Error *order_run(App *app, Arena *a, Str line, Str *message)
{
    Json *order;
    Error *err = json_parse(a, line, NULL, &order);
    if (err) return err;
    const Json *args = json_get(order, S("args"));
    Str words[COMMAND_ARGS_MAX];
    size_t count = MIN(json_count(args), (size_t)COMMAND_ARGS_MAX);
    for (size_t i = 0; i < count; i++)
        words[i] = json_str(json_at(args, i), S(""));
    Str command = json_str(json_get(order, S("command")), S(""));
    if (str_eq(command, S("backup")) || str_eq(command, S("restore")))
        return backup_command_run(app, a, command, words, count, message);
    if (!str_eq(command, S("superuser")))
        return error_new(a, 400, S("The running server does not know this command."));
    return superuser_command_run(app, a, words, count, message);
}

typedef struct {
    Control *control;
    Arena *arena;
    int fd;
} Client;

static Error *client_serve(void *arg)
{
    const Client *client = arg;
    Arena *a = client->arena;
    Str line, message = S("");
    if (!line_read(a, client->fd, CONTROL_LINE_MAX, &line)) return NULL;
    Error *err = order_run(client->control->app, a, line, &message);

    Json *answer = json_new_object(a);
    json_set_bool(a, answer, S("ok"), err == NULL);
    json_set_str(a, answer, S("message"), err ? error_for_people(a, err) : message);
    (void)line_write(a, client->fd, answer); /* gone already: its loss */
    return NULL;
}

static void *control_thread(void *arg)
{
    Control *control = arg;
    pthread_setname_np(pthread_self(), "control");
    struct pollfd polled[2] = {{.fd = control->listen_fd, .events = POLLIN},
                               {.fd = control->stop_fd, .events = POLLIN}};
    for (;;) {
        if (poll(polled, 2, -1) < 0 && errno != EINTR) break;
        if (polled[1].revents) break;
        int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        socket_timeouts(fd);
        Client client = {.control = control, .arena = arena_create("control", 0), .fd = fd};
        Error *err = arena_protect(client.arena, client_serve, &client);
        if (err) log_error("control", "a command failed", LOG_STR("cause", err->cause));
        arena_destroy(client.arena);
        close(fd);
    }
    return NULL;
}

static Error *control_listen(Arena *a, Control *control)
{
    struct sockaddr_un address;
    Error *err = socket_address(a, control->path, &address);
    if (err) return err;
    control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->listen_fd < 0) return error_errno(a, errno, "socket", control->path);
    (void)unlink(address.sun_path); /* of a server that was killed */
    /* The umask is 077, so the socket is its owner's from the start. */
    if (bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return error_errno(a, errno, "bind", control->path);
    if (chmod(address.sun_path, 0600) != 0) return error_errno(a, errno, "chmod", control->path);
    if (listen(control->listen_fd, 8) != 0) return error_errno(a, errno, "listen", control->path);
    return NULL;
}

Error *control_start(Arena *a, App *app, Str dir, Control **out)
{
    Control *control = arena_new(a, Control, 1);
    *control = (Control){
        .app = app, .path = str_concat(a, dir, S("/control.sock")), .listen_fd = -1, .stop_fd = -1};
    Error *err = control_listen(a, control);
    if (err) goto fail;
    control->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (control->stop_fd < 0) {
        err = error_errno(a, errno, "eventfd", S(""));
        goto fail;
    }
    int failed = pthread_create(&control->thread, NULL, control_thread, control);
    if (failed) {
        err = error_errno(a, failed, "pthread_create", S("control"));
        goto fail;
    }
    *out = control;
    return NULL;

fail:
    if (control->listen_fd >= 0) close(control->listen_fd);
    if (control->stop_fd >= 0) close(control->stop_fd);
    return err;
}

void control_stop(Control *control)
{
    if (!control) return;
    uint64_t one = 1;
    while (write(control->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    pthread_join(control->thread, NULL);
    close(control->listen_fd);
    close(control->stop_fd);
    struct sockaddr_un address = {0};
    memcpy(address.sun_path, control->path.ptr, control->path.len); /* fitted at the start */
    (void)unlink(address.sun_path);
}

/* ---- the command's end ---- */

static Error *exchange(Arena *a, int fd, const Json *order, Str *message)
{
    Str line;
    if (!line_write(a, fd, order) || !line_read(a, fd, CONTROL_ANSWER_MAX, &line))
        return error_new(a, 503, S("The server on this folder did not answer."));
    Json *answer;
    Error *err = json_parse(a, line, NULL, &answer);
    if (err) return err;
    Str said = json_str(json_get(answer, S("message")), S(""));
    if (!json_bool(json_get(answer, S("ok")), false)) return error_new(a, 400, said);
    *message = said;
    return NULL;
}

Error *control_ask(Arena *a, Str dir, Str command, const Str *args, size_t count, bool *answered,
                   Str *message)
{
    *answered = false;
    struct sockaddr_un address;
    if (socket_address(a, str_concat(a, dir, S("/control.sock")), &address)) return NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return error_errno(a, errno, "socket", dir);
    socket_timeouts(fd);
    Error *err = NULL;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        Json *words = json_new_array(a);
        for (size_t i = 0; i < count; i++)
            json_push(a, words, json_new_string(a, args[i]));
        Json *order = json_new_object(a);
        json_set_str(a, order, S("command"), command);
        json_set(a, order, S("args"), words);
        *answered = true;
        err = exchange(a, fd, order, message);
    }
    close(fd);
    return err;
}
