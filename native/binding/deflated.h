/* The number of bytes that zlib makes of a few bytes, without making them.
 *
 * zlib clears and fills a quarter of a megabyte for each stream, which is most of its time for a small image. Here only
 * the length is found, of what `compress` of zlib 1.2 and 1.3 makes at level 1: the same matches, and the same codes.
 */
#ifndef NLC_DEFLATED_H
#define NLC_DEFLATED_H

#include <stddef.h>
#include <stdint.h>

/* So few that zlib makes one block of them. */
#define NLC_DEFLATED_MOST 16382

/* Memory to work in. */
typedef struct {
    uint16_t head[1 << 15], before[NLC_DEFLATED_MOST]; /* the last place of each hash, and the one before each place */
} nlc_deflated_memory;

/* Length of the zlib stream of `size` bytes, 1 to NLC_DEFLATED_MOST; or, if that is found sooner, a number that is not
 * more than the length and not less than `enough`.
 */
size_t nlc_deflated_size(nlc_deflated_memory *memory, const uint8_t *data, size_t size, size_t enough);

#endif
