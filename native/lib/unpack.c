/* Streams of zlib and liblzma, within the decoder's memory. */
#include "decoder.h"

#include <lzma.h>
#include <string.h>
#include <zlib.h>

#define LEAST_DICTIONARY ((size_t)4096)
#define ROWS_DICTIONARY ((size_t)1 << 22)
#define SECTION_DICTIONARY ((size_t)1 << 20)
#define FILE_DICTIONARY ((size_t)1 << 24)
/* What a section is unpacked to at first, in its own size. */
#define FIRST_GUESS 4

enum form { PLAIN, DEFLATED, LZMA };

static voidpf take_for_zlib(voidpf budget, uInt count, uInt size) { return nlc_get(budget, count, size); }
static void give_for_zlib(voidpf budget, voidpf memory) {
    (void)budget;
    nlc_put(memory);
}

static void *LZMA_API_CALL take_for_lzma(void *budget, size_t count, size_t size) {
    return nlc_get(budget, count, size);
}
static void LZMA_API_CALL give_for_lzma(void *budget, void *memory) {
    (void)budget;
    nlc_put(memory);
}

/* A stream that is unpacked: of `form`, between two pairs of pointers. */
typedef struct {
    enum form form;
    z_stream zlib;
    lzma_stream lzma;
    lzma_allocator allocator;
} stream;

/* Begin a stream; output never reaches back further than `most` bytes, which is what it may have. */
static int begin(nelloc_decoder *d, stream *s, enum form form, size_t dictionary, size_t most) {
    memset(s, 0, sizeof *s);
    s->form = form;
    if (form == DEFLATED) {
        s->zlib.zalloc = take_for_zlib;
        s->zlib.zfree = give_for_zlib;
        s->zlib.opaque = &d->budget;
        return inflateInit2(&s->zlib, -15) == Z_OK ? NELLOC_OK : nlc_fail_for_memory(d);
    }
    const lzma_stream empty = LZMA_STREAM_INIT;
    s->lzma = empty;
    s->allocator.alloc = take_for_lzma;
    s->allocator.free = give_for_lzma;
    s->allocator.opaque = &d->budget;
    s->lzma.allocator = &s->allocator;
    lzma_options_lzma options;
    memset(&options, 0, sizeof options);
    dictionary = dictionary < most ? dictionary : most;
    options.dict_size = (uint32_t)(dictionary < LEAST_DICTIONARY ? LEAST_DICTIONARY : dictionary);
    const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    return lzma_raw_decoder(&s->lzma, filters) == LZMA_OK ? NELLOC_OK : nlc_fail_for_memory(d);
}

static void end(stream *s) {
    if (s->form == DEFLATED)
        inflateEnd(&s->zlib);
    else
        lzma_end(&s->lzma);
}

/* What a part of a stream came to. */
enum outcome { MORE, DONE, WRONG, NO_MEMORY };

static enum outcome inflate_part(stream *s, const uint8_t **data, size_t *left, uint8_t **out, size_t *room) {
    z_stream *z = &s->zlib;
    for (;;) { /* counts of zlib may be narrower than sizes */
        const uInt given = *left > (1u << 30) ? 1u << 30 : (uInt)*left;
        const uInt wanted = *room > (1u << 30) ? 1u << 30 : (uInt)*room;
        z->next_in = (z_const Bytef *)(uintptr_t)*data;
        z->avail_in = given;
        z->next_out = *out;
        z->avail_out = wanted;
        const int status = inflate(z, Z_NO_FLUSH);
        const size_t read = given - z->avail_in, written = wanted - z->avail_out;
        *data += read;
        *left -= read;
        *out += written;
        *room -= written;
        if (status == Z_STREAM_END)
            return DONE;
        if (status == Z_MEM_ERROR)
            return NO_MEMORY;
        if (status != Z_OK && status != Z_BUF_ERROR)
            return WRONG;
        if (!read && !written)
            return MORE;
    }
}

/* Unpack from `data` to `out`, and move both as far as that goes. */
static enum outcome unpack_part(stream *s, const uint8_t **data, size_t *left, uint8_t **out, size_t *room) {
    if (s->form == DEFLATED)
        return inflate_part(s, data, left, out, room);
    s->lzma.next_in = *data;
    s->lzma.avail_in = *left;
    s->lzma.next_out = *out;
    s->lzma.avail_out = *room;
    lzma_ret status = LZMA_OK;
    for (size_t before = SIZE_MAX; status == LZMA_OK && before != s->lzma.avail_in + s->lzma.avail_out;) {
        before = s->lzma.avail_in + s->lzma.avail_out;
        status = lzma_code(&s->lzma, LZMA_RUN);
    }
    *data = s->lzma.next_in;
    *left = s->lzma.avail_in;
    *out = s->lzma.next_out;
    *room = s->lzma.avail_out;
    if (status == LZMA_STREAM_END)
        return DONE;
    if (status == LZMA_MEM_ERROR)
        return NO_MEMORY;
    return status == LZMA_OK || status == LZMA_BUF_ERROR ? MORE : WRONG;
}

