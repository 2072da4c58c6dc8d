// Products of BF16 values with f32 sums, as the instruction VDPBF16PS rounds them: of a pair the odd value's product
// first, then the even one's, each added by one fused operation to nearest even, with denormals read and written as zero.
// Without the instruction the same is done in two fused f32 operations: the product of two BF16 values is exact in f32.
#pragma once
#include "kernels.h"
#include "scores.h"
#include "small.h"

FL_INLINE uint16_t nearest_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)((u >> 16) | 0x40);
  return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

// Sixteen pairs of BF16 values.
typedef int32_t pairs __attribute__((vector_size(64), aligned(2), may_alias));

FL_INLINE v16 add_pairs(v16 sum, pairs x, pairs w) {
#if FL_LEVEL >= 4
  return (v16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
#else
  FL_FUSED
  const int32_t upper = -65536;
  sum += (v16)(x & upper) * (v16)(w & upper);
  sum += (v16)(x << 16) * (v16)(w << 16);
  return sum;
#endif
}

// Denormals are zero from here on, as the instruction has them whatever the mode is. What is computed in the mode stands in
// functions that are not inlined, so that nothing moves out of it.
FL_INLINE unsigned flush_denormals(void) {
#if FL_LEVEL == 2 || FL_LEVEL == 3
  unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040);
  return mode;
#else
  return 0;
#endif
}

FL_INLINE void restore_denormals(unsigned mode) {
#if FL_LEVEL == 2 || FL_LEVEL == 3
  _mm_setcsr(mode);
#else
  (void)mode;
#endif
}

static void pack_pairs_bf16(uint16_t *packed, const float *x, size_t rows, size_t inputs, size_t ld) {
  for (size_t m = 0; m < rows; m += 16) {
    for (size_t k = 0; k < inputs; k += 2) {
      for (size_t c = m; c < m + 16; c++) {
        *packed++ = c < rows ? nearest_bf16(x[c * ld + k]) : 0;
        *packed++ = c < rows && k + 1 < inputs ? nearest_bf16(x[c * ld + k + 1]) : 0;
      }
    }
  }
}

FL_INLINE int32_t pair_at(const uint16_t *p) {
  int32_t pair;
  memcpy(&pair, p, 4);
  return pair;
}

FL_INLINE pairs splat_pair(int32_t p) { return (pairs){p, p, p, p, p, p, p, p, p, p, p, p, p, p, p, p}; }

// One pair of inputs for all sums of a tile; `rows` and `vectors` are constants.
FL_INLINE void add_pair_products(v16 *c, const int rows, const int vectors, const uint16_t *x, size_t panel,
                                 const uint16_t *w, size_t inputs, int both) {
  pairs v[4];
  FL_UNROLL for (int i = 0; i < vectors; i++) v[i] = *(const pairs *)(x + (size_t)i * panel);
  FL_UNROLL for (int r = 0; r < rows; r++) {
    const uint16_t *at = w + (size_t)r * inputs;
    pairs factor = splat_pair(both ? pair_at(at) : *at);
    FL_UNROLL for (int i = 0; i < vectors; i++) c[r * vectors + i] = add_pairs(c[r * vectors + i], v[i], factor);
  }
}

// y[m][n] for 16 · vectors rows m, of which `count` exist, and `rows` outputs n; `rows` and `vectors` are constants.
FL_INLINE void bf16_tile_of(const int rows, const int vectors, float *y, size_t ldy, const uint16_t *x,
                            const uint16_t *w, size_t inputs, size_t count) {
  size_t panel = 32 * ((inputs + 1) / 2), k = 0;
  v16 c[8 * 2];
  FL_UNROLL for (int i = 0; i < rows * vectors; i++) c[i] = (v16){0};
  for (; k + 2 <= inputs; k += 2) add_pair_products(c, rows, vectors, x + 16 * k, panel, w + k, inputs, 1);
  // An odd last input stands alone; x has a zero beside it.
  if (k < inputs) add_pair_products(c, rows, vectors, x + 16 * k, panel, w + k, inputs, 0);
  put_outputs(y, ldy, c, rows, vectors, count);
}

static __attribute__((noinline)) size_t bf16_outputs(float *y, size_t ldy, const uint16_t *x, const uint16_t *w,
                                                     size_t inputs, size_t vectors, size_t count, size_t left) {
  (void)vectors;
  // Widened values take registers too.
  FL_SMALL_STEPS(bf16_tile_of, 4)
  return left;
}

static void small_linear_bf16(float *y, size_t ldy, const uint16_t *x, const uint16_t *w, size_t rows, size_t inputs,
                              size_t first, size_t last) {
  unsigned mode = flush_denormals();
  for (size_t block = first; block < last; block += FL_SMALL_BLOCK) {
    size_t end = least(last, block + FL_SMALL_BLOCK);
    for (size_t m = 0; m < rows;) {
      size_t vectors = least((rows - m + 15) / 16, FL_SMALL_VECTORS), count = least(rows - m, 16 * vectors);
      const uint16_t *panel = x + m * 2 * ((inputs + 1) / 2);
      for (size_t n = block; n < end;)
        n += bf16_outputs(y + m * ldy + n, ldy, panel, w + n * inputs, inputs, vectors, count, end - n);
      m += count;
    }
  }
  restore_denormals(mode);
}

