// Sixteen floats: one register at AVX-512, two at AVX2, four at SSE. A loop written over them rounds alike at all levels
// that have fused products, for the lane that a value goes to does not depend on the register's width.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if FL_LEVEL >= 2
#include <immintrin.h>
#endif

// Vectors pass through functions that are always inlined alone: no call has them for arguments.
#pragma clang diagnostic ignored "-Wpsabi"

#define FL_INLINE static inline __attribute__((always_inline))
#define FL_UNROLL _Pragma("clang loop unroll(full)")
// A product that is added in the same expression is fused, at every level that can: not where the optimiser happens to see
// both, as `fast` would have it. Sums stay in order.
#define FL_FUSED _Pragma("clang fp contract(on)")

typedef float v16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t i16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float v4 __attribute__((vector_size(16), aligned(4), may_alias));

FL_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

FL_INLINE v16 get(const float *p) { return *(const v16 *)p; }
FL_INLINE void put(float *p, v16 v) { *(v16 *)p = v; }
FL_INLINE v16 splat(float s) { return (v16){s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s}; }

// The first n of sixteen floats, zeros after them; what lies behind them is not read.
FL_INLINE v16 get_some(const float *p, size_t n) {
  if (n >= 16) return get(p);
#if FL_LEVEL >= 3
  return (v16)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#elif FL_LEVEL == 2
  static const int32_t ones[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
  __m256i low = _mm256_loadu_si256((const void *)(ones + 16 - n)), high = _mm256_loadu_si256((const void *)(ones + 24 - n));
  return __builtin_shufflevector(_mm256_maskload_ps(p, low), _mm256_maskload_ps(p + 8, high), 0, 1, 2, 3, 4, 5, 6, 7, 8,
                                 9, 10, 11, 12, 13, 14, 15);
#else
  v16 v = {0};
  for (size_t i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}

FL_INLINE void put_some(float *p, v16 v, size_t n) {
  if (n >= 16) {
    put(p, v);
    return;
  }
#if FL_LEVEL >= 3
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  // In pieces of eight, four, two and one: a masked store is slow on some CPUs.
  const float *from = (const float *)&v;
  if (n & 8) memcpy(p, from, 32), p += 8, from += 8;
  if (n & 4) memcpy(p, from, 16), p += 4, from += 4;
  if (n & 2) memcpy(p, from, 8), p += 2, from += 2;
  if (n & 1) *p = *from;
#endif
}

// Lanes below n as they are, `other` in the rest.
FL_INLINE v16 keep_some(v16 v, size_t n, float other) {
  if (n >= 16) return v;
  const i16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  i16 inside = lane < (int32_t)n;
  return (v16)(((i16)v & inside) | ((i16)splat(other) & ~inside));
}

FL_INLINE v16 absolute(v16 v) { return (v16)((i16)v & 0x7fffffff); }

// The sum of the lanes: halves onto each other, 16, 8, 4, 2, 1.
FL_INLINE float fold(v16 v) {
  typedef float v8 __attribute__((vector_size(32)));
  typedef float v4a __attribute__((vector_size(16)));
  v8 e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  v4a q = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
  return (q[0] + q[2]) + (q[1] + q[3]);
}

// Rows 0 to 3 of four columns become rows of `out`, `ld` floats apart.
FL_INLINE void transpose4(float *out, size_t ld, v4 a, v4 b, v4 c, v4 d) {
  v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  v4 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  *(v4 *)out = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  *(v4 *)(out + ld) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  *(v4 *)(out + 2 * ld) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
  *(v4 *)(out + 3 * ld) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
}
