#include "lattice.h"

#include "bits.h"

#define COLOURS ((size_t)1 << 24)
#define WORDS (COLOURS / 64)

/* A conversion: each of red, green and blue is clamp(floor(sum / divisor), 0, 255) of a sum of an entry for the luma,
 * one for the first and one for the second chroma. Red has nothing of the first, and blue nothing of the second. */
typedef struct {
    int32_t terms[3][3][256]; /* [channel][luma, first chroma, second chroma] */
    uint32_t divisor;
} conversion;

static int32_t floor_quotient(int32_t number, int32_t divisor) {
    const int32_t towards_zero = number / divisor;
    return towards_zero - (number % divisor < 0);
}

/* Of each luma (part 0), first (1) or second chroma (2) what it adds to a channel. */
static int32_t *terms_of(conversion *made, int channel, int part) { return made->terms[channel][part]; }

/* PhotoCD. */
static void photo_cd(conversion *made) {
    made->divisor = 10000;
    for (int32_t x = 0; x < 256; x++) {
        const int32_t blue = 22179 * (x - 156), red = 18215 * (x - 137);
        for (int c = 0; c < 3; c++)
            terms_of(made, c, 0)[x] = 13584 * x;
        terms_of(made, 0, 2)[x] = red;
        terms_of(made, 1, 1)[x] = -1940 * floor_quotient(blue, 10000);
        terms_of(made, 1, 2)[x] = -5090 * floor_quotient(red, 10000);
        terms_of(made, 2, 1)[x] = blue;
    }
}

/* Lossy WebP. */
static void webp(conversion *made) {
    made->divisor = 1 << 6;
    for (int32_t x = 0; x < 256; x++) {
        const int32_t luma = 19077 * x >> 8;
        terms_of(made, 0, 0)[x] = luma - 14234;
        terms_of(made, 1, 0)[x] = luma + 8708;
        terms_of(made, 2, 0)[x] = luma - 17685;
        terms_of(made, 0, 2)[x] = 26149 * x >> 8;
        terms_of(made, 1, 1)[x] = -(6419 * x >> 8);
        terms_of(made, 1, 2)[x] = -(13320 * x >> 8);
        terms_of(made, 2, 1)[x] = 33050 * x >> 8;
    }
}

/* Those that multiply chromas of 0 in the middle, and a luma of their own. */
typedef struct {
    uint32_t divisor;
    int32_t scale, shift, origin; /* the term of a luma x is (scale * x >> shift) + origin */
    int32_t red, first, second, blue;
} plain_conversion;

static const plain_conversion plain_conversions[] = {
    {1 << 16, 1 << 16, 0, 1 << 15, 91881, 22554, 46802, 116130},                       /* JFIF */
    {1 << 8, 1 << 8, 0, 1 << 7, 359, 88, 183, 454},                                    /* HEIF */
    {1 << 6, 257 * 16320, 16, 32, 90, 22, 46, 113},                                    /* AVIF */
    {1 << 6, 257 * 18997, 16, -1160, 102, 25, 52, 128},                                /* AVIF, video range */
    {1 << 16, 76309, 0, (1 << 15) - 16 * 76309, 117489, 13975, 34925, 138438},         /* BT.709, video range */
};

static void plain(const plain_conversion *of, conversion *made) {
    made->divisor = of->divisor;
    for (int32_t x = 0; x < 256; x++) {
        for (int c = 0; c < 3; c++)
            terms_of(made, c, 0)[x] = (of->scale * x >> of->shift) + of->origin;
        terms_of(made, 0, 2)[x] = of->red * (x - 128);
        terms_of(made, 1, 1)[x] = -of->first * (x - 128);
        terms_of(made, 1, 2)[x] = -of->second * (x - 128);
        terms_of(made, 2, 1)[x] = of->blue * (x - 128);
    }
}

enum { JFIF = 1, PHOTO_CD, WEBP, HEIF, AVIF, AVIF_VIDEO, HD_VIDEO, SEEN };

static void convert_by(int rule, conversion *made) {
    if (rule == PHOTO_CD)
        photo_cd(made);
    else if (rule == WEBP)
        webp(made);
    else
        plain(&plain_conversions[rule == JFIF ? 0 : rule - HEIF + 1], made);
}

int nlc_lattice_rules(void) { return SEEN; }

static inline uint32_t level_of(int32_t sum, uint32_t divisor) {
    const uint32_t level = sum < 0 ? 0 : (uint32_t)sum / divisor;
    return level < 255 ? level : 255;
}

/* Enter all colours. The divisor is known where this is compiled. Blue is that of the luma and the first chroma, red
 * that of the luma and the second: so the inner loop stays within the greens of one red. */
