// The loops for AVX-512 with BF16 dot products.
#if defined(__x86_64__)
#define FL_LEVEL 4
#define FL_TABLE fl_kernels_avx512_bf16
// Before the attribute, which is for our own functions.
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,lzcnt,movbe,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,evex512"))), apply_to = function)
#include "loops/all.h"
#pragma clang attribute pop
#endif
