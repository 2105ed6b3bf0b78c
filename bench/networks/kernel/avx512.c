/* For processors of x86 with AVX-512: 32 registers of sixteen numbers. */

#ifdef __x86_64__

#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,fma")))
#define ENCODE encode_avx512

enum { LANES = 16, VECTORS = 3, OUTS = 8, KEYS = 8, COLUMNS = 12 };

#include "layers.h"

#endif
