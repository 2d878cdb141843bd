/* Algorithm 1 with the prior of SC for a tile of patches on a CPU; see coding.py.

The patches of a tile are processed WIDE neighbours of a row at a time. All their iterations run before those of the
next patches, so codes stay in the cache. Vectors contain the same entry of neighbouring patches. Patches are therefore read
from the image, and estimates are added to the pixels of the tile, without a matrix of patches. Most codes are zero: the
product D A uses only atoms that one of the patches uses (`active`).

With __AVX512BF16__, codes, residuals, D and C are bfloat16 and sums are float32; otherwise all are float32.

    Y       centred patches of the image, (m, WIDE)
    R       residuals, (m, WIDE)
    A       codes, (p, WIDE)
    X, Q    terms of a product: those of neighbouring patches (terms, WIDE) and of a matrix (terms, rows)
    minus_D dictionary times -1 as rows of atoms, (p, entries)
    C       terms of the encoder, (terms, atoms)
    W       decoder as rows of atoms, (p, entries)
    lam     thresholds, (K, p)

`entries` and `atoms` are m and p with the zeros that fill blocks of ROWS rows and whole vectors.                     */

#include "numbers.h"

#define WIDE (2 * LANES) /* neighbouring patches that are processed together */
#ifdef __AVX512F__
#define ROWS 9 /* rows of a product that are in registers at a time */
#else
#define ROWS 6
#endif

#ifdef __AVX512BF16__
#define TERMS 2 /* products in a term */
typedef uint32_t term;
#else
#define TERMS 1
typedef float term;
#endif

typedef int32_t lanes __attribute__((vector_size(4 * LANES)));

typedef struct {
    int64_t channels, patch_size, atoms, iterations, height, width;
} Sizes;

/* Rows and columns of the patches of a tile; `bottom` and `right` are not in it. */
typedef struct {
    int64_t top, bottom, left, right;
} Bounds;

static inline int64_t dimension(const Sizes *sizes) { return sizes->channels * sizes->patch_size * sizes->patch_size; }
static inline int64_t all_entries(const Sizes *sizes) { return multiple(multiple(dimension(sizes), ROWS), WIDE); }
static inline int64_t all_atoms(const Sizes *sizes) { return multiple(sizes->atoms, ROWS); }

/* Memory of one thread. */
typedef struct {
    float *Y, *wide, *mean;
    code *A, *R;
    term *X, *Q;
    int64_t *offset; /* of each entry of a patch in the image */
    int32_t *active, *every;
} Memory;

static char *part(char **next, int64_t bytes) {
    char *here = *next;
    *next += multiple(bytes, 64);
    return here;
}

/* The parts of `scratch`; returns its end. */
static char *divide(const Sizes *sizes, char *scratch, Memory *memory) {
    int64_t entries = all_entries(sizes), atoms = all_atoms(sizes), longest = most(entries, atoms);
    memory->Y = (float *)part(&scratch, entries * WIDE * 4);
    memory->wide = (float *)part(&scratch, longest * WIDE * 4);
    memory->mean = (float *)part(&scratch, WIDE * 4);
    memory->A = (code *)part(&scratch, longest * WIDE * sizeof(code));
    memory->R = (code *)part(&scratch, entries * WIDE * sizeof(code));
    memory->X = (term *)part(&scratch, longest * WIDE * 4);
    memory->Q = (term *)part(&scratch, atoms * entries * 4);
    memory->offset = (int64_t *)part(&scratch, entries * 8);
    memory->active = (int32_t *)part(&scratch, longest * 4);
    memory->every = (int32_t *)part(&scratch, longest * 4);
    return scratch;
}

/* WIDE, TERMS, `entries`, `atoms`, and the bytes that `scratch` of `coding_tile` needs. */
void coding_sizes(const Sizes *sizes, int64_t found[5]) {
    Memory memory;
    found[0] = WIDE;
    found[1] = TERMS;
    found[2] = all_entries(sizes);
    found[3] = all_atoms(sizes);
    found[4] = divide(sizes, (char *)64, &memory) - (char *)64;
}

/* WIDE numbers. */
typedef struct {
    vector low, high;
} Numbers;

/* One vector at a time, because compilers copy a larger number of bytes in small parts. */
static inline Numbers load(const float *x) {
    vector low, high;
    memcpy(&low, x, sizeof low);
    memcpy(&high, x + LANES, sizeof high);
    return (Numbers){low, high};
}

static inline void store(Numbers y, float *x) {
    memcpy(x, &y.low, sizeof y.low);
    memcpy(x + LANES, &y.high, sizeof y.high);
}

