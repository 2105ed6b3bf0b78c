/* The encoder of a small RoBERTa on one CPU core, for the row that a classifier reads, the first; in float32.
 *
 * A 3 MB student is 96 numbers wide and has heads of 12: general kernels spend their time between small products. Here
 * one program goes through all layers at a time, in the second cache, and nothing is computed for padding. Tables are
 * stored by feature: row i holds number i of every token, so that a vector holds one number of LANES tokens, sums run
 * down the rows, and weights and keys are read as single numbers, as torch keeps them. Follows transformers' post-norm
 * encoder without dropout, with the stable softmax (the largest score is subtracted). Left out: gradients, relative
 * positions, threads. The vector types are GNU C.
 *
 * Included by one file for each set of instructions, which defines LANES, the numbers of a vector; VECTORS, OUTS, KEYS
 * and COLUMNS, what is summed at once so that the sums stay in registers; TARGET, the set; and ENCODE, its name.
 */

#include <math.h>
#include <stdlib.h>

#include "encoder.h"

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef float Unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define AT(pointer) (*(Unaligned *)(pointer))
/* a where the condition holds; b elsewhere. */
#define WHERE(condition, a, b) ((Floats)(((Ints)(a) & (condition)) | ((Ints)(b) & ~(condition))))
#define LARGER(a, b) WHERE((a) > (b), a, b)

enum { ROUND = 16, ALIGNMENT = 4 * ROUND }; /* tokens of a row; bytes at which rows begin */

static const float LEAST = -3e38f;

/* 2^x for x <= 0, relative error below 3e-7: an integer power times a polynomial on [-1/2, 1/2]. NaN stays NaN. */
INLINE Floats power_of_two(Floats x) {
    const Floats bounded = LARGER((Floats){0} - 120.0f, x), shifted = bounded + 12582912.0f;
    const Floats f = bounded - (shifted - 12582912.0f);
    Floats series = f * 1.5403530e-4f + 1.3333558e-3f;
    series = series * f + 9.6181291e-3f;
    series = series * f + 5.5504109e-2f;
    series = series * f + 2.4022651e-1f;
    series = series * f + 6.9314718e-1f;
    series = series * f + 1.0f;
    return (Floats)((Ints)series + ((Ints)shifted << 23));
}

INLINE Floats exponential(Floats x) { return power_of_two(x * 1.44269504f); }

/* x times the logistic function of y. */
INLINE Floats gated(Floats x, Floats y) {
    const Floats small = exponential(WHERE(y > 0.0f, -y, y));
    return x * WHERE(y > 0.0f, (Floats){0} + 1.0f, small) / (1.0f + small);
}

/* x Phi(x), with the error function of Abramowitz and Stegun (1964), 7.1.26: off by 1.5e-7 at most. */
INLINE Floats gelu(Floats x) {
    const Floats size = WHERE(x > 0.0f, x, -x) * 0.70710678f, t = 1.0f / (1.0f + 0.3275911f * size);
    Floats series = t * 1.061405429f - 1.453152027f;
    series = series * t + 1.421413741f;
    series = series * t - 0.284496736f;
    series = series * t + 0.254829592f;
    const Floats beyond = 0.5f * series * t * exponential(-size * size);
    return x * WHERE(x > 0.0f, 1.0f - beyond, beyond);
}

INLINE Floats activated(Floats x, int64_t activation) {
    switch (activation) {
        case RELU:
            return WHERE(x < 0.0f, (Floats){0}, x);
        case SILU:
            return gated(x, x);
        case GELU_NEW: /* (1 + tanh(y)) / 2 is the logistic function of 2y */
            return gated(x, 1.59576912f * (x + 0.044715f * x * x * x));
    }
    return gelu(x);
}

/* `outs` rows of out = weight in + bias, for `vectors` vectors of tokens. */
INLINE void linear_block(const float *weight, const float *bias, const float *in, float *out, int64_t inputs,
                         int64_t room, const int outs, const int vectors) {
    Floats sum[OUTS][VECTORS], x[VECTORS];
    for (int o = 0; o < outs; o++)
        for (int v = 0; v < vectors; v++) sum[o][v] = (Floats){0} + bias[o];
    for (int64_t i = 0; i < inputs; i++) {
        for (int v = 0; v < vectors; v++) x[v] = AT(in + i * room + v * LANES);
        for (int o = 0; o < outs; o++)
            for (int v = 0; v < vectors; v++) sum[o][v] += weight[o * inputs + i] * x[v];
    }
    for (int o = 0; o < outs; o++)
        for (int v = 0; v < vectors; v++) AT(out + o * room + v * LANES) = sum[o][v];
}