// q · k: pair i goes to lane i mod 16.
FL_INLINE v16 lane_pairs(const uint16_t *q, const uint16_t *k, size_t dim) {
  v16 sum = {0};
  size_t i = 0;
  for (; i + 32 <= dim; i += 32) sum = add_pairs(sum, *(const pairs *)(q + i), *(const pairs *)(k + i));
  if (i < dim) {
    uint16_t left[2][32] = {{0}};
    memcpy(left[0], q + i, 2 * (dim - i));
    memcpy(left[1], k + i, 2 * (dim - i));
    sum = add_pairs(sum, *(const pairs *)left[0], *(const pairs *)left[1]);
  }
  return sum;
}

// All queries' scores of one key, or of four.
static __attribute__((noinline)) void scores_of_1(float *s, size_t lds, const uint16_t *q, size_t ldq,
                                                  const uint16_t *k, size_t group, size_t dim) {
  for (size_t g = 0; g < group; g++) s[g * lds] = fold(lane_pairs(q + g * ldq, k, dim));
}

static __attribute__((noinline)) void scores_of_4(float *s, size_t lds, const uint16_t *q, size_t ldq,
                                                  const uint16_t *k, size_t ldk, size_t group, size_t dim) {
  for (size_t g = 0; g < group; g++) {
    const uint16_t *own = q + g * ldq;
    *(v4 *)(s + g * lds) = fold_4(lane_pairs(own, k, dim), lane_pairs(own, k + ldk, dim),
                                  lane_pairs(own, k + 2 * ldk, dim), lane_pairs(own, k + 3 * ldk, dim));
  }
}

static void scores_bf16(float *s, size_t lds, const uint16_t *q, size_t ldq, const uint16_t *k, size_t ldk,
                        size_t group, size_t count, size_t dim) {
  unsigned mode = flush_denormals();
  size_t j = 0;
  for (; j + 4 <= count; j += 4) scores_of_4(s + j, lds, q, ldq, k + j * ldk, ldk, group, dim);
  for (; j < count; j++) scores_of_1(s + j, lds, q, ldq, k + j * ldk, group, dim);
  restore_denormals(mode);
}

typedef uint16_t u16x16 __attribute__((vector_size(32), aligned(2), may_alias));

FL_INLINE v16 widen_16(const uint16_t *p) { return (v16)(__builtin_convertvector(*(const u16x16 *)p, i16) << 16); }

// Sums for `heads` rows of p and 16 · vectors columns; both are constants.
FL_INLINE void weighted_tile_of(const int heads, const int vectors, float *c, size_t ldc, const float *p, size_t ldp,
                                const uint16_t *v, size_t ldv, size_t count) {
  FL_FUSED
  v16 sums[4 * 4];
  FL_UNROLL for (int i = 0; i < heads * vectors; i++) sums[i] = (v16){0};
  for (size_t j = 0; j < count; j++) {
    v16 row[4];
    FL_UNROLL for (int i = 0; i < vectors; i++) row[i] = widen_16(v + j * ldv + 16 * i);
    FL_UNROLL for (int h = 0; h < heads; h++) {
      float factor = p[(size_t)h * ldp + j];
      FL_UNROLL for (int i = 0; i < vectors; i++) sums[h * vectors + i] += factor * row[i];
    }
  }
  FL_UNROLL for (int i = 0; i < heads * vectors; i++) put(c + (size_t)(i / vectors) * ldc + 16 * (i % vectors), sums[i]);
}

#define FL_WEIGHTED(heads, vectors) weighted_tile_of(heads, vectors, out + i, ldc, factors, ldp, v + i, ldv, count)
#if FL_LEVEL >= 3
#define FL_WEIGHTED_HEADS 4
#define FL_BY_HEADS(vectors)                      \
  switch (heads) {                                \
    case 1: FL_WEIGHTED(1, vectors); break;       \
    case 2: FL_WEIGHTED(2, vectors); break;       \
    case 3: FL_WEIGHTED(3, vectors); break;       \
    default: FL_WEIGHTED(4, vectors);             \
  }
#else
#define FL_WEIGHTED_HEADS 1
#define FL_BY_HEADS(vectors) FL_WEIGHTED(1, vectors);
#endif

// c[g][i] = Σ_j p[g][j] · v[j][i]: the values are widened, so that the sum is of f32 products in order.
static void weighted_rows_bf16(float *c, size_t ldc, const float *p, size_t ldp, const uint16_t *v, size_t ldv,
                               size_t group, size_t count, size_t dim) {
  FL_FUSED
  for (size_t g = 0; g < group;) {
    size_t heads = least(group - g, FL_WEIGHTED_HEADS), i = 0;
    float *out = c + g * ldc;
    const float *factors = p + g * ldp;
    for (; i + 64 <= dim; i += 64) {
      FL_BY_HEADS(4)
    }
    for (; i + 16 <= dim; i += 16) {
      FL_BY_HEADS(1)
    }
    for (; i < dim; i++) {
      for (size_t h = 0; h < heads; h++) {
        float sum = 0;
        for (size_t j = 0; j < count; j++) {
          uint32_t bits = (uint32_t)v[j * ldv + i] << 16;
          float value;
          memcpy(&value, &bits, 4);
          sum += factors[h * ldp + j] * value;
        }
        out[h * ldc + i] = sum;
      }
    }
    g += heads;
  }
}
