/* Sums over similar patches in a sliding window on a CPU; see window.py.

The grid of patches is divided into tiles of TALL x BROAD targets. The sources of a tile are the patches that the windows
of its targets reach; with small tiles, few pairs of patches lie outside the window. Sources are read where they lie in
the grid. One call processes a band, which is a row of tiles.

With __AVX512BF16__, codes and similarities are bfloat16 and sums are float32; otherwise all are float32.

Most similarities are small, so sums leave some out: two neighbouring sources, if their similarities with BLOCK targets
are all below SHARE times the mean similarity of each of these targets in a full window. The mass counts all.

    F       features of patches, multiplied by kappa: for LANES neighbours in a row of the grid (m, LANES)
    norm    squared norms of the features, (rows, columns)
    Sigma   similarities of a band: for each tile (TARGETS, height, width of its sources); the width is even
    mass    sums of the similarities of each target, (rows, columns)
    active  of a band: for each tile (BLOCKS, rows of its sources, words); a bit is 1 if two sources are summed
    x       values that are summed: for each stripe of STRIPE atoms (rows, columns, STRIPE)
    H       sums over similar patches, (rows, columns, p)
    B       codes before and after the shrinkage, (rows, columns, p)
    lam     thresholds of one iteration, (p,)                                                                         */

#include <math.h>

#include "numbers.h"

#ifdef __AVX512F__
#define BROAD 4
#else
#define BROAD 3
#endif
#define TALL 4
#define TARGETS (TALL * BROAD)
#define HIGH 2 /* rows of targets whose sums are in registers at a time */
#define BLOCK (HIGH * BROAD)
#define BLOCKS (TALL / HIGH)
#define STRIPE (2 * LANES)
#ifdef __AVX512BF16__
#define SHARE 0.2f /* changes the mean PSNR of photographs by less than 0.01 dB, see benchmarks/README.md */
#else
#define SHARE 1e-5f /* about the roundings of float32 */
#endif

typedef struct {
    int64_t rows, columns, window;
} Grid;

/* Rows or columns from `first` to `stop`, without `stop`. */
typedef struct {
    int64_t first, stop;
} Range;

static inline int64_t length(Range r) { return r.stop - r.first; }

/* On one axis of `size` patches, the sources of the `side` targets from `start`. */
static Range sources(int64_t start, int64_t side, int64_t size, int64_t window) {
    int64_t before = window / 2, after = window - 1 - before;
    return (Range){most(0, start - before), least(size, least(start + side, size) + after)};
}

/* Sources in a row of a tile as Sigma stores them. */
static inline int64_t stored_width(Range along) { return multiple(length(along), 2); }

/* Entries of a row of inner products, which begin at a multiple of LANES. */
static inline int64_t row_of_products(const Grid *grid) { return grid->window + BROAD + 3 * LANES; }

/* Words of `active` for a row of sources, and for a tile; each word has 64 bits. */
static inline int64_t words_of_row(const Grid *grid) { return (grid->window + BROAD) / 128 + 1; }

static inline int64_t words_of_tile(const Grid *grid) {
    return BLOCKS * (grid->window + TALL - 1) * words_of_row(grid);
}

/* TALL, STRIPE, LANES, the numbers that `scratch` of `window_update` needs for m features, the similarities that are
stored for a patch far from the borders of the grid, and the words of `active` for a band. */
void window_sizes(const Grid *grid, int64_t m, int64_t sizes[6]) {
    sizes[0] = TALL;
    sizes[1] = STRIPE;
    sizes[2] = LANES;
    sizes[3] = TARGETS * (m + row_of_products(grid));
    sizes[4] = (grid->window + TALL - 1) * multiple(grid->window + BROAD - 1, 2);
    sizes[5] = (grid->columns + BROAD - 1) / BROAD * words_of_tile(grid);
}

/* Number of similarities before each band; `offsets` has one entry more than there are bands. */
void window_offsets(const Grid *grid, int64_t *offsets) {
    int64_t width = 0, total = 0;
    for (int64_t left = 0; left < grid->columns; left += BROAD)
        width += stored_width(sources(left, BROAD, grid->columns, grid->window));
    for (int64_t top = 0; top < grid->rows; top += TALL) {
        *offsets++ = total;
        total += TARGETS * width * length(sources(top, TALL, grid->rows, grid->window));
    }
    *offsets = total;
}

