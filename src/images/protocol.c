/* protocol.c - the messages between worker, keeper and child. */
#include "images/images_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAGIC 0x71676d69u
#define ANSWER_MAGIC  0x61676d69u
#define FDS_MAX       2

void image_request_make(ImageRequest *out, uint64_t id, const ImageSize *size, ImageFormat format)
{
    memset(out, 0, sizeof(*out));
    out->magic = REQUEST_MAGIC;
    out->format = format;
    out->size = *size;
    out->id = id;
}

void image_answer_make(ImageAnswer *out, uint64_t id, ImageStatus status, const char *text)
{
    memset(out, 0, sizeof(*out));
    out->magic = ANSWER_MAGIC;
    out->status = status;
    out->id = id;
    (void)snprintf(out->text, sizeof(out->text), "%s", text);
}

bool image_request_read(const void *bytes, size_t len, ImageRequest *out)
{
    ImageRequest r;
    if (len != sizeof(r)) return false;
    memcpy(&r, bytes, sizeof(r));
    if (r.magic != REQUEST_MAGIC || r.format > IMAGE_GIF || r.id == 0) return false;
    uint32_t fit; /* an enum out of its range must not be read as one */
    memcpy(&fit, &r.size.fit, sizeof(fit));
    if (fit > IMAGE_FIT) return false;
    if (r.size.width > IMAGE_SIDE_MAX || r.size.height > IMAGE_SIDE_MAX) return false;
    if (r.size.width == 0 && r.size.height == 0) return false;
    *out = r;
    return true;
}

bool image_answer_read(const void *bytes, size_t len, ImageAnswer *out)
{
    ImageAnswer r;
    if (len != sizeof(r)) return false;
    memcpy(&r, bytes, sizeof(r));
    if (r.magic != ANSWER_MAGIC || r.status > IMAGE_UNAVAILABLE) return false;
    if (!memchr(r.text, 0, sizeof(r.text))) return false;
    bool has_bytes = r.size_bytes > 0 && r.size_bytes <= IMAGE_OUTPUT_MAX_BYTES;
    if (r.status == IMAGE_DONE && !has_bytes) return false;
    *out = r;
    return true;
}

bool image_format_matches(ImageFormat format, Str bytes)
{
    if (format == IMAGE_JPEG) return str_starts(bytes, S("\xff\xd8\xff"));
    if (format == IMAGE_GIF) return str_starts(bytes, S("GIF8"));
    return str_starts(bytes, S("\x89PNG\r\n\x1a\n"));
}

/* ---- sockets ---- */

typedef union {
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    struct cmsghdr aligned;
} Control;

bool image_send(int socket, const void *bytes, size_t len, const int *fds, int fd_count)
{
    assert(fd_count <= FDS_MAX);
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    Control control;
    memset(&control, 0, sizeof(control));
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE((size_t)fd_count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)fd_count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, (size_t)fd_count * sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

/* The descriptors that came with a message; the kernel has opened them already. */
static int fds_take(struct msghdr *message, int fds[FDS_MAX])
{
    int count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && count < FDS_MAX; i++)
            memcpy(&fds[count++], CMSG_DATA(h) + i * sizeof(int), sizeof(int));
    }
    return count;
}

ptrdiff_t image_receive(int socket, void *bytes, size_t size, int *fds, int fd_count, bool wait)
{
    struct iovec part = {bytes, size};
    Control control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (n < 0 && errno == EINTR);
    if (n < 0) return -1;

    int got[FDS_MAX];
    int count = fds_take(&message, got);
    bool is_cut = message.msg_flags & (MSG_CTRUNC | MSG_TRUNC);
    if (n > 0 && (is_cut || count != fd_count)) {
        for (int i = 0; i < count; i++)
            close(got[i]);
        errno = EBADMSG;
        return -1;
    }
    for (int i = 0; i < count && n > 0; i++)
        fds[i] = got[i];
    return n;
}
