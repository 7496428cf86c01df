/* Reading: files whole, and streams no further than where they end, as far as their beginning tells (docs/FORMAT.md,
 * section 1). */
#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "../lib/decoder.h"
#include "../lib/model_file.h"
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#if defined(_WIN32)
#include <io.h>
#define fileno _fileno
#endif

#define HEAD 6 /* bytes before what differs between the layouts */
#define SMALL 0x10
#define TILED 0x11
/* Bytes of a file of the small layout, which does not tell them: twice the samples of 256 x 256 pixels. */
#define MOST_SMALL ((uint64_t)1 << 20)
#define MOST_PIXELS ((uint64_t)1 << 28)
#define PIXEL_BYTES 8 /* at most */
#define JPEG_SECTION 0x86
#define CRC_BYTES 4

static const uint8_t groups_of_kinds[] = {1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 1, 1};

static uint64_t max_pixels(const nlcd_settings *s) { return s->max_pixels ? s->max_pixels : MOST_PIXELS; }

/* Bytes that a stream may have. */
static uint64_t most_of_stream(const nlcd_settings *s) {
    if (!s->memory)
        return PIXEL_BYTES * max_pixels(s) + NLC_MOST_MODEL_BYTES;
    return s->memory > UINT64_MAX >> 20 ? UINT64_MAX : s->memory << 20;
}

/* What is wanted after numbers of which at least so many bytes are missing, or which are malformed: then the checksum
 * that would be next, so that the file does not seem to end too early. */
static uint64_t wanted_after(const nlc_cursor *reader, uint64_t least) {
    return reader->ended ? reader->size + least : reader->at + CRC_BYTES;
}

/* From the index on, at whose beginning the reader is. */
static uint64_t wanted_by_index(nlc_cursor *reader, uint64_t count) {
    uint64_t data = 0;
    for (uint64_t k = 0; k < count; k++) {
        nlc_take_byte(reader);
        data += nlc_take_varint(reader) + CRC_BYTES;
        if (!nlc_good(reader))
            return wanted_after(reader, 2 * (count - k));
    }
    return reader->at + CRC_BYTES + data + 1;
}

/* Bytes that are wanted, at least, of a file that begins with these: one more than it has once that is known, so that
 * bytes after its end are seen; no more than `size` if it will be refused. */
static uint64_t wanted_of(const nlcd_settings *s, const uint8_t *data, size_t size) {
    if (size < HEAD)
        return HEAD;
    if (memcmp(data, "\x8eNL\n", 4) != 0)
        return 0;
    if (data[4] == SMALL)
        return MOST_SMALL;
    if (data[4] != TILED)
        return 0;
    nlc_cursor reader = nlc_cursor_of(data, size);
    nlc_take(&reader, HEAD + 4); /* and the model */
    const uint64_t width = nlc_take_varint(&reader), height = nlc_take_varint(&reader);
    const uint64_t tile = nlc_take_varint(&reader), sections = nlc_take_varint(&reader);
    if (!nlc_good(&reader))
        return wanted_after(&reader, 1);
    uint64_t all = 0, before_jpeg = 0, jpeg = 0;
    for (uint64_t k = 0; k < sections; k++) {
        const int type = nlc_take_byte(&reader);
        const uint64_t length = nlc_take_varint(&reader);
        if (!nlc_good(&reader))
            return wanted_after(&reader, 2 * (sections - k));
        if (type == JPEG_SECTION && !jpeg) {
            before_jpeg = all;
            jpeg = length;
        }
        all += length + CRC_BYTES;
    }
    const uint64_t start = reader.at + 2, index = start + all; /* after the header's checksum */
    const int is_kind = data[5] < sizeof groups_of_kinds,
              is_tile = tile >= NLC_MIN_SIDE_OF_TILE && tile <= NLC_MAX_SIDE_OF_TILE;
    if (!is_kind || !is_tile || !width || !height || width > max_pixels(s) / height)
        return start;
    uint64_t count = (width + tile - 1) / tile * ((height + tile - 1) / tile) * groups_of_kinds[data[5]];
    if (index >= size)
        return index + (jpeg ? 0 : 2 * count) + 1;
    if (jpeg) {
        nlc_cursor section = nlc_cursor_of(data + start + before_jpeg, (size_t)jpeg);
        count = nlc_take_varint(&section);
        if (!nlc_good(&section))
            return 0;
    }
    reader.at = (size_t)index;
    return wanted_by_index(&reader, count);
}

/* --- reading */

/* 1 if what is open is a regular file, whose end is known. */
static int is_regular(FILE *file) {
    struct stat found;
    return fstat(fileno(file), &found) == 0 && (found.st_mode & S_IFMT) == S_IFREG;
}

int nlcd_read(const char *name, const nlcd_settings *s, nlcd_bytes *to) {
    const int is_input = !strcmp(name, NLCD_STDIO);
    memset(to, 0, sizeof *to);
#if defined(_WIN32)
    if (is_input)
        _setmode(_fileno(stdin), _O_BINARY);
#endif
    FILE *file = is_input ? stdin : fopen(name, "rb");
    if (!file) {
        nlcd_say(name, "cannot be read (%s); check the name", strerror(errno));
        return 0;
    }
    const int is_stream = s && !is_regular(file);
    const uint64_t most = is_stream ? most_of_stream(s) : s ? UINT64_MAX : NLC_MOST_MODEL_BYTES + 1;
    uint64_t wanted = s ? HEAD : most;
    uint8_t part[1 << 14];
    size_t count = 1;
    errno = 0;
    while (count && !to->failed && to->size < wanted && wanted <= most) {
        const uint64_t left = wanted - to->size;
        count = fread(part, 1, left < sizeof part ? (size_t)left : sizeof part, file);
        nlcd_add(to, part, count);
        if (s && !to->failed && to->size == wanted) {
            wanted = wanted_of(s, to->data, to->size);
            if (!is_stream && wanted)
                wanted = most;
        }
    }
    const int failed = ferror(file), good = !failed && !to->failed && wanted <= most;
    if (failed || to->failed)
        nlcd_say(name, "cannot be read (%s)", failed ? strerror(errno) : "there is not enough memory");
    else if (!good)
        nlcd_say(name, "announces more than the %llu bytes that are read of a stream; give a file, or raise --memory",
                 (unsigned long long)most);
    if (!is_input)
        fclose(file);
    if (!good)
        nlcd_free(to);
    return good;
}
