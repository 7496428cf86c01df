/* RFC 1950 and 1951 say what a stream is; which matches and codes zlib takes is found in its deflate.c and trees.c. */
#include "deflated.h"

#include "../src/adaptive.h"

#include <string.h>

/* Matches: at level 1 zlib looks at four places, and is content with a match of 8 bytes. */
#define SHORTEST 3
#define LONGEST 258
#define CHAIN 4
#define ENOUGH 8
#define ENTERED 4 /* the longest match inside of which places are remembered */

/* Symbols: bytes, the end, and lengths; distances; and lengths of codes. */
#define END 256
#define LITERALS 286
#define DISTANCES 30
#define CODES 19
#define NODES (2 * LITERALS - 1)
#define LONGEST_CODE 15
#define LONGEST_OF_CODES 7

/* Frequencies of the symbols of an alphabet, and the lengths of their codes. */
typedef struct {
    uint32_t frequencies[NODES];
    uint8_t lengths[NODES + 1];
    int largest; /* the last symbol that has a code */
} alphabet;

/* Bits of a block with codes of its own, and with the fixed ones. */
typedef struct {
    uint64_t own, fixed;
} bits;

static uint32_t hash_at(const uint8_t *data) {
    return ((uint32_t)data[0] << 10 ^ (uint32_t)data[1] << 5 ^ data[2]) & 0x7FFF;
}

/* Remember a place; returns the last one of the same hash, or 0. */
static size_t enter(nlc_deflated_memory *memory, const uint8_t *data, size_t at) {
    uint16_t *head = &memory->head[hash_at(data + at)];
    const uint16_t last = *head;
    memory->before[at] = last;
    *head = (uint16_t)at;
    return last;
}

/* Length of the match at `at` with `place` or one before it, and its distance; 2 if none is longer. */
static size_t longest_match(const nlc_deflated_memory *memory, const uint8_t *data, size_t size, size_t at,
                            size_t place, size_t *distance) {
    const size_t left = size - at, most = left < LONGEST ? left : LONGEST, enough = left < ENOUGH ? left : ENOUGH;
    size_t best = SHORTEST - 1;
    for (int chain = CHAIN; place && chain; chain--, place = memory->before[place]) {
        if (data[place + best] != data[at + best])
            continue;
        size_t length = 0;
        while (length < most && data[place + length] == data[at + length])
            length++;
        if (length > best) {
            best = length;
            *distance = at - place;
            if (best >= enough)
                break;
        }
    }
    return best;
}

/* The symbol of a length from 3, and that of a distance. */
static int length_symbol(size_t length) {
    const uint32_t number = (uint32_t)length - SHORTEST;
    if (length == LONGEST)
        return LITERALS - 1;
    if (number < 8)
        return END + 1 + (int)number;
    const int more = nlc_bit_length(number) - 3; /* extra bits */
    return END + 1 + 4 * more + (int)(number >> more);
}

static int distance_symbol(size_t distance) {
    const uint32_t number = (uint32_t)distance - 1;
    if (number < 4)
        return (int)number;
    const int more = nlc_bit_length(number) - 2;
    return 2 * more + (int)(number >> more);
}

static uint32_t extra_of_literal(int symbol) {
    return symbol < END + 9 || symbol == LITERALS - 1 ? 0 : (uint32_t)(symbol - END - 5) / 4;
}

static uint32_t extra_of_distance(int symbol) { return symbol < 4 ? 0 : (uint32_t)symbol / 2 - 1; }

static uint32_t extra_of_code(int symbol) { return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0; }

static uint32_t fixed_of_literal(int symbol) { return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8; }

static uint32_t fixed_of_distance(int symbol) {
    (void)symbol;
    return 5;
}

static void count_symbols(nlc_deflated_memory *memory, const uint8_t *data, size_t size, alphabet *literals,
                          alphabet *distances) {
    size_t at = 0;
    memset(memory->head, 0, sizeof memory->head);
    while (at < size) {
        size_t length = SHORTEST - 1, distance = 0;
        if (size - at >= SHORTEST) {
            const size_t place = enter(memory, data, at);
            if (place)
                length = longest_match(memory, data, size, at, place, &distance);
        }
        if (length < SHORTEST) {
            literals->frequencies[data[at++]]++;
            continue;
        }
        literals->frequencies[length_symbol(length)]++;
        distances->frequencies[distance_symbol(distance)]++;
        const size_t end = at + length;
        if (length <= ENTERED && size - end >= SHORTEST)
            for (size_t inside = at + 1; inside < end; inside++)
                enter(memory, data, inside);
        at = end;
    }
    literals->frequencies[END]++;
}

