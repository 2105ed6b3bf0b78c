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

typedef struct {
    int64_t hidden, heads, ffn, layers, activation;
    float epsilon; /* of the norms */
} Shape;

#define ARGUMENTS                                                                                                      \
    const Layer *layers, const Shape *shape, const float *in, const int64_t *lengths, float *out, int64_t batch,       \
        int64_t longest

int encode_avx2(ARGUMENTS);
int encode_avx512(ARGUMENTS);

#endif