INLINE void linear_strip(const float *weight, const float *bias, const float *in, float *out, int64_t inputs,
                         int64_t outputs, int64_t room, const int vectors) {
    int64_t o = 0;
    for (; o + OUTS <= outputs; o += OUTS)
        linear_block(weight + o * inputs, bias + o, in, out + o * room, inputs, room, OUTS, vectors);
    for (; o < outputs; o++)
        linear_block(weight + o * inputs, bias + o, in, out + o * room, inputs, room, 1, vectors);
}

/* out = weight in + bias for the first `tokens` tokens. */
INLINE void linear(const float *weight, const float *bias, const float *in, float *out, int64_t inputs, int64_t outputs,
                   int64_t tokens, int64_t room) {
    int64_t t = 0;
    for (; t + VECTORS * LANES <= tokens; t += VECTORS * LANES)
        linear_strip(weight, bias, in + t, out + t, inputs, outputs, room, VECTORS);
    for (; t < tokens; t += LANES) linear_strip(weight, bias, in + t, out + t, inputs, outputs, room, 1);
}

/* Scores of LANES queries against `keys` keys, for powers of two; returns the largest of each query until now. */
INLINE Floats score(const Floats *query, const float *k, float *scores, Floats largest, int64_t width, int64_t room,
                    const int keys) {
    Floats sum[KEYS] = {{0}};
    for (int64_t c = 0; c < width; c++)
        for (int j = 0; j < keys; j++) sum[j] += k[c * room + j] * query[c];
    for (int j = 0; j < keys; j++) {
        AT(scores + j * LANES) = sum[j];
        largest = LARGER(largest, sum[j]);
    }
    return largest;
}

/* Turns scores into weights in place; returns their sums. */
INLINE Floats weigh(float *scores, Floats largest, int64_t n) {
    Floats total = {0};
    for (int64_t j = 0; j < n; j++) {
        const Floats weight = power_of_two(AT(scores + j * LANES) - largest);
        AT(scores + j * LANES) = weight;
        total += weight;
    }
    return total;
}

/* Weighted means of `columns` rows of values, for LANES queries. */
INLINE void mix(const float *weights, const float *v, float *out, Floats total, int64_t n, int64_t room,
                const int columns) {
    Floats sum[COLUMNS] = {{0}};
    for (int64_t j = 0; j < n; j++) {
        const Floats weight = AT(weights + j * LANES);
        for (int c = 0; c < columns; c++) sum[c] += v[c * room + j] * weight;
    }
    for (int c = 0; c < columns; c++) AT(out + c * room) = sum[c] / total;
}

/* One head of one program: its first `asked` tokens look at all n. */
INLINE void attend(const float *q, const float *k, const float *v, float *out, int64_t n, int64_t asked, int64_t room,
                   int64_t width, float *scores) {
    const float scale = 1.44269504f / sqrtf((float)width); /* log2(e): powers of two give the exponentials of softmax */
    Floats query[WIDEST];
    for (int64_t t = 0; t < asked; t += LANES) {
        Floats largest = (Floats){0} + LEAST;
        for (int64_t c = 0; c < width; c++) query[c] = AT(q + c * room + t) * scale;
        int64_t j = 0, c = 0;
        for (; j + KEYS <= n; j += KEYS) largest = score(query, k + j, scores + j * LANES, largest, width, room, KEYS);
        for (; j < n; j++) largest = score(query, k + j, scores + j * LANES, largest, width, room, 1);
        const Floats total = weigh(scores, largest, n);
        float *const to = out + t;
        for (; c + COLUMNS <= width; c += COLUMNS) mix(scores, v + c * room, to + c * room, total, n, room, COLUMNS);
        for (; c + 4 <= width; c += 4) mix(scores, v + c * room, to + c * room, total, n, room, 4);
        for (; c < width; c++) mix(scores, v + c * room, to + c * room, total, n, room, 1);
    }
}

