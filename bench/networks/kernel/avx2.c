/* For processors of x86 with AVX2: sixteen registers of eight numbers. */

#ifdef __x86_64__

#define TARGET __attribute__((target("avx2,fma")))
#define ENCODE encode_avx2

enum { LANES = 8, VECTORS = 3, OUTS = 4, KEYS = 8, COLUMNS = 12 };

#include "layers.h"

#endif
