/* The colours of JPEG: from Y, Cb and Cr in 16-bit fixed point, and back.
 *
 * A pixel none of whose channels is clipped, at 0 or 255, has one triple (Y, Cb, Cr) or none: a step of Y moves all
 * channels alike, so R - G and B - G tell Cb and Cr. About one in four pairs of differences belongs to a pair (Cb, Cr).
 */
#include "past.h"

#include <stdlib.h>
#include <string.h>

#define DIFFERENCES 511
#define NO_PAIR 0xFFFFFFFFu
#define NO_PIXEL 0xFFFFFFFFu

void nlc_past_prepare_colours(nlc_past_colours *colours) {
    for (int32_t k = 0; k < 256; k++) {
        const int32_t x = k - 128;
        colours->red[k] = (91881 * x + 32768) >> 16;
        colours->blue[k] = (116130 * x + 32768) >> 16;
        colours->green_cb[k] = -22554 * x + 32768;
        colours->green_cr[k] = -46802 * x;
    }
}

static int clipped(uint8_t value) { return value == 0 || value == 255; }

/* The triple of a pixel that is not clipped, as Y << 16 | Cb << 8 | Cr, or NO_PAIR. Near the real-valued colours. */
static uint32_t triple_of(const nlc_past_colours *colours, int red, int green, int blue) {
    /* 128 + 0.5 R - 0.4187 G - 0.0813 B, and 128 - 0.1687 R - 0.3313 G + 0.5 B, rounded down. */
    const int cr = (8388608 + 32768 * red - 27439 * green - 5329 * blue) >> 16;
    const int cb = (8388608 - 11058 * red - 21710 * green + 32768 * blue) >> 16;
    for (int v = cr - 1; v <= cr + 2; v++) {
        if (v < 0 || v > 255)
            continue;
        const int y = red - colours->red[v];
        if (y < 0 || y > 255)
            continue;
        for (int u = cb - 1; u <= cb + 2; u++)
            if (u >= 0 && u <= 255 && y + colours->blue[u] == blue && y + nlc_past_green(colours, u, v) == green)
                return (uint32_t)(y << 16 | u << 8 | v);
    }
    return NO_PAIR;
}

int nlc_past_detect(const uint8_t *pixels, size_t count, size_t looked_at, size_t *tried, size_t *found) {
    nlc_past_colours colours;
    nlc_past_prepare_colours(&colours);
    *tried = *found = 0;
    const uint8_t *red = pixels, *green = pixels + count, *blue = pixels + 2 * count;
    const size_t step = count / looked_at + 1;
    for (size_t start = 0; start < step && *tried < looked_at; start += 1 + step / 4)
        for (size_t k = start; k < count && *tried < looked_at; k += step) {
            if (clipped(red[k]) || clipped(green[k]) || clipped(blue[k]) || (red[k] == green[k] && green[k] == blue[k]))
                continue;
            ++*tried;
            *found += triple_of(&colours, red[k], green[k], blue[k]) != NO_PAIR;
        }
    return NLC_PAST_OK;
}

/* Bounds of the triples that make a pixel: low and high Y, Cb, Cr; `fits` if there are any. */
typedef struct {
    int low[3], high[3];
    int fits;
    uint32_t pixel;
} bounds;

#define REMEMBERED_BITS 14 /* of the number of pixels whose bounds are remembered: the same ones come again and again */
#define SUMS 1024          /* of what may be added to Y, and of which half are below 0 */

/* The first entry of a rising table that is at least a number, and the last one that is at most it. */
typedef struct {
    int16_t first[SUMS], last[SUMS];
} places;

static void find_places(const int32_t *table, places *of) {
    for (int sum = 0, k = 0; sum < SUMS; sum++) {
        while (k < 256 && table[k] < sum - SUMS / 2)
            k++;
        of->first[sum] = (int16_t)k;
        int last = k;
        while (last < 256 && table[last] <= sum - SUMS / 2)
            last++;
        of->last[sum] = (int16_t)(last - 1);
    }
}

/* The bounds of what Y can be added to for a channel to be `value` after clamping: entries of a rising table. */
static void span(const places *of, int y, int value, int *low, int *high) {
    *low = value > 0 ? of->first[value - y + SUMS / 2] : 0;
    *high = value < 255 ? of->last[value - y + SUMS / 2] : 255;
}

/* Green falls with Cb and Cr: the first of `low` to `high`, of a Cb or a Cr, with which and the `other` it is at most
 * `most`, or high + 1.
 */
static int first_below(const nlc_past_colours *colours, int of_cr, int other, int low, int high, int most) {
    int after = high + 1;
    while (low < after) {
        const int middle = (low + after) / 2;
        if ((of_cr ? nlc_past_green(colours, other, middle) : nlc_past_green(colours, middle, other)) > most)
            low = middle + 1;
        else
            after = middle;
    }
    return low;
}

static int green_fits(int sum, int value) {
    return value == 0 ? sum <= 0 : value == 255 ? sum >= 255 : sum == value;
}

