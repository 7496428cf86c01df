/* The colours of JPEG: from Y, Cb and Cr in 16-bit fixed point. */
#include "past.h"

void nlc_past_prepare_colours(nlc_past_colours *colours) {
    for (int32_t k = 0; k < 256; k++) {
        const int32_t x = k - 128;
        colours->red[k] = (91881 * x + 32768) >> 16;
        colours->blue[k] = (116130 * x + 32768) >> 16;
        colours->green_cb[k] = -22554 * x + 32768;
        colours->green_cr[k] = -46802 * x;
    }
}
