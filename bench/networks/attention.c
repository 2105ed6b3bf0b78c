/* Softmax attention for narrow heads on one CPU core: out = softmax(q k' / sqrt(width)) v, in float32.
 *
 * A 3 MB student has heads of some 12 numbers, where general kernels spend their time between small matrix products.
 * Here four queries meet sixteen keys at a time, in registers; scores of one block stay in the first cache, and what
 * is padding is never looked at. Follows the usual stable softmax (the largest score is subtracted). Left out: dropout,
 * other masks, gradients, threads. Called through attention.py, which says when; the vector types are GNU C.
 */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, KEYS = 2 * LANES, ROWS = 4, WIDEST = 32 };

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef float Unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define AT(pointer) (*(Unaligned *)(pointer))
/* a where it is larger; b elsewhere, so also where one of them is NaN. */
#define LARGER(a, b) ((Floats)(((Ints)(a) & ((a) > (b))) | ((Ints)(b) & ~((a) > (b)))))

static const float LEAST = -3e38f;

/* 2^x for x <= 0, relative error below 3e-7: an integer power times a Taylor series on [-1/2, 1/2]. NaN stays NaN. */
#define POWER_OF_TWO(result, x)                                                                                        \
    do {                                                                                                               \
        const Floats bounded = LARGER((Floats){0} - 120.0f, x), shifted = bounded + 12582912.0f;                       \
        const Floats f = bounded - (shifted - 12582912.0f);                                                            \
        Floats series = f * 1.5403530e-4f + 1.3333558e-3f;                                                             \
        series = series * f + 9.6181291e-3f;                                                                           \
        series = series * f + 5.5504109e-2f;                                                                           \
        series = series * f + 2.4022651e-1f;                                                                           \
        series = series * f + 6.9314718e-1f;                                                                           \
        series = series * f + 1.0f;                                                                                    \
        result = (Floats)((Ints)series + ((Ints)shifted << 23));                                                       \
    } while (0)

INLINE int64_t rounded_up(int64_t number, int64_t step) { return (number + step - 1) / step * step; }

/* Scores of ROWS queries against all keys, for powers of two; returns the largest of each query. */
INLINE void score(const float q[ROWS][WIDEST], const float *keys, float *scores, float *largest, int64_t n, int64_t room,
                  int64_t width) {
    Floats top[ROWS];
    for (int r = 0; r < ROWS; r++) top[r] = (Floats){0} + LEAST;
    for (int64_t j = 0; j < room; j += KEYS) {
        Floats low[ROWS] = {{0}}, high[ROWS] = {{0}};
        for (int64_t c = 0; c < width; c++) {
            const Floats x = AT(keys + c * room + j), y = AT(keys + c * room + j + LANES);
            for (int r = 0; r < ROWS; r++) low[r] += q[r][c] * x, high[r] += q[r][c] * y;
        }
        for (int r = 0; r < ROWS; r++) {
            float *at = scores + r * room + j;
            AT(at) = low[r], AT(at + LANES) = high[r];
            for (int64_t i = n - j; i < KEYS; i++) at[i] = LEAST;
            top[r] = LARGER(top[r], AT(at));
            top[r] = LARGER(top[r], AT(at + LANES));
        }
    }
    for (int r = 0; r < ROWS; r++) {
        largest[r] = LEAST;
        for (int i = 0; i < LANES; i++) largest[r] = top[r][i] > largest[r] ? top[r][i] : largest[r];
    }
}

/* Turns scores of one query into weights in place; returns their sum. */
INLINE float weigh(float *scores, float largest, int64_t room) {
    Floats sum = {0}, weight;
    for (int64_t j = 0; j < room; j += LANES) {
        POWER_OF_TWO(weight, AT(scores + j) - largest);
        AT(scores + j) = weight;
        sum += weight;
    }
    float total = 0;
    for (int i = 0; i < LANES; i++) total += sum[i];
    return total;
}

/* Weighted means of KEYS columns of the values from `column` on, for ROWS queries. */
INLINE void mix(const float *weights, const float *values, const float *total, float mixed[ROWS][WIDEST], int64_t n,
                int64_t room, int64_t stride, int64_t column) {
    Floats low[ROWS] = {{0}}, high[ROWS] = {{0}};
    for (int64_t j = 0; j < n; j++) {
        const Floats x = AT(values + j * stride + column), y = AT(values + j * stride + column + LANES);
        for (int r = 0; r < ROWS; r++) low[r] += weights[r * room + j] * x, high[r] += weights[r * room + j] * y;
    }
    for (int r = 0; r < ROWS; r++) {
        AT(mixed[r] + column) = low[r] / total[r];
        AT(mixed[r] + column + LANES) = high[r] / total[r];
    }
}

