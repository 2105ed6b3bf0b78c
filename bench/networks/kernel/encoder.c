/* Chooses the instructions that this processor has. Called through bench/networks/compiled.py, which says when. */

#include "encoder.h"

#ifdef __x86_64__

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

int supported(void) { return has_avx512() || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")); }

/* The first row of the last layer for `batch` programs, padded at their ends to `longest` tokens.
 *
 * in has shape (batch, longest, hidden), the embedded tokens; program b has lengths[b] of them. out has shape (batch,
 * hidden); it is NaN for a program without tokens. Heads are at most WIDEST numbers wide. Returns 0, or 1 where there is
 * no memory. Only where supported() says 1.
 */
int encode(ARGUMENTS) {
    return (has_avx512() ? encode_avx512 : encode_avx2)(layers, shape, in, lengths, out, batch, longest);
}

#else

int supported(void) { return 0; }

#endif
