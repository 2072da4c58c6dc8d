#include "dispatch.h"
#include "include/kernels.h"

// Bytes come as the network cut them: no alignment is asked for.
typedef float __attribute__((aligned(1))) any_float;
typedef double __attribute__((aligned(1))) any_double;
typedef int32_t __attribute__((aligned(1))) any_int32;

// A value that is no number is in no range: every comparison with it is false.
#define OUTSIDE(name, type, value)                                        \
  FL_CLONES size_t name(const void *x, size_t n, value low, value high) { \
    const type *v = x;                                                    \
    size_t count = 0;                                                     \
    for (size_t i = 0; i < n; i++) count += !((v[i] >= low) & (v[i] <= high)); \
    return count;                                                         \
  }

OUTSIDE(fl_f32_outside, any_float, float)
OUTSIDE(fl_f64_outside, any_double, double)
OUTSIDE(fl_i32_outside, any_int32, int32_t)
OUTSIDE(fl_u8_outside, uint8_t, uint8_t)

FL_CLONES void fl_gram_times(double *z, const float *u, size_t rows, size_t columns, const float *x) {
  for (size_t i = 0; i < columns; i++) z[i] = 0;
  for (size_t r = 0; r < rows; r++) {
    const float *row = u + r * columns;
    float sums[16] = {0};
    size_t i = 0;
    for (; i + 16 <= columns; i += 16)
      for (size_t j = 0; j < 16; j++) sums[j] += row[i + j] * x[i + j];
    double dot = 0;
    for (size_t j = 0; j < 16; j++) dot += sums[j];
    for (; i < columns; i++) dot += (double)row[i] * x[i];
    for (size_t k = 0; k < columns; k++) z[k] += dot * row[k];
  }
}