/* sum += the product of ROWS rows of a matrix with the numbers x, both of which are stored term after term. */
static inline void add_float(const float *matrix, int64_t pitch, const float *x, int64_t terms, Numbers sum[ROWS]) {
    for (int64_t k = 0; k < terms; k++, matrix += pitch, x += WIDE) {
        Numbers values = load(x);
#pragma GCC unroll 9
        for (int r = 0; r < ROWS; r++) {
            sum[r].low += values.low * matrix[r];
            sum[r].high += values.high * matrix[r];
        }
    }
}

#ifdef __AVX512BF16__
static inline Numbers widen(const code *x) {
    __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)x));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(x + 16)));
    return (Numbers){(vector)_mm512_slli_epi32(low, 16), (vector)_mm512_slli_epi32(high, 16)};
}

/* Round numbers to codes; returns whether any of them is not zero. */
static inline int narrow(Numbers y, code *x) {
    __m512i codes = (__m512i)_mm512_cvtne2ps_pbh((__m512)y.high, (__m512)y.low);
    _mm512_storeu_si512(x, codes);
    return _mm512_test_epi16_mask(codes, _mm512_set1_epi16(0x7fff)) != 0;
}

/* Terms of the listed rows of codes: pairs of codes of two rows, the last one with zeros if their number is odd. */
static inline int64_t pack(const code *rows, int64_t width, const int32_t *list, int64_t number, term *out) {
    __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5,
                                     36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    for (int64_t n = 0; n < number; n += 2, out += width) {
        const code *a = rows + list[n] * width, *b = n + 1 < number ? rows + list[n + 1] * width : 0;
        for (int64_t j = 0; j < width; j += 32) {
            __m512i x = _mm512_loadu_si512(a + j), y = b ? _mm512_loadu_si512(b + j) : _mm512_setzero_si512();
            _mm512_storeu_si512(out + j, _mm512_permutex2var_epi16(x, first, y));
            _mm512_storeu_si512(out + j + 16, _mm512_permutex2var_epi16(x, second, y));
        }
    }
    return (number + 1) / 2;
}

/* As `add_float`, with pairs of bfloat16. */
static inline void add_product(const term *matrix, int64_t pitch, const term *x, int64_t terms, Numbers sum[ROWS]) {
    for (int64_t k = 0; k < terms; k++, matrix += pitch, x += WIDE) {
        __m512bh low = (__m512bh)_mm512_loadu_si512(x), high = (__m512bh)_mm512_loadu_si512(x + 16);
#pragma GCC unroll 9
        for (int r = 0; r < ROWS; r++) {
            __m512bh factor = (__m512bh)_mm512_set1_epi32(matrix[r]);
            sum[r].low = (vector)_mm512_dpbf16_ps((__m512)sum[r].low, factor, low);
            sum[r].high = (vector)_mm512_dpbf16_ps((__m512)sum[r].high, factor, high);
        }
    }
}
#else
#define add_product add_float

static inline Numbers widen(const code *x) { return load(x); }

static inline int narrow(Numbers y, code *x) {
    lanes other = (y.low != 0) | (y.high != 0);
    int32_t any = 0;
    store(y, x);
    for (int j = 0; j < LANES; j++) any |= other[j];
    return any != 0;
}

static inline int64_t pack(const code *rows, int64_t width, const int32_t *list, int64_t number, term *out) {
    for (int64_t n = 0; n < number; n++) memcpy(out + n * width, rows + list[n] * width, width * sizeof(term));
    return number;
}
#endif

/* b where `which` is true, else a. */
static inline vector choose(lanes which, vector a, vector b) {
    return (vector)((which & (lanes)b) | (~which & (lanes)a));
}

/* Soft-thresholding; thresholds can be negative. */
static inline vector shrink(vector x, float lam) {
    vector bound = (vector){0} + lam, above = choose(x < -bound, x, -bound);
    /* A comparison is -1 where it is true. */
    vector sign = __builtin_convertvector((x < 0) - (x > 0), vector);
    return lam >= 0 ? x - choose(above > bound, above, bound) : x - lam * sign;
}

/* Read WIDE patches from the image; Y <- the patches without their means. */
static void read_patches(const float *image, int64_t m, Memory *memory) {
    float mean[WIDE] = {0};
    for (int64_t k = 0; k < m; k++)
        for (int j = 0; j < WIDE; j++) mean[j] += image[memory->offset[k] + j];
    for (int j = 0; j < WIDE; j++) mean[j] /= m;
    for (int64_t k = 0; k < m; k++)
        for (int j = 0; j < WIDE; j++) memory->Y[k * WIDE + j] = image[memory->offset[k] + j] - mean[j];
    memcpy(memory->mean, mean, sizeof mean);
}

