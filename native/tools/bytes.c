/* Bytes that grow. */
#include "tools.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM ((size_t)1 << 16)

void nlcd_add(nlcd_bytes *to, const void *data, size_t size) {
    if (to->failed || !size)
        return;
    if (size > to->room - to->size) {
        size_t room = to->room ? to->room : FIRST_ROOM;
        while (room - to->size < size && room <= SIZE_MAX / 2)
            room *= 2;
        uint8_t *more = room - to->size < size ? NULL : realloc(to->data, room);
        if (!more) {
            to->failed = 1;
            return;
        }
        to->data = more;
        to->room = room;
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

void nlcd_add_big32(nlcd_bytes *to, uint32_t number) {
    const uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                              (uint8_t)number};
    nlcd_add(to, bytes, sizeof bytes);
}

void nlcd_free(nlcd_bytes *bytes) {
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}