/* One head of one program: n tokens, `asked` queries. Rows are `apart` numbers apart, those of out are `hidden`; heads
 * have `width` numbers, here filled up with zeros to `filled`, which the compiler knows. */
INLINE void head(const float *q, const float *k, const float *v, float *out, int64_t n, int64_t asked, int64_t apart,
                 int64_t hidden, int64_t width, int64_t filled, float *scratch) {
    const int64_t room = rounded_up(n, KEYS), stride = rounded_up(filled, KEYS);
    float *keys = scratch, *values = keys + filled * room, *scores = values + n * stride;
    memset(scratch, 0, sizeof(float) * (filled * room + n * stride));
    for (int64_t j = 0; j < n; j++) {
        for (int64_t c = 0; c < width; c++) keys[c * room + j] = k[j * apart + c];
        memcpy(values + j * stride, v + j * apart, sizeof(float) * width);
    }
    const float scale = 1.44269504f / sqrtf((float)width); /* log2(e): powers of two give the exponentials of softmax */
    float queries[ROWS][WIDEST] = {{0}}, mixed[ROWS][WIDEST], largest[ROWS], total[ROWS];
    for (int64_t first = 0; first < asked; first += ROWS) {
        const int64_t rows = asked - first < ROWS ? asked - first : ROWS;
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < width; c++) queries[r][c] = q[(first + r) * apart + c] * scale;
        score(queries, keys, scores, largest, n, room, filled);
        for (int r = 0; r < ROWS; r++) total[r] = weigh(scores + r * room, largest[r], room);
        for (int64_t column = 0; column < stride; column += KEYS)
            mix(scores, values, total, mixed, n, room, stride, column);
        for (int64_t r = 0; r < rows; r++) memcpy(out + (first + r) * hidden, mixed[r], sizeof(float) * width);
    }
}

INLINE int all(const float *q, const float *k, const float *v, const int64_t *lengths, float *out, int64_t batch,
               int64_t asked, int64_t longest, int64_t apart, int64_t heads, int64_t width, int64_t filled) {
    const int64_t room = rounded_up(longest, KEYS), hidden = heads * width;
    float *scratch = malloc(sizeof(float) * room * (filled + rounded_up(filled, KEYS) + ROWS));
    if (scratch == NULL) return 1;
    for (int64_t b = 0; b < batch; b++) {
        const int64_t n = lengths[b], real = asked < n ? asked : n;
        float *rows = out + b * asked * hidden;
        for (int64_t h = 0; h < heads; h++) {
            const int64_t at = b * longest * apart + h * width;
            head(q + at, k + at, v + at, rows + h * width, n, real, apart, hidden, width, filled, scratch);
        }
        memset(rows + real * hidden, 0, sizeof(float) * (asked - real) * hidden);
    }
    free(scratch);
    return 0;
}

#define ARGUMENTS                                                                                                      \
    const float *q, const float *k, const float *v, const int64_t *lengths, float *out, int64_t batch, int64_t asked,  \
        int64_t longest, int64_t apart, int64_t heads, int64_t width

#define CASE(filled)                                                                                                   \
    case filled:                                                                                                       \
        return all(q, k, v, lengths, out, batch, asked, longest, apart, heads, width, filled)

INLINE int by_width(ARGUMENTS) {
    switch (rounded_up(width, 4)) {
        CASE(4);
        CASE(8);
        CASE(12);
        CASE(16);
        CASE(20);
        CASE(24);
        CASE(28);
        CASE(WIDEST);
    }
    return 1;
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static int by_avx2(ARGUMENTS) {
    return by_width(q, k, v, lengths, out, batch, asked, longest, apart, heads, width);
}
#endif

/* Attention of `batch` programs, padded at their ends to `longest` tokens, for the first `asked` of them.
 *
 * q, k and v have shape (batch, longest, heads * width) in rows that begin `apart` numbers apart; out has shape (batch,
 * asked, heads * width) and is contiguous. Program b has lengths[b] tokens, at least one; rows of out beyond are zeros.
 * width is at most WIDEST. Returns 0, or 1 without memory or with wider heads.
 */
int attend(ARGUMENTS) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return by_avx2(q, k, v, lengths, out, batch, asked, longest, apart, heads, width);
#endif
    return by_width(q, k, v, lengths, out, batch, asked, longest, apart, heads, width);
}
