/* hello_uv.c - the least a libuv server can do: the yardstick of hello_http.
 *
 * Reads into one shared buffer, takes every read for one request, answers with
 * fixed bytes of the same size as hello_http's by uv_try_write.
 *
 *     hello_uv [port]
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static char read_buffer[65536];
static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-XSS-Protection: 1; mode=block\r\n"
    "X-Content-Type-Options: nosniff\r\nX-Frame-Options: SAMEORIGIN\r\nVary: Origin\r\n"
    "Content-Type: application/json\r\nContent-Length: 31\r\n\r\n"
    "{\"message\":\"hello\",\"code\":200}\n";

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    *buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    if (n < 0) {
        uv_close((uv_handle_t *)stream, on_closed);
        return;
    }
    uv_buf_t out = uv_buf_init((char *)(uintptr_t)ANSWER, sizeof(ANSWER) - 1);
    if (n > 0) uv_try_write(stream, &out, 1);
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *client = calloc(1, sizeof(*client));
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) != 0) return;
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, on_alloc, on_read);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    struct sockaddr_in address;
    uv_tcp_init(loop, &listener);
    uv_ip4_addr("127.0.0.1", argc > 1 ? (int)strtol(argv[1], NULL, 10) : 8092, &address);
    uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&listener, 511, on_connection) != 0) return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}
