// The loops for AVX-512.
#if defined(__x86_64__)
#define FL_LEVEL 3
#define FL_TABLE fl_kernels_avx512
// Before the attribute, which is for our own functions.
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,lzcnt,movbe,popcnt,avx512f,avx512bw,avx512dq,avx512vl,evex512"))), apply_to = function)
#include "loops/all.h"
#pragma clang attribute pop
#endif
