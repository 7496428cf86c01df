/* Gathering numbers that are not 0, four at a time: an order for a shuffle of bytes. */
#include <stdint.h>

/* Four numbers of 32 bits, those first whose bit of the index is 1. */
#define PUT(a) 4 * (a), 4 * (a) + 1, 4 * (a) + 2, 4 * (a) + 3
static const uint8_t first_of_four[16][16] = {
    {PUT(0), PUT(0), PUT(0), PUT(0)}, {PUT(0), PUT(0), PUT(0), PUT(0)}, {PUT(1), PUT(0), PUT(0), PUT(0)},
    {PUT(0), PUT(1), PUT(0), PUT(0)}, {PUT(2), PUT(0), PUT(0), PUT(0)}, {PUT(0), PUT(2), PUT(0), PUT(0)},
    {PUT(1), PUT(2), PUT(0), PUT(0)}, {PUT(0), PUT(1), PUT(2), PUT(0)}, {PUT(3), PUT(0), PUT(0), PUT(0)},
    {PUT(0), PUT(3), PUT(0), PUT(0)}, {PUT(1), PUT(3), PUT(0), PUT(0)}, {PUT(0), PUT(1), PUT(3), PUT(0)},
    {PUT(2), PUT(3), PUT(0), PUT(0)}, {PUT(0), PUT(2), PUT(3), PUT(0)}, {PUT(1), PUT(2), PUT(3), PUT(0)},
    {PUT(0), PUT(1), PUT(2), PUT(3)},
};
#undef PUT
