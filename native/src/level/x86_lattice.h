/* What components expect of greens, on x86-64, whose bytes of a word are in order; the integers of lattice_kernels.h.
 *
 * A level defines looked_at(part, least): a bit for each lane whose part is at least `least`.
 */
#define WINDOW_MOST 57 /* bits of a window that eight bytes hold, wherever it begins */

static inline void look(const lattice_window *window, int32_t weight, int vector, const uint64_t *rows,
                        const int32_t *part, int32_t *held) {
    if (window->size > WINDOW_MOST) {
        look_closely(window, weight, vector, rows, part, held);
        return;
    }
    const uint64_t kept = ((uint64_t)1 << window->size) - 1;
    const int64_t first = window->at + window->step * (vector * NLC_LANES);
    const char *row = (const char *)(rows + vector * NLC_LANES * NLC_LATTICE_ROW);
    for (uint32_t looked = looked_at(part, window->least); looked; looked &= looked - 1) {
        const int l = lowest_bit(looked);
        int64_t begin = (first + window->step * l) >> 10;
        begin = begin < 0 ? 0 : begin;
        begin = begin > window->most ? window->most : begin;
        uint64_t bits;
        memcpy(&bits, row + 8 * NLC_LATTICE_ROW * l + (begin >> 3), sizeof bits);
        held[l] += part[l] * more_of(window, weight, ones_of(bits >> (begin & 7) & kept));
    }
}
#define NLC_LOOK look