/* exp(x) for x <= 0, as 2^whole times a polynomial; 0 below -87. */
static inline float exponential(float x) {
    float scaled = (x < -87.0f ? -87.0f : x) * 1.44269504f;
    float whole = nearbyintf(scaled), f = scaled - whole;
    float y = 1.0f + f * (0.69314718f + f * (0.24022651f + f * (0.05550411f + f * (0.00961812f + f * 0.00133336f))));
    int32_t bits = ((int32_t)whole + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return x < -87.0f ? 0.0f : y * power;
}

/* Inner products of the features T (m, TARGETS) of the targets with those F (m, LANES) of LANES sources. */
static inline void products(const float *T, const float *F, int64_t m, float *found, int64_t pitch) {
    vector sum[TARGETS] = {0};
    for (int64_t k = 0; k < m; k++) {
        vector source;
        memcpy(&source, F + k * LANES, sizeof source);
#pragma GCC unroll 16
        for (int t = 0; t < TARGETS; t++) sum[t] += source * T[k * TARGETS + t];
    }
    for (int t = 0; t < TARGETS; t++) memcpy(found + t * pitch, &sum[t], sizeof(vector));
}

/* Sigma of one target and one row of sources, from inner products e; sources outside `inside` get 0.

Adds the similarities to LANES sums. Reads LANES entries after the last one of e, norms and Sigma. */
static inline void similarities(const float *e, const float *norms, float own, Range inside, int64_t itself, float nu,
                                float weight, code *Sigma, int64_t width, float *sum) {
    for (int64_t c = 0; c < width; c += LANES) {
        code kept[LANES];
        memcpy(kept, Sigma + c, sizeof kept);
        for (int lane = 0; lane < LANES; lane++) {
            int32_t source = (int32_t)c + lane;
            float exponent = 2 * e[source] - own - norms[source];
            float similarity = exponential(exponent < 0 ? exponent : 0) * weight;
            similarity = source == (int32_t)itself ? 1 : similarity;
            similarity = source >= (int32_t)inside.first && source < (int32_t)inside.stop ? similarity : 0;
            float old = number(kept[lane]);
            kept[lane] = rounded(nu == 1 ? similarity : old + nu * (similarity - old));
            sum[lane] += source < (int32_t)width ? number(kept[lane]) : 0;
        }
        if (c + LANES <= width)
            memcpy(Sigma + c, kept, sizeof kept);
        else
            memcpy(Sigma + c, kept, (width - c) * sizeof(code));
    }
}

/* Write the bits of `active` for BLOCK targets and (height, width) sources; smaller similarities than `smallest` do not
count. Similarities are not negative, so codes that are integers have the order of their values. */
static void choose(const code *Sigma, int64_t step, int64_t height, int64_t width, code smallest, int64_t words,
                   uint64_t *active) {
    for (int64_t r = 0; r < height; r++, Sigma += width, active += words) {
        memset(active, 0, words * sizeof *active);
        for (int64_t c = 0; c < width; c += 2) {
            code largest = 0;
            for (int t = 0; t < BLOCK; t++)
                for (int i = 0; i < 2; i++) {
                    code one = Sigma[t * step + c + i];
                    largest = one < largest ? largest : one;
                }
            active[c / 128] |= (uint64_t)!(largest < smallest) << c / 2 % 64;
        }
    }
}

/* Sigma <- (1 - nu) Sigma + nu w exp(-distance), and mass, for one band; nu = 1 does not read Sigma. Writes
`active` too.

w is 1 for the target itself and `weight` for other sources. norm and Sigma have LANES more entries than they need,
because whole vectors are read. */
void window_update(const Grid *grid, int64_t band, const float *F, const float *norm, int64_t m, float nu, float weight,
                   code *Sigma, float *mass, uint64_t *active, float *scratch) {
    int64_t columns = grid->columns, before = grid->window / 2, after = grid->window - 1 - before;
    int64_t across = (columns + LANES - 1) / LANES, pitch = row_of_products(grid);
    Range down = sources(band * TALL, TALL, grid->rows, grid->window);
    int64_t words = words_of_row(grid);
    float *T = scratch, *e = scratch + m * TARGETS;
    for (int64_t left = 0; left < columns; left += BROAD) {
        Range along = sources(left, BROAD, columns, grid->window);
        int64_t width = stored_width(along), row[TARGETS], column[TARGETS];
        float sum[TARGETS][LANES] = {0};
        for (int t = 0; t < TARGETS; t++) {
            /* Targets beyond the grid repeat its last ones. */
            row[t] = least(band * TALL + t / BROAD, grid->rows - 1);
            column[t] = least(left + t % BROAD, columns - 1);
            for (int64_t k = 0; k < m; k++) {
                int64_t neighbours = row[t] * across + column[t] / LANES;
                T[k * TARGETS + t] = F[(neighbours * m + k) * LANES + column[t] % LANES];
            }
        }
        for (int64_t r = down.first; r < down.stop; r++) {
            int64_t begin = along.first / LANES;
            for (int64_t c = begin; c * LANES < along.stop; c++)
                products(T, F + (r * across + c) * m * LANES, m, e + (c - begin) * LANES, pitch);
            for (int t = 0; t < TARGETS; t++) {
                Range inside = {most(0, column[t] - before - along.first),
                                least(length(along), column[t] + after + 1 - along.first)};
                if (r < row[t] - before || r > row[t] + after) inside.first = inside.stop = 0;
                similarities(e + t * pitch + along.first % LANES, norm + r * columns + along.first, norm[row[t] * columns + column[t]],
                             inside, r == row[t] ? column[t] - along.first : -1, nu, weight,
                             Sigma + (t * length(down) + r - down.first) * width, width, sum[t]);
            }
        }
        for (int t = 0; t < TARGETS; t++) {
            float total = 0;
            for (int lane = 0; lane < LANES; lane++) total += sum[t][lane];
            mass[row[t] * columns + column[t]] = total;
        }
        int64_t step = length(down) * width;
        for (int block = 0; block < BLOCKS; block++) {
            float lowest = INFINITY;
            for (int t = block * BLOCK; t < (block + 1) * BLOCK; t++)
                lowest = fminf(lowest, mass[row[t] * columns + column[t]]);
            choose(Sigma + block * BLOCK * step, step, length(down), width,
                   rounded(SHARE * lowest / (grid->window * grid->window)), words,
                   active + block * length(down) * words);
        }
        active += words_of_tile(grid);
        Sigma += TARGETS * step;
    }
}

/* Copy patches `from` to `to` of values (number, p), or their squares, to the stripes x; entries beyond p become 0. */
void window_pack(const code *values, int64_t number_of_patches, int64_t p, int64_t from, int64_t to, int squares,
                 code *x) {
    for (int64_t stripe = 0; stripe * STRIPE < p; stripe++, x += number_of_patches * STRIPE) {
        int64_t filled = least(STRIPE, p - stripe * STRIPE);
        for (int64_t n = from; n < to; n++) {
            code some[STRIPE] = {0};
            memcpy(some, values + n * p + stripe * STRIPE, filled * sizeof(code));
            if (squares)
                for (int j = 0; j < STRIPE; j++) some[j] = rounded(number(some[j]) * number(some[j]));
            memcpy(x + n * STRIPE, some, sizeof some);
        }
    }
}

/* Add two neighbouring sources to the sums of BLOCK targets. */
static inline void add_two(const code *Sigma, int64_t step, const code *x, vector sum[BLOCK][2]) {
#ifdef __AVX512BF16__
    __m512i first = _mm512_loadu_si512(x), second = _mm512_loadu_si512(x + STRIPE);
    __m512bh low = (__m512bh)_mm512_unpacklo_epi16(first, second);
    __m512bh high = (__m512bh)_mm512_unpackhi_epi16(first, second);
#pragma GCC unroll 8
    for (int t = 0; t < BLOCK; t++) {
        int32_t both;
        memcpy(&both, Sigma + t * step, 4);
        __m512bh similarity = (__m512bh)_mm512_set1_epi32(both);
        sum[t][0] = (vector)_mm512_dpbf16_ps((__m512)sum[t][0], similarity, low);
        sum[t][1] = (vector)_mm512_dpbf16_ps((__m512)sum[t][1], similarity, high);
    }
#else
    for (int source = 0; source < 2; source++) {
        vector low, high;
        memcpy(&low, x + source * STRIPE, sizeof low);
        memcpy(&high, x + source * STRIPE + LANES, sizeof high);
#pragma GCC unroll 8
        for (int t = 0; t < BLOCK; t++) {
            float similarity = Sigma[t * step + source];
            sum[t][0] += low * similarity;
            sum[t][1] += high * similarity;
        }
    }
#endif
}

/* Sums of BLOCK targets over the active ones of (height, width) sources, for one stripe of atoms.

Sigma has `step` entries for each target; x begins at the first source; `pitch` is the distance between rows of x. */
static inline void sums(const code *Sigma, int64_t step, const uint64_t *active, int64_t words, const code *x,
                        int64_t pitch, int64_t height, int64_t width, float found[BLOCK][STRIPE]) {
    vector sum[BLOCK][2] = {0};
    for (int64_t r = 0; r < height; r++, x += pitch, Sigma += width, active += words)
        for (int64_t word = 0; word < words; word++)
            for (uint64_t bits = active[word]; bits; bits &= bits - 1) {
                int64_t c = 128 * word + 2 * __builtin_ctzll(bits);
                add_two(Sigma + c, step, x + c * STRIPE, sum);
            }
    for (int t = 0; t < BLOCK; t++) {
#ifdef __AVX512BF16__
        /* Unpacking takes four atoms of each 128 bits in turns. */
        for (int j = 0; j < STRIPE; j++) found[t][j] = sum[t][j % 8 / 4][j / 8 * 4 + j % 4];
#else
        memcpy(found[t], sum[t], sizeof sum[t]);
#endif
    }
}

/* B <- max(0, 1 - lam root / sqrt(found)) B for `filled` atoms of one target (equation 11). */
static inline void shrink_group(code *B, const float *found, const float *lam, float root, float epsilon,
                                int64_t filled) {
    for (int64_t j = 0; j < filled; j++) {
        float scale = 1 - lam[j] * root / sqrtf(found[j] + epsilon);
        B[j] = rounded(number(B[j]) * (scale < 0 ? 0 : scale));
    }
}

/* sign(x) max(0, |x| - lam) */
static inline float soft(float x, float lam) {
    float size = fabsf(x) - lam;
    size = size < 0 ? 0 : size;
    return x > 0 ? size : x < 0 ? -size : x;
}

/* B <- the proximal operator of CSR with the means found / mass, for `filled` atoms of one target (Proposition 1). */
static inline void shrink_to_mean(code *B, const float *found, const float *lam, float mass, float gamma,
                                  int64_t filled) {
    for (int64_t j = 0; j < filled; j++) {
        float beta = found[j] / mass, shift = beta + lam[j] * ((beta > 0) - (beta < 0));
        B[j] = rounded(soft(soft(number(B[j]) - shift, lam[j] * gamma) + shift, lam[j]));
    }
}

/* Sums over similar patches for one band: written to H or, if H is null, used to shrink B, as CSR does with a weight
gamma >= 0, and as GroupSC does with gamma < 0.

x has one source more than the grid, because sources are read in pairs. */
void window_sum(const Grid *grid, int64_t band, const code *Sigma, const uint64_t *active, const code *x, int64_t p,
                code *H, code *B, const float *lam, const float *mass, float gamma, float norm_epsilon,
                float weight_epsilon) {
    int64_t columns = grid->columns, top = band * TALL, words = words_of_row(grid);
    Range down = sources(top, TALL, grid->rows, grid->window);
    for (int64_t left = 0; left < columns; left += BROAD) {
        Range along = sources(left, BROAD, columns, grid->window);
        int64_t width = stored_width(along), step = length(down) * width;
        for (int64_t stripe = 0; stripe * STRIPE < p; stripe++) {
            int64_t filled = least(STRIPE, p - stripe * STRIPE);
            const code *column = x + (stripe * grid->rows * columns + along.first) * STRIPE;
            for (int block = 0; block < BLOCKS && top + block * HIGH < grid->rows; block++) {
                int64_t first = top + block * HIGH;
                Range seen = sources(first, HIGH, grid->rows, grid->window);
                int64_t above = seen.first - down.first;
                float found[BLOCK][STRIPE];
                sums(Sigma + block * BLOCK * step + above * width, step,
                     active + (block * length(down) + above) * words, words, column + seen.first * columns * STRIPE,
                     columns * STRIPE, length(seen), width, found);
                for (int t = 0; t < BLOCK; t++) {
                    int64_t row = first + t / BROAD, place = left + t % BROAD;
                    int64_t target = row * columns + place, start = target * p + stripe * STRIPE;
                    if (row >= grid->rows || place >= columns) continue;
                    if (H)
                        for (int64_t j = 0; j < filled; j++) H[start + j] = rounded(found[t][j]);
                    else if (gamma < 0)
                        shrink_group(B + start, found[t], lam + stripe * STRIPE, sqrtf(mass[target] + weight_epsilon),
                                     norm_epsilon, filled);
                    else
                        shrink_to_mean(B + start, found[t], lam + stripe * STRIPE, mass[target], gamma, filled);
                }
            }
        }
        Sigma += TARGETS * step;
        active += words_of_tile(grid);
    }
}
