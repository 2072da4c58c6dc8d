// Checks of values that came over the network.
#pragma once
#include "vector.h"

// Bytes come as the network cut them: no alignment is asked for.
typedef float __attribute__((aligned(1))) any_float;
typedef double __attribute__((aligned(1))) any_double;
typedef int32_t __attribute__((aligned(1))) any_int32;

// A value that is no number is in no range: every comparison with it is false.
#define OUTSIDE(name, type, value)                                             \
  static size_t name(const void *x, size_t n, value low, value high) {         \
    const type *v = x;                                                         \
    size_t count = 0;                                                          \
    for (size_t i = 0; i < n; i++) count += !((v[i] >= low) & (v[i] <= high)); \
    return count;                                                              \
  }

OUTSIDE(f32_outside, any_float, float)
OUTSIDE(f64_outside, any_double, double)
OUTSIDE(i32_outside, any_int32, int32_t)
OUTSIDE(u8_outside, uint8_t, uint8_t)
#undef OUTSIDE

static void gram_times(double *z, const float *u, size_t rows, size_t columns, const float *x) {
  FL_FUSED
  for (size_t i = 0; i < columns; i++) z[i] = 0;
  for (size_t r = 0; r < rows; r++) {
    const float *row = u + r * columns;
    v16 sums = {0};
    for (size_t i = 0; i < columns; i += 16) sums += get_some(row + i, columns - i) * get_some(x + i, columns - i);
    double total = 0;
    for (size_t j = 0; j < 16; j++) total += sums[j];
    for (size_t k = 0; k < columns; k++) z[k] += total * row[k];
  }
}
