/* fuzz_image_messages.c - what an image process that was taken over might send.
 *
 * The bytes are read as a request, as an answer and as the beginning of a picture.
 * Properties: whatever is accepted has every value in its range and a text that
 * ends, and is accepted again as it stands. So that more is accepted than luck
 * would bring, the magic of each is set when the first byte is odd. */
#include "images/images_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_request(const uint8_t *data, size_t size, bool help)
{
    char bytes[sizeof(ImageRequest) + 1] = {0};
    size_t len = MIN(size, sizeof(bytes));
    memcpy(bytes, data, len);
    ImageRequest good, r, again;
    ImageSize any = {1, 1, IMAGE_FIT};
    image_request_make(&good, 1, &any, IMAGE_PNG);
    if (help) memcpy(bytes, &good, sizeof(good.magic));
    if (!image_request_read(bytes, len, &r)) return;
    assert(len == sizeof(r));
    assert(r.format <= IMAGE_GIF && r.size.fit <= IMAGE_FIT && r.id != 0);
    assert(r.size.width <= IMAGE_SIDE_MAX && r.size.height <= IMAGE_SIDE_MAX);
    bool ok = image_request_read(&r, sizeof(r), &again);
    assert(ok);
}

static void as_answer(const uint8_t *data, size_t size, bool help)
{
    char bytes[sizeof(ImageAnswer) + 1] = {0};
    size_t len = MIN(size, sizeof(bytes));
    memcpy(bytes, data, len);
    ImageAnswer good, r, again;
    image_answer_make(&good, 1, IMAGE_REFUSED, "");
    if (help) memcpy(bytes, &good, sizeof(good.magic));
    if (!image_answer_read(bytes, len, &r)) return;
    assert(len == sizeof(r));
    assert(r.status <= IMAGE_UNAVAILABLE);
    assert(strnlen(r.text, sizeof(r.text)) < sizeof(r.text));
    assert(r.status != IMAGE_DONE || (r.size_bytes > 0 && r.size_bytes <= IMAGE_OUTPUT_MAX_BYTES));
    bool ok = image_answer_read(&r, sizeof(r), &again);
    assert(ok);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    bool help = data[0] & 1;
    data++;
    size--;
    as_request(data, size, help);
    as_answer(data, size, help);
    Str bytes = str_make((const char *)data, size);
    int formats = 0;
    for (int format = IMAGE_JPEG; format <= IMAGE_GIF; format++)
        formats += image_format_matches((ImageFormat)format, bytes);
    assert(formats <= 1);
    return 0;
}