int nlc_inflate(nelloc_decoder *d, const uint8_t *data, size_t data_size, uint8_t *out, size_t size) {
    stream s;
    const int status = begin(d, &s, DEFLATED, 0, 0);
    if (status != NELLOC_OK)
        return status;
    const enum outcome found = unpack_part(&s, &data, &data_size, &out, &size);
    end(&s);
    if (found == NO_MEMORY)
        return nlc_fail_for_memory(d);
    return found == DONE && !data_size && !size ? NELLOC_OK : NELLOC_DAMAGED;
}

int nlc_unpack_lzma(nelloc_decoder *d, const uint8_t *data, size_t data_size, uint8_t *out, size_t size) {
    static const uint8_t last = 0;
    const uint8_t *at = &last;
    size_t left = 1, room = size + 1; /* more than that is too much */
    stream s;
    const int status = begin(d, &s, LZMA, ROWS_DICTIONARY, size + 1);
    if (status != NELLOC_OK)
        return status;
    enum outcome found = unpack_part(&s, &data, &data_size, &out, &room);
    if (found == MORE && !data_size)
        found = unpack_part(&s, &at, &left, &out, &room);
    end(&s);
    if (found == NO_MEMORY)
        return nlc_fail_for_memory(d);
    return found == DONE && !data_size && !left && room == 1 ? NELLOC_OK : NELLOC_DAMAGED;
}

/* Zeroed memory of `room` bytes with the `used` first ones of `old`, which may be NULL, and is kept if this fails. */
static uint8_t *grown(nelloc_decoder *d, uint8_t *old, size_t used, size_t room) {
    uint8_t *made = nlc_get(&d->budget, room, 1);
    if (made && old) {
        memcpy(made, old, used);
        nlc_put(old);
    }
    return made;
}

/* All that a stream has, at most `most` bytes, which nlc_put gives back. */
static int unpack_all(nelloc_decoder *d, enum form form, size_t dictionary, const uint8_t *data, size_t data_size,
                      size_t most, uint8_t **out, size_t *size) {
    stream s;
    const int status = begin(d, &s, form, dictionary, dictionary);
    if (status != NELLOC_OK)
        return status;
    most++; /* more than that is too much */
    size_t whole = data_size > most / FIRST_GUESS ? most : data_size * FIRST_GUESS + 256, used = 0;
    uint8_t *bytes = grown(d, NULL, 0, whole);
    enum outcome found = bytes ? MORE : NO_MEMORY;
    while (found == MORE) {
        uint8_t *at = bytes + used;
        size_t room = whole - used;
        found = unpack_part(&s, &data, &data_size, &at, &room);
        used = whole - room;
        if (found != MORE || room || whole == most) /* the end, or no room is what was missing */
            break;
        whole = whole > most / 2 ? most : 2 * whole;
        uint8_t *more = grown(d, bytes, used, whole);
        if (!more)
            found = NO_MEMORY;
        else
            bytes = more;
    }
    end(&s);
    if (found == DONE && !data_size && used < most) {
        *out = bytes;
        *size = used;
        return NELLOC_OK;
    }
    nlc_put(bytes);
    return found == NO_MEMORY ? nlc_fail_for_memory(d) : NELLOC_DAMAGED;
}

int nlc_unpack_section(nelloc_decoder *d, const uint8_t *data, size_t data_size, uint8_t **out, size_t *size) {
    *out = NULL;
    *size = 0;
    if (!data_size || data[0] > LZMA)
        return NELLOC_DAMAGED;
    if (data[0] != PLAIN)
        return unpack_all(d, (enum form)data[0], SECTION_DICTIONARY, data + 1, data_size - 1, NLC_MOST_UNPACKED, out,
                          size);
    *size = data_size - 1;
    *out = nlc_get(&d->budget, data_size, 1);
    if (!*out)
        return nlc_fail_for_memory(d);
    memcpy(*out, data + 1, *size);
    return NELLOC_OK;
}

int nlc_unpack_file(nelloc_decoder *d, const uint8_t *data, size_t data_size, size_t size, uint8_t **out) {
    size_t found = 0;
    const int status = unpack_all(d, LZMA, FILE_DICTIONARY, data, data_size, size, out, &found);
    if (status != NELLOC_OK || found == size)
        return status;
    nlc_put(*out);
    *out = NULL;
    return NELLOC_DAMAGED;
}
