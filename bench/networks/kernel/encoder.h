/* What the parts of the kernel share; bench/networks/compiled.py fills the same structures. */

#ifndef ENCODER_H
#define ENCODER_H

#include <stdint.h>

enum { WIDEST = 64 }; /* numbers of a head */

/* Numbers of one layer, in the order of its parameters in torch; each weight has shape (outputs, inputs). */
typedef struct {
    const float *query, *query_bias, *key, *key_bias, *value, *value_bias, *mixed, *mixed_bias, *norm, *norm_bias;
    const float *inner, *inner_bias, *outer, *outer_bias, *last_norm, *last_norm_bias;
} Layer;

typedef enum { GELU, RELU, SILU, GELU_NEW } Activation;

/* Tables with a row of numbers for each word, place and type of token, and the norm of their sum. */
typedef struct {
    const float *words, *places, *types, *norm, *norm_bias;
} Embeddings;

typedef struct {
    int64_t words, places, types, padding; /* rows of the tables; the word that fills a batch up */
    int64_t hidden, heads, ffn, layers, activation;
    float epsilon; /* of the norms */
} Shape;

enum { DONE, NO_MEMORY, NO_ROW };

#define ARGUMENTS                                                                                                      \
    const Embeddings *embeddings, const Layer *layers, const Shape *shape, const int64_t *ids, const int64_t *types,   \
        const int64_t *lengths, float *out, int64_t batch, int64_t longest

int encode_avx2(ARGUMENTS);
int encode_avx512(ARGUMENTS);

#endif
