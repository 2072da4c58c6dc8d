// One token's queries against the keys before it.
#pragma once
#include "vector.h"

// Σ q k over `dim` values: value i goes to lane i mod 16, and the lanes are folded in halves.
FL_INLINE v16 lane_products(const float *q, const float *k, size_t dim) {
  FL_FUSED
  v16 sum = {0};
  size_t i = 0;
  for (; i + 16 <= dim; i += 16) sum += get(q + i) * get(k + i);
  if (i < dim) sum += get_some(q + i, dim - i) * get_some(k + i, dim - i);
  return sum;
}

// The lanes of v folded down to four.
FL_INLINE v4 fold_to_4(v16 v) {
  typedef float v8 __attribute__((vector_size(32)));
  v8 e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  return __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
}

// The folds of four vectors, side by side: the additions that `fold` does, in its order.
FL_INLINE v4 fold_4(v16 a, v16 b, v16 c, v16 d) {
  v4 p = fold_to_4(a), q = fold_to_4(b), r = fold_to_4(c), s = fold_to_4(d);
  v4 pq = __builtin_shufflevector(p, q, 0, 1, 4, 5) + __builtin_shufflevector(p, q, 2, 3, 6, 7);
  v4 rs = __builtin_shufflevector(r, s, 0, 1, 4, 5) + __builtin_shufflevector(r, s, 2, 3, 6, 7);
  return __builtin_shufflevector(pq, rs, 0, 2, 4, 6) + __builtin_shufflevector(pq, rs, 1, 3, 5, 7);
}

// s[g][j] = q[g] · k[j].
static void scores(float *s, size_t lds, const float *q, size_t ldq, const float *k, size_t ldk, size_t group,
                   size_t count, size_t dim) {
  size_t j = 0;
  for (; j + 4 <= count; j += 4) {
    const float *key = k + j * ldk;
    for (size_t g = 0; g < group; g++) {
      const float *own = q + g * ldq;
      *(v4 *)(s + g * lds + j) =
          fold_4(lane_products(own, key, dim), lane_products(own, key + ldk, dim), lane_products(own, key + 2 * ldk, dim),
                 lane_products(own, key + 3 * ldk, dim));
    }
  }
  for (; j < count; j++)
    for (size_t g = 0; g < group; g++) s[g * lds + j] = fold(lane_products(q + g * ldq, k + j * ldk, dim));
}