/* x = norm(x + change), token by token, for the first `tokens`. */
INLINE void add_and_normalise(float *x, const float *change, const float *weight, const float *bias, float epsilon,
                              int64_t rows, int64_t tokens, int64_t room) {
    for (int64_t t = 0; t < tokens; t += LANES) {
        Floats mean = {0}, variance = {0};
        for (int64_t i = 0; i < rows; i++) {
            AT(x + i * room + t) += AT(change + i * room + t);
            mean += AT(x + i * room + t);
        }
        mean /= (float)rows;
        for (int64_t i = 0; i < rows; i++) {
            const Floats apart = AT(x + i * room + t) - mean;
            variance += apart * apart;
        }
        variance = variance / (float)rows + epsilon;
        for (int i = 0; i < LANES; i++) variance[i] = 1.0f / sqrtf(variance[i]);
        for (int64_t i = 0; i < rows; i++)
            AT(x + i * room + t) = (AT(x + i * room + t) - mean) * variance * weight[i] + bias[i];
    }
}

/* One layer over n tokens, in place, for the first `asked` of them. */
INLINE void layer(const Layer *own, Shape shape, float *x, float *scratch, int64_t n, int64_t asked, int64_t room) {
    const int64_t hidden = shape.hidden, part = hidden * room, width = hidden / shape.heads;
    float *q = scratch, *k = q + part, *v = k + part, *mixed = v + part, *scores = mixed + part, *inner = k;
    linear(own->query, own->query_bias, x, q, hidden, hidden, asked, room);
    linear(own->key, own->key_bias, x, k, hidden, hidden, n, room);
    linear(own->value, own->value_bias, x, v, hidden, hidden, n, room);
    for (int64_t at = 0; at < part; at += width * room)
        attend(q + at, k + at, v + at, mixed + at, n, asked, room, width, scores);
    linear(own->mixed, own->mixed_bias, mixed, q, hidden, hidden, asked, room);
    add_and_normalise(x, q, own->norm, own->norm_bias, shape.epsilon, hidden, asked, room);
    linear(own->inner, own->inner_bias, x, inner, hidden, shape.ffn, asked, room);
    for (int64_t i = 0; i < shape.ffn; i++)
        for (int64_t t = 0; t < asked; t += LANES)
            AT(inner + i * room + t) = activated(AT(inner + i * room + t), shape.activation);
    linear(own->outer, own->outer_bias, inner, q, shape.ffn, hidden, asked, room);
    add_and_normalise(x, q, own->last_norm, own->last_norm_bias, shape.epsilon, hidden, asked, room);
}

/* x = the embeddings of n tokens, normalised; places are counted over words that are no padding. */
INLINE int embed(const Embeddings *own, Shape shape, const int64_t *ids, const int64_t *types, float *x, float *scratch,
                 int64_t n, int64_t room) {
    for (int64_t t = 0, seen = 0; t < room; t++) {
        const int64_t id = t < n ? ids[t] : shape.padding, type = t < n && types != NULL ? types[t] : 0;
        const int64_t place = shape.padding + (id == shape.padding ? 0 : ++seen);
        if (id < 0 || id >= shape.words || place >= shape.places || type < 0 || type >= shape.types) return 0;
        for (int64_t i = 0, hidden = shape.hidden; i < hidden; i++) {
            x[i * room + t] = own->words[id * hidden + i];
            scratch[i * room + t] = own->places[place * hidden + i] + own->types[type * hidden + i];
        }
    }
    add_and_normalise(x, scratch, own->norm, own->norm_bias, shape.epsilon, shape.hidden, room, room);
    return 1;
}

TARGET int ENCODE(ARGUMENTS) {
    const int64_t hidden = shape->hidden, most = (longest + ROUND - 1) / ROUND * ROUND;
    const int64_t attention = 3 * hidden + LANES, rows = attention > shape->ffn ? attention : shape->ffn;
    float *x = aligned_alloc(ALIGNMENT, sizeof(float) * most * (2 * hidden + rows));
    if (x == NULL) return NO_MEMORY;
    int state = DONE;
    for (int64_t b = 0; b < batch && state == DONE; b++) {
        const int64_t n = lengths[b], room = (n + ROUND - 1) / ROUND * ROUND, first = b * longest;
        float *scratch = x + hidden * room;
        if (!embed(embeddings, *shape, ids + first, types ? types + first : NULL, x, scratch, n, room)) state = NO_ROW;
        for (int64_t l = 0; l < shape->layers && state == DONE; l++)
            layer(layers + l, *shape, x, scratch, n, l + 1 < shape->layers ? n : 1, room);
        for (int64_t i = 0; i < hidden; i++) out[b * hidden + i] = n > 0 ? x[i * room] : NAN;
    }
    free(x);
    return state;
}
