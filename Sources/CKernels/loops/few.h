// Products of up to eight rows with a large matrix: sixteen outputs are the lanes, and the weights are transposed in
// registers on their way. A row of x in the lanes, as small.h has it, would leave most of them empty.
#pragma once
#include "vector.h"

#if FL_LEVEL >= 3
#define FL_FEW_ROWS 8

// Lanes of a whose bit `s` is clear, and those of b moved up into the others; and the same of what was left out.
#define FL_LANE_LOW(l, s) ((l) & (s) ? 16 + (l) - (s) : (l))
#define FL_LANE_HIGH(l, s) ((l) & (s) ? 16 + (l) : (l) + (s))
#define FL_LANES(f, s)                                                                                              \
  f(0, s), f(1, s), f(2, s), f(3, s), f(4, s), f(5, s), f(6, s), f(7, s), f(8, s), f(9, s), f(10, s), f(11, s),     \
      f(12, s), f(13, s), f(14, s), f(15, s)
#define FL_EXCHANGE(s)                                                            \
  FL_UNROLL for (int i = 0; i < 16; i++) {                                        \
    if (i & (s)) continue;                                                        \
    v16 a = v[i], b = v[i + (s)];                                                 \
    v[i] = __builtin_shufflevector(a, b, FL_LANES(FL_LANE_LOW, s));               \
    v[i + (s)] = __builtin_shufflevector(a, b, FL_LANES(FL_LANE_HIGH, s));        \
  }

// Lane j of vector i becomes lane i of vector j.
FL_INLINE void transpose16(v16 *v) {
  FL_EXCHANGE(8)
  FL_EXCHANGE(4)
  FL_EXCHANGE(2)
  FL_EXCHANGE(1)
}

// y[m][n] for m < rows and sixteen outputs n; x as fl_pack_transposed leaves it. `rows`, a constant, may be more than the
// `count` that exist.
FL_INLINE void few_tile_of(const int rows, float *y, size_t ldy, const float *x, const float *w, size_t inputs,
                           size_t count) {
  FL_FUSED
  v16 sums[FL_FEW_ROWS];
  FL_UNROLL for (int r = 0; r < rows; r++) sums[r] = (v16){0};
  for (size_t k = 0; k < inputs; k += 16) {
    size_t left = least(inputs - k, 16);
    v16 v[16];
    FL_UNROLL for (int i = 0; i < 16; i++) v[i] = get_some(w + (size_t)i * inputs + k, left);
    transpose16(v);
    FL_UNROLL for (size_t i = 0; i < 16; i++) {
      if (i < left) {
        FL_UNROLL for (int r = 0; r < rows; r++) sums[r] += x[16 * (k + i) + (size_t)r] * v[i];
      }
    }
  }
  FL_UNROLL for (int r = 0; r < rows; r++)
    if ((size_t)r < count) put(y + (size_t)r * ldy, sums[r]);
}

static __attribute__((noinline)) void few_outputs(float *y, size_t ldy, const float *x, const float *w, size_t inputs,
                                                  size_t count) {
  if (count == 1) few_tile_of(1, y, ldy, x, w, inputs, count);
  else if (count == 2) few_tile_of(2, y, ldy, x, w, inputs, count);
  else if (count <= 4) few_tile_of(4, y, ldy, x, w, inputs, count);
  else few_tile_of(FL_FEW_ROWS, y, ldy, x, w, inputs, count);
}
#endif