/* R <- M (Y - D A) for the atoms that are active (equation 16). */
static void residual(const Sizes *sizes, const code *minus_D, const float *mask, int64_t active, Memory *memory) {
    int64_t m = dimension(sizes), entries = all_entries(sizes);
    int64_t terms = pack(memory->A, WIDE, memory->active, active, memory->X);
    pack(minus_D, entries, memory->active, active, memory->Q);
    for (int64_t k = 0; k < m; k += ROWS) {
        Numbers sum[ROWS];
        for (int r = 0; r < ROWS; r++) sum[r] = load(memory->Y + (k + r) * WIDE);
        add_product(memory->Q + k, entries, memory->X, terms, sum);
        for (int64_t r = 0; r < ROWS && k + r < m; r++) {
            if (mask) {
                Numbers measured = load(mask + memory->offset[k + r]);
                sum[r].low *= measured.low;
                sum[r].high *= measured.high;
            }
            narrow(sum[r], memory->R + (k + r) * WIDE);
        }
    }
}

/* A <- the shrinkage of A + C R; returns the number of active atoms. With `begun` = 0, A counts as zero. */
static int64_t encode(const Sizes *sizes, const term *C, const float *lam, int begun, Memory *memory) {
    int64_t number = 0, atoms = all_atoms(sizes);
    int64_t terms = pack(memory->R, WIDE, memory->every, dimension(sizes), memory->X);
    for (int64_t k = 0; k < sizes->atoms; k += ROWS) {
        Numbers sum[ROWS];
        code *A = memory->A + k * WIDE;
        for (int r = 0; r < ROWS; r++) sum[r] = begun ? widen(A + r * WIDE) : (Numbers){0};
        add_product(C + k, atoms, memory->X, terms, sum);
        for (int64_t r = 0; r < ROWS && k + r < sizes->atoms; r++) {
            Numbers shrunk = {shrink(sum[r].low, lam[k + r]), shrink(sum[r].high, lam[k + r])};
            memory->active[number] = k + r;
            number += narrow(shrunk, A + r * WIDE);
        }
    }
    return number;
}

/* Add the estimates W A + mean of the first `valid` patches to `total`, whose channels have (rows, pitch) values. */
static void decode(const Sizes *sizes, const float *W, int64_t active, int64_t valid, float *total, int64_t rows,
                   int64_t pitch, Memory *memory) {
    int64_t side = sizes->patch_size, m = dimension(sizes), entries = all_entries(sizes);
    float *Q = (float *)memory->Q;
    for (int64_t n = 0; n < active; n++) {
        store(widen(memory->A + memory->active[n] * WIDE), memory->wide + n * WIDE);
        memcpy(Q + n * entries, W + memory->active[n] * entries, entries * sizeof *W);
    }
    for (int64_t k = 0; k < m; k += ROWS) {
        Numbers sum[ROWS];
        for (int r = 0; r < ROWS; r++) sum[r] = load(memory->mean);
        add_float(Q + k, entries, memory->wide, active, sum);
        for (int64_t r = 0; r < ROWS && k + r < m; r++) {
            int64_t channel = (k + r) / (side * side), row = (k + r) / side % side, column = (k + r) % side;
            float *out = total + (channel * rows + row) * pitch + column;
            float estimate[WIDE];
            store(sum[r], estimate);
            for (int64_t j = 0; j < valid; j++) out[j] += estimate[j];
        }
    }
}

/* Add the estimates of the patches of a tile to its pixels, `total` (channels, rows, columns).

`image` and `mask` (channels, height, width) are those of the whole image and have WIDE more values than they need,
because whole vectors are read; `mask` is null where all values were measured. */
void coding_tile(const Sizes *sizes, const Bounds *tile, const code *minus_D, const term *C, const float *W,
                 const float *lam, const float *image, const float *mask, float *total, char *scratch) {
    Memory memory;
    divide(sizes, scratch, &memory);
    int64_t side = sizes->patch_size, rows = tile->bottom - tile->top + side - 1;
    int64_t pitch = tile->right - tile->left + side - 1;
    for (int64_t k = 0; k < dimension(sizes); k++) {
        int64_t channel = k / (side * side), row = k / side % side;
        memory.offset[k] = (channel * sizes->height + row) * sizes->width + k % side;
        memory.every[k] = k;
    }
    for (int64_t y = tile->top; y < tile->bottom; y++)
        for (int64_t x = tile->left; x < tile->right; x += WIDE) {
            int64_t start = y * sizes->width + x, active = 0;
            read_patches(image + start, dimension(sizes), &memory);
            for (int64_t step = 0; step < sizes->iterations; step++) {
                residual(sizes, minus_D, mask ? mask + start : 0, active, &memory);
                active = encode(sizes, C, lam + step * sizes->atoms, step > 0, &memory);
            }
            float *out = total + (y - tile->top) * pitch + x - tile->left;
            decode(sizes, W, active, least(WIDE, tile->right - x), out, rows, pitch, &memory);
        }
}