static inline void enter(const conversion *of, uint32_t divisor, uint64_t *rows) {
    for (int luma = 0; luma < 256; luma++) {
        uint32_t blue[256];
        for (int first = 0; first < 256; first++)
            blue[first] = level_of(of->terms[2][0][luma] + of->terms[2][1][first], divisor);
        for (int second = 0; second < 256; second++) {
            const uint32_t red = level_of(of->terms[0][0][luma] + of->terms[0][2][second], divisor);
            const int32_t sum = of->terms[1][0][luma] + of->terms[1][2][second];
            uint64_t *of_red = rows + (red << 10);
            for (int first = 0; first < 256; first++) {
                const uint32_t green = level_of(sum + of->terms[1][1][first], divisor);
                of_red[(green << 2) + (blue[first] >> 6)] |= (uint64_t)1 << (blue[first] & 63);
            }
        }
    }
}

/* A lattice that has no colours yet. */
static nlc_lattice *new_lattice(void) {
    nlc_lattice *lattice = nlc_allocate(1, sizeof *lattice);
    if (!lattice)
        return NULL;
    lattice->rows = nlc_allocate(WORDS + 1, sizeof *lattice->rows);
    if (lattice->rows)
        return lattice;
    nlc_lattice_free(lattice);
    return NULL;
}

int nlc_lattice_new_seen(nlc_lattice **made) {
    *made = new_lattice();
    return *made ? NLC_OK : NLC_NO_MEMORY;
}

int nlc_lattice_new(int rule, nlc_lattice **made) {
    *made = NULL;
    if (rule < 1 || rule > nlc_lattice_rules())
        return NLC_BAD_ARGUMENT;
    if (rule == SEEN) { /* without a table: tiles have theirs */
        *made = nlc_allocate(1, sizeof **made);
        return *made ? NLC_OK : NLC_NO_MEMORY;
    }
    nlc_lattice *lattice = new_lattice();
    conversion *of = nlc_allocate(1, sizeof *of);
    if (!lattice || !of) {
        nlc_lattice_free(lattice);
        nlc_release(of);
        return NLC_NO_MEMORY;
    }
    convert_by(rule, of);
    if (of->divisor == 1 << 16)
        enter(of, 1 << 16, lattice->rows);
    else if (of->divisor == 1 << 8)
        enter(of, 1 << 8, lattice->rows);
    else if (of->divisor == 1 << 6)
        enter(of, 1 << 6, lattice->rows);
    else
        enter(of, 10000, lattice->rows);
    nlc_release(of);
    *made = lattice;
    return NLC_OK;
}

void nlc_lattice_free(nlc_lattice *lattice) {
    if (lattice)
        nlc_release(lattice->rows);
    nlc_release(lattice);
}

int nlc_lattice_has(const nlc_lattice *lattice, int red, int green, int blue) {
    return lattice->rows ? nlc_lattice_bit(nlc_lattice_row(lattice, red, green), blue) : 0;
}

int nlc_lattice_cell(int context, int32_t foreseen) {
    const int half = foreseen < 1 << 15;
    const int class = half ? nlc_bit_length((uint32_t)foreseen) : 32 - nlc_bit_length((uint32_t)(65535 - foreseen));
    return context * NLC_LATTICE_CLASSES + class;
}

/* How much more often than foreseen something happened, in 1/2^16. */
static uint64_t more_often(int64_t times, int64_t foreseen) {
    return ((uint64_t)(times + 1) << 32) / (uint64_t)(foreseen + (1 << 16));
}

uint32_t nlc_lattice_off(const nlc_lattice_map *map, int cell, int32_t foreseen) {
    const uint64_t is = (uint64_t)foreseen * more_often(map->seen[1][cell], map->foreseen[1][cell]);
    const uint64_t is_not = (uint64_t)((1 << 16) - foreseen) * more_often(map->seen[0][cell], map->foreseen[0][cell]);
    const int digits = nlc_bit_length64(is + is_not), excess = digits > 29 ? digits - 29 : 0;
    return (uint32_t)((is_not >> excess) * NLC_FREE_FREQUENCY / ((is + is_not) >> excess));
}

void nlc_lattice_teach(nlc_lattice_map *map, int cell, int32_t foreseen, int on) {
    map->seen[on][cell]++;
    map->foreseen[0][cell] += (1 << 16) - foreseen;
    map->foreseen[1][cell] += foreseen;
}

void nlc_lattice_age(nlc_lattice_map *map) {
    for (int cell = 0; cell < NLC_LATTICE_CELLS; cell++)
        if (map->seen[0][cell] + map->seen[1][cell] > NLC_LATTICE_MOST)
            for (int on = 0; on < 2; on++) {
                map->seen[on][cell] >>= 1;
                map->foreseen[on][cell] >>= 1;
            }
}
