/* sse_clients.c - many subscribers of one topic, and how long a change takes to
 * reach the last of them; or one client that asks small questions meanwhile.
 *
 *     sse_clients listen PORT TOPIC TOKENS       one subscriber for each line of TOKENS
 *         "ready" when all are subscribed; then for each line "PATH TOKEN BODY" on
 *         standard input one PATCH, and "answer_us last_us" of it: from sending it to
 *         its answer, and to the last subscriber's message
 *     sse_clients probe PORT PATH TOKEN MS       one GET after the other, with 1 ms between;
 *         "count p50_us p99_us max_us"
 *
 * bench/sse.py drives it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 60000
#define LINE_MAX    8192

static int port;
static int sockets[CLIENTS_MAX];
static size_t client_count;

static void die(const char *what)
{
    fprintf(stderr, "sse_clients: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0) die("send");
        bytes += n;
        len -= (size_t)n;
    }
}

/* Reads until `end` has come; what came is in `to`. */
static void read_until(int fd, char *to, size_t cap, const char *end)
{
    size_t len = 0;
    do {
        ssize_t n = recv(fd, to + len, cap - 1 - len, 0);
        if (n <= 0) die("the server closed");
        len += (size_t)n;
        to[len] = '\0';
    } while (!strstr(to, end));
}

/* One request on a kept connection; its status. The body is short. */
static int ask(int fd, const char *method, const char *path, const char *token, const char *body)
{
    static char text[2 * LINE_MAX], answer[2 * LINE_MAX];
    int len = snprintf(text, sizeof(text),
                       "%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                       method, path, token, strlen(body), body);
    send_all(fd, text, (size_t)len);
    read_until(fd, answer, sizeof(answer), "\r\n\r\n");
    int status = (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
    const char *length = strstr(answer, "Content-Length: ");
    size_t want = length ? strtoul(length + 16, NULL, 10) : 0;
    char *from = strstr(answer, "\r\n\r\n") + 4;
    size_t have = strlen(from);
    while (have < want) {
        ssize_t n = recv(fd, from + have, sizeof(answer) - (size_t)(from - answer) - have, 0);
        if (n <= 0) die("the answer was cut");
        have += (size_t)n;
    }
    return status;
}

static void subscribe(int control, const char *topic, const char *token)
{
    static const char GET[] = "GET /api/realtime HTTP/1.1\r\nHost: x\r\n\r\n";
    char text[4096], body[1024];
    int fd = dial();
    send_all(fd, GET, sizeof(GET) - 1);
    read_until(fd, text, sizeof(text), "\"}\n\n");
    char *id = strstr(text, "\nid:");
    if (!id) die("no client id");
    id[44] = '\0';
    snprintf(body, sizeof(body), "{\"clientId\":\"%s\",\"subscriptions\":[\"%s\"]}", id + 4, topic);
    int status = ask(control, "POST", "/api/realtime", token, body);
    if (status != 204) {
        fprintf(stderr, "sse_clients: subscribing gave %d\n", status);
        exit(1);
    }
    sockets[client_count++] = fd;
}

static void subscribe_all(const char *topic, const char *tokens)
{
    char line[LINE_MAX];
    FILE *file = fopen(tokens, "r");
    if (!file) die(tokens);
    int control = dial();
    while (fgets(line, sizeof(line), file) && client_count < CLIENTS_MAX) {
        line[strcspn(line, "\n")] = '\0';
        subscribe(control, topic, line);
    }
    close(control);
    fclose(file);
}

/* What is left of an earlier end of message is a chunk's "\r\n"; a whole message
 * ends in "\n\n\r\n". Messages here fit one segment. */
static size_t take_message(int fd)
{
    char bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n <= 0 && errno != EAGAIN) die("a subscriber was cut off");
    if (n < 4) return 0;
    return memcmp(bytes + n - 4, "\n\n\r\n", 4) == 0;
}

static void change(int poll, int control, char *line)
{
    char *path = strtok_r(line, " ", &line), *token = strtok_r(line, " ", &line);
    char *body = strtok_r(line, "\n", &line);
    if (!path || !token || !body) die("expected PATH TOKEN BODY");
    struct epoll_event events[256];
    size_t heard = 0;
    uint64_t began = now_us(), answered = 0;
    if (ask(control, "PATCH", path, token, body) != 200) die("the change was refused");
    answered = now_us();
    while (heard < client_count) {
        int n = epoll_wait(poll, events, 256, 5000);
        if (n == 0) die("a subscriber heard nothing within 5 s");
        for (int i = 0; i < n; i++)
            heard += take_message(events[i].data.fd);
    }
    printf("%llu %llu\n", (unsigned long long)(answered - began),
           (unsigned long long)(now_us() - began));
    fflush(stdout);
}

static int listen_main(char **argv)
{
    subscribe_all(argv[3], argv[4]);
    int poll = epoll_create1(EPOLL_CLOEXEC), control = dial();
    for (size_t i = 0; i < client_count; i++) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.fd = sockets[i]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, sockets[i], &e) != 0) die("epoll");
    }
    printf("ready\n");
    fflush(stdout);
    char line[LINE_MAX];
    while (fgets(line, sizeof(line), stdin))
        change(poll, control, line);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int probe_main(char **argv)
{
    static uint32_t took[1000000];
    size_t count = 0;
    uint64_t until = now_us() + strtoull(argv[5], NULL, 10) * 1000;
    int fd = dial();
    while (now_us() < until && count < sizeof(took) / sizeof(took[0])) {
        uint64_t began = now_us();
        if (ask(fd, "GET", argv[3], argv[4], "") != 200) die("the probe was refused");
        took[count++] = (uint32_t)(now_us() - began);
        usleep(1000);
    }
    qsort(took, count, sizeof(took[0]), by_value);
    printf("%zu %u %u %u\n", count, took[count / 2], took[count * 99 / 100], took[count - 1]);
    return 0;
}

int main(int argc, char **argv)
{
    bool listens = argc == 5 && strcmp(argv[1], "listen") == 0;
    bool probes = argc == 6 && strcmp(argv[1], "probe") == 0;
    if (!listens && !probes) {
        fprintf(stderr, "usage: sse_clients listen PORT TOPIC TOKENS | probe PORT PATH TOKEN MS\n");
        return 2;
    }
    port = (int)strtol(argv[2], NULL, 10);
    return listens ? listen_main(argv) : probe_main(argv);
}