/* Add the bits of extra bits and of fixed codes, and to `own` no more than codes of an alphabet's own can take. */
static void add_bound(bits *sum, const alphabet *symbols, int size, uint32_t (*extra)(int), uint32_t (*fixed)(int)) {
    uint32_t all = 0;
    uint64_t least = 0; /* in 1/256 of a bit: the entropy, with logarithms that are rounded so that it is not more */
    for (int symbol = 0; symbol < size; symbol++)
        all += symbols->frequencies[symbol];
    for (int symbol = 0; symbol < size; symbol++) {
        const uint32_t count = symbols->frequencies[symbol];
        if (!count)
            continue;
        const int each = nlc_logarithm(all) - nlc_logarithm(count) - 1;
        least += (uint64_t)count * (uint64_t)(each > 0 ? each : 0);
        sum->own += (uint64_t)count * extra(symbol);
        sum->fixed += (uint64_t)count * (extra(symbol) + fixed(symbol));
    }
    sum->own += least / 256;
}

/* A heap of nodes by frequency, and of the same frequency by depth: of the tree whose leaves are symbols. */
typedef struct {
    const uint32_t *frequencies;
    uint8_t depths[NODES];
    int nodes[NODES + 1], count; /* the smallest is nodes[1] */
} heap;

static int is_before(const heap *found, int one, int other) {
    const uint32_t mine = found->frequencies[one], others = found->frequencies[other];
    return mine < others || (mine == others && found->depths[one] <= found->depths[other]);
}

static void sift(heap *found, int place) {
    const int node = found->nodes[place];
    for (int below = 2 * place; below <= found->count; below *= 2) {
        if (below < found->count && is_before(found, found->nodes[below + 1], found->nodes[below]))
            below++;
        if (is_before(found, node, found->nodes[below]))
            break;
        found->nodes[place] = found->nodes[below];
        place = below;
    }
    found->nodes[place] = node;
}

/* Shorten codes that are longer than `longest`, of which there are `over`: the rarest symbols get the longest. */
static void shorten(alphabet *symbols, const int *order, int count, int *of_length, int longest, int over) {
    for (; over > 0; over -= 2) {
        int length = longest - 1;
        while (!of_length[length])
            length--;
        of_length[length]--;
        of_length[length + 1] += 2;
        of_length[longest]--;
    }
    for (int length = longest, k = count; length; length--)
        for (int left = of_length[length]; left; left -= order[k] <= symbols->largest) {
            k--;
            if (order[k] <= symbols->largest)
                symbols->lengths[order[k]] = (uint8_t)length;
        }
}

/* Give the `size` symbols of an alphabet codes of at most `longest` bits, by Huffman's method. */
static void make_codes(alphabet *symbols, int size, int longest) {
    int parents[NODES], order[NODES], first = NODES, next = size, over = 0, of_length[LONGEST_CODE + 1] = {0};
    heap found = {symbols->frequencies, {0}, {0}, 0};
    symbols->largest = -1;
    for (int symbol = 0; symbol < size; symbol++)
        if (symbols->frequencies[symbol])
            found.nodes[++found.count] = symbols->largest = symbol;
    while (found.count < 2) { /* a code is never alone */
        const int symbol = symbols->largest < 2 ? ++symbols->largest : 0;
        symbols->frequencies[symbol] = 1;
        found.nodes[++found.count] = symbol;
    }
    for (int place = found.count / 2; place; place--)
        sift(&found, place);
    do {
        const int one = found.nodes[1];
        found.nodes[1] = found.nodes[found.count--];
        sift(&found, 1);
        const int other = found.nodes[1];
        order[--first] = one;
        order[--first] = other;
        symbols->frequencies[next] = symbols->frequencies[one] + symbols->frequencies[other];
        found.depths[next] = (uint8_t)((found.depths[one] > found.depths[other] ? found.depths[one]
                                                                                  : found.depths[other]) + 1);
        parents[one] = parents[other] = next;
        found.nodes[1] = next++;
        sift(&found, 1);
    } while (found.count >= 2);
    symbols->lengths[next - 1] = 0;
    for (int k = first; k < NODES; k++) { /* from the root down */
        int length = symbols->lengths[parents[order[k]]] + 1;
        if (length > longest) {
            length = longest;
            over++;
        }
        symbols->lengths[order[k]] = (uint8_t)length;
        if (order[k] <= symbols->largest)
            of_length[length]++;
    }
    if (over)
        shorten(symbols, order, NODES, of_length, longest, over);
}

