/* Chooses the instructions that this processor has. Called through bench/networks/compiled.py, which says when. */

#include "encoder.h"

#ifdef __x86_64__

static int has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

int supported(void) { return has_avx512() || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")); }

/* The first row of the last layer for `batch` programs, padded at their ends to `longest` tokens.
 *
 * ids and types have shape (batch, longest); types may be NULL, for zeros; program b has lengths[b] tokens. out has
 * shape (batch, hidden); it is NaN for a program without tokens. Heads are at most WIDEST numbers wide. Returns DONE,
 * NO_MEMORY, or NO_ROW where a table has none for a token. Only where supported() says 1.
 */
int encode(ARGUMENTS) {
    int (*const chosen)(ARGUMENTS) = has_avx512() ? encode_avx512 : encode_avx2;
    return chosen(embeddings, layers, shape, ids, types, lengths, out, batch, longest);
}

#else

int supported(void) { return 0; }

#endif