/* The bounds of all triples that make a pixel. Bounds may be a little too wide. */
static void find_bounds(const nlc_past_colours *colours, const places of[2], int red, int green, int blue,
                        bounds *found) {
    int any = 0;
    for (int y = 0; y < 256; y++) {
        int cr_low, cr_high, cb_low, cb_high;
        span(&of[0], y, red, &cr_low, &cr_high);
        span(&of[1], y, blue, &cb_low, &cb_high);
        if (cr_low > cr_high || cb_low > cb_high)
            continue;
        /* Green falls with both: cut from each corner what cannot fit with any of the other. */
        const int most = green == 255 ? 100000 : green - y, least = green == 0 ? -100000 : green - y;
        cr_low = first_below(colours, 1, cb_high, cr_low, cr_high, most);
        cr_high = first_below(colours, 1, cb_low, cr_low, cr_high, least - 1) - 1;
        if (cr_low > cr_high)
            continue;
        cb_low = first_below(colours, 0, cr_high, cb_low, cb_high, most);
        cb_high = first_below(colours, 0, cr_low, cb_low, cb_high, least - 1) - 1;
        if (cb_low > cb_high)
            continue;
        if (cb_low == cb_high && cr_low == cr_high && !green_fits(y + nlc_past_green(colours, cb_low, cr_low), green))
            continue;
        const int low[3] = {y, cb_low, cr_low}, high[3] = {y, cb_high, cr_high};
        for (int c = 0; c < 3; c++) {
            found->low[c] = any && found->low[c] < low[c] ? found->low[c] : low[c];
            found->high[c] = any && found->high[c] > high[c] ? found->high[c] : high[c];
        }
        any = 1;
    }
    found->fits = any;
}

/* The same, of pixels that may be remembered. */
static const bounds *bounds_of(const nlc_past_colours *colours, const places of[2], bounds *remembered, int red,
                               int green, int blue) {
    const uint32_t pixel = (uint32_t)red << 16 | (uint32_t)green << 8 | (uint32_t)blue;
    bounds *found = &remembered[(pixel * 2654435761u) >> (32 - REMEMBERED_BITS)];
    if (found->pixel != pixel) {
        find_bounds(colours, of, red, green, blue, found);
        found->pixel = pixel;
    }
    return found;
}

int nlc_past_separate(const uint8_t *pixels, size_t count, uint8_t *low, uint8_t *high, size_t *without) {
    nlc_past_colours colours;
    nlc_past_prepare_colours(&colours);
    uint32_t *pairs = malloc(sizeof *pairs * 512 * 512);
    bounds *remembered = malloc(sizeof *remembered << REMEMBERED_BITS);
    places of[2];
    if (!pairs || !remembered) {
        free(pairs);
        free(remembered);
        return NLC_PAST_NO_MEMORY;
    }
    for (size_t k = 0; k < (size_t)1 << REMEMBERED_BITS; k++)
        remembered[k].pixel = NO_PIXEL;
    find_places(colours.red, &of[0]);
    find_places(colours.blue, &of[1]);
    memset(pairs, 0xFF, sizeof *pairs * 512 * 512);
    for (int cb = 0; cb < 256; cb++)
        for (int cr = 0; cr < 256; cr++) {
            const int green = nlc_past_green(&colours, cb, cr);
            const int first = colours.red[cr] - green + 255, second = colours.blue[cb] - green + 255;
            if (first >= 0 && first < DIFFERENCES && second >= 0 && second < DIFFERENCES)
                pairs[first * 512 + second] = (uint32_t)(cb << 8 | cr);
        }
    const uint8_t *red = pixels, *green = pixels + count, *blue = pixels + 2 * count;
    *without = 0;
    for (size_t k = 0; k < count; k++) {
        if (clipped(red[k]) || clipped(green[k]) || clipped(blue[k])) {
            const bounds *known = bounds_of(&colours, of, remembered, red[k], green[k], blue[k]);
            for (size_t c = 0; c < 3; c++) {
                low[c * count + k] = known->fits ? (uint8_t)known->low[c] : 0;
                high[c * count + k] = known->fits ? (uint8_t)known->high[c] : 255;
            }
            *without += !known->fits;
            continue;
        }
        const uint32_t pair = pairs[(red[k] - green[k] + 255) * 512 + blue[k] - green[k] + 255];
        int y = -1;
        if (pair != NO_PAIR)
            y = green[k] - nlc_past_green(&colours, (int)(pair >> 8), (int)(pair & 255));
        if (y < 0 || y > 255) {
            low[k] = low[count + k] = low[2 * count + k] = 0;
            high[k] = high[count + k] = high[2 * count + k] = 255;
            ++*without;
            continue;
        }
        low[k] = high[k] = (uint8_t)y;
        low[count + k] = high[count + k] = (uint8_t)(pair >> 8);
        low[2 * count + k] = high[2 * count + k] = (uint8_t)pair;
    }
    free(pairs);
    free(remembered);
    return NLC_PAST_OK;
}

int nlc_past_narrow(const uint8_t *pixels, size_t count, const uint8_t *cb, const uint8_t *cr, uint8_t *low,
                    uint8_t *high) {
    nlc_past_colours colours;
    nlc_past_prepare_colours(&colours);
    for (size_t k = 0; k < count; k++) {
        if (low[k] == high[k])
            continue;
        const int added[3] = {colours.red[cr[k]], nlc_past_green(&colours, cb[k], cr[k]), colours.blue[cb[k]]};
        int least = 0, most = 255;
        for (size_t c = 0; c < 3; c++) {
            const int value = pixels[c * count + k];
            if (value > 0 && value - added[c] > least)
                least = value - added[c];
            if (value < 255 && value - added[c] < most)
                most = value - added[c];
        }
        if (least <= most && least <= 255 && most >= 0) {
            low[k] = (uint8_t)least;
            high[k] = (uint8_t)most;
        }
    }
    return NLC_PAST_OK;
}