/* Add the bits of the symbols that are coded. Those that are there only because a code is never alone take none. */
static void add_bits(bits *sum, const alphabet *symbols, const uint32_t *counts, uint32_t (*extra)(int),
                     uint32_t (*fixed)(int)) {
    for (int symbol = 0; symbol <= symbols->largest; symbol++)
        if (counts[symbol]) {
            sum->own += (uint64_t)counts[symbol] * (symbols->lengths[symbol] + extra(symbol));
            if (fixed)
                sum->fixed += (uint64_t)counts[symbol] * (fixed(symbol) + extra(symbol));
        }
}

/* Count the symbols that say the lengths of an alphabet's codes: lengths, and runs of one. */
static void count_codes(alphabet *codes, const alphabet *symbols) {
    int before = -1, run = 0, most = symbols->lengths[0] ? 7 : 138, least = symbols->lengths[0] ? 4 : 3;
    for (int symbol = 0; symbol <= symbols->largest; symbol++) {
        const int length = symbols->lengths[symbol];
        const int next = symbol < symbols->largest ? symbols->lengths[symbol + 1] : -1;
        if (++run < most && length == next)
            continue;
        if (run < least)
            codes->frequencies[length] += (uint32_t)run;
        else if (length) {
            if (length != before)
                codes->frequencies[length]++;
            codes->frequencies[16]++;
        } else
            codes->frequencies[run <= 10 ? 17 : 18]++;
        run = 0;
        before = length;
        most = !next ? 138 : length == next ? 6 : 7;
        least = !next || length == next ? 3 : 4;
    }
}

/* Length of the stream of `size` bytes, by the bits of its block in either way; zlib prefers to store. */
static size_t length_of(bits sum, size_t size) {
    const size_t stored = size + 5, packed = (size_t)(((sum.own < sum.fixed ? sum.own : sum.fixed) + 7) / 8);
    return 2 + (stored <= packed + 1 ? stored : packed) + 4;
}

size_t nlc_deflated_size(nlc_deflated_memory *memory, const uint8_t *data, size_t size, size_t enough) {
    static const uint8_t order[CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    alphabet literals = {{0}, {0}, 0}, distances = {{0}, {0}, 0}, codes = {{0}, {0}, 0};
    uint32_t counts[LITERALS];
    bits sum = {3, 3}, bound = {3 + 5 + 5 + 4 + 3 * 4, 3};
    count_symbols(memory, data, size, &literals, &distances);
    add_bound(&bound, &literals, LITERALS, extra_of_literal, fixed_of_literal);
    add_bound(&bound, &distances, DISTANCES, extra_of_distance, fixed_of_distance);
    const size_t least = length_of(bound, size);
    if (least >= enough)
        return least;
    memcpy(counts, literals.frequencies, sizeof counts);
    make_codes(&literals, LITERALS, LONGEST_CODE);
    add_bits(&sum, &literals, counts, extra_of_literal, fixed_of_literal);
    memcpy(counts, distances.frequencies, DISTANCES * sizeof *counts);
    make_codes(&distances, DISTANCES, LONGEST_CODE);
    add_bits(&sum, &distances, counts, extra_of_distance, fixed_of_distance);
    count_codes(&codes, &literals);
    count_codes(&codes, &distances);
    memcpy(counts, codes.frequencies, CODES * sizeof *counts);
    make_codes(&codes, CODES, LONGEST_OF_CODES);
    add_bits(&sum, &codes, counts, extra_of_code, NULL);
    int said = CODES;
    while (said > 4 && !codes.lengths[order[said - 1]])
        said--;
    sum.own += 5 + 5 + 4 + 3 * (uint64_t)said;
    return length_of(sum, size);
}
