// The loops for AVX2 and FMA.
#if defined(__x86_64__)
#define FL_LEVEL 2
#define FL_TABLE fl_kernels_avx2
// Before the attribute, which is for our own functions.
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,lzcnt,movbe,popcnt"))), apply_to = function)
#include "loops/all.h"
#pragma clang attribute pop
#endif
