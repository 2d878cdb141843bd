/* Vectors, and the type of codes, for the instructions that a file is compiled for. */

#ifndef NUMBERS_H
#define NUMBERS_H

#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16 /* numbers in a vector */
#else
#define LANES 8
#endif

typedef float vector __attribute__((vector_size(4 * LANES)));

#ifdef __AVX512BF16__
#include <immintrin.h>
typedef uint16_t code; /* a bfloat16 */

static inline float number(code x) {
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

/* The nearest bfloat16, ties to even; NaN stays NaN. */
static inline code rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint32_t nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return x == x ? nearest : 0x7fc0;
}
#else
typedef float code;
static inline float number(code x) { return x; }
static inline code rounded(float x) { return x; }
#endif

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* The next multiple of `step`. */
static inline int64_t multiple(int64_t x, int64_t step) { return (x + step - 1) / step * step; }

#endif
