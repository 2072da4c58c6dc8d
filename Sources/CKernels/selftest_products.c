// The self-tests of products: every sum is made again by a plain loop in the order that kernels.h states, and has to have
// the same bits.
#include <stdlib.h>
#include "selftest.h"

// sum + a · b as a level rounds it.
static float step(int fused, float a, float b, float sum) {
  if (fused) return fmaf(a, b, sum);
  volatile float product = a * b;
  return sum + product;
}

enum { tokens = 21, most_rows = 45, most_columns = 68 };

// Σ over examples of abs(δᵀ x) [rows × columns] inside a matrix of ld columns, against the same in plain loops.
static int snip_agrees(const struct fl_kernels *k, int fused, size_t rows, size_t columns, size_t ld) {
  static const size_t spans[][2] = {{0, 4}, {4, 5}, {5, tokens}};
  float delta[tokens * most_rows], x[tokens * most_columns], got[most_rows * most_columns], want[most_rows * most_columns];
  float packed_delta[tokens * (most_rows + 13)], packed_x[tokens * (most_columns + 31)];
  fl_fill(delta, tokens * rows, 1);
  fl_fill(x, tokens * columns, 2);
  fl_fill(got, rows * ld, 3);
  memcpy(want, got, sizeof got);
  k->pack_panels(packed_delta, delta, tokens, rows, rows, k->snip_rows);
  k->pack_panels(packed_x, x, tokens, columns, columns, k->snip_columns);
  k->snip_tile(got, ld, packed_delta, packed_x, tokens, spans[0], 3, 0, rows, 0, columns);
  for (size_t s = 0; s < 3; s++) {
    for (size_t i = 0; i < rows; i++) {
      for (size_t j = 0; j < columns; j++) {
        float sum = 0;
        for (size_t t = spans[s][0]; t < spans[s][1]; t++)
          sum = step(fused, delta[t * rows + i], x[t * columns + j], sum);
        want[i * ld + j] += fabsf(sum);
      }
    }
  }
  return fl_same(got, want, sizeof(float) * rows * ld);
}

static int test_snip(const struct fl_kernels *k, int fused) {
  // Every height of a last tile; one column, a whole vector and one more, and a distance between rows that is odd.
  for (size_t rows = 1; rows <= 15; rows++)
    if (!snip_agrees(k, fused, rows, 33, 37)) return 0;
  return snip_agrees(k, fused, 1, 1, 1) && snip_agrees(k, fused, 45, 16, 17) && snip_agrees(k, fused, 28, 64, 67) &&
         snip_agrees(k, fused, 13, 31, 31);
}

static int small_agrees(const struct fl_kernels *k, int fused, size_t rows, size_t outputs, size_t inputs) {
  enum { most = 64, wide = 29 };
  float x[most * (wide + 3)], w[wide * wide], packed[most * wide], got[most * (wide + 2)], want[most * (wide + 2)];
  size_t ldx = inputs + 3, ldy = outputs + 2;
  fl_fill(x, rows * ldx, 4);
  fl_fill(w, outputs * inputs, 5);
  fl_fill(got, rows * ldy, 6);
  memcpy(want, got, sizeof got);
  k->pack_transposed(packed, x, rows, inputs, ldx);
  // In two calls, the second of few outputs.
  k->small_linear(got, ldy, packed, w, rows, inputs, 0, outputs - outputs / 3);
  k->small_linear(got, ldy, packed, w, rows, inputs, outputs - outputs / 3, outputs);
  for (size_t m = 0; m < rows; m++) {
    for (size_t n = 0; n < outputs; n++) {
      float sum = 0;
      for (size_t i = 0; i < inputs; i++) sum = step(fused, w[n * inputs + i], x[m * ldx + i], sum);
      want[m * ldy + n] = sum;
    }
  }
  return fl_same(got, want, sizeof(float) * rows * ldy);
}

static int test_small(const struct fl_kernels *k, int fused) {
  return small_agrees(k, fused, 1, 1, 1) && small_agrees(k, fused, 1, 29, 29) && small_agrees(k, fused, 2, 16, 16) &&
         small_agrees(k, fused, 3, 17, 29) && small_agrees(k, fused, 8, 29, 23) && small_agrees(k, fused, 16, 13, 8) &&
         small_agrees(k, fused, 17, 25, 27) && small_agrees(k, fused, 48, 24, 12) && small_agrees(k, fused, 63, 29, 5);
}

// Row i takes the first columns + i columns and terms + i terms; `across`: a is given by columns.
static int product_agrees(const struct fl_kernels *k, int fused, size_t m, size_t n, size_t terms, size_t columns_of_first,
                          size_t terms_of_first, int across, int accumulate) {
  enum { most = 70 };
  static float a[most * most], b[most * most], got[most * most], want[most * most];
  size_t lda = (across ? m : terms) + 1, ldb = n + 2, ldc = n + 1;
  fl_fill(a, most * most, 7);
  fl_fill(b, most * most, 8);
  fl_fill(got, most * most, 9);
  memcpy(want, got, sizeof got);
  k->product(got, ldc, a, across ? 1 : lda, across ? lda : 1, b, ldb, 16, m, n, terms, columns_of_first, terms_of_first,
             accumulate);
  for (size_t i = 0; i < m; i++) {
    size_t columns = columns_of_first + i < n ? columns_of_first + i : n;
    size_t count = terms_of_first + i < terms ? terms_of_first + i : terms;
    for (size_t j = 0; j < columns; j++) {
      float sum = 0, last = 0;
      // A tile sums as far as its last row: the terms behind a row's own are to be zero in a, as in causal attention.
      for (size_t t = 0; t < count; t++) sum = step(fused, a[across ? t * lda + i : i * lda + t], b[t * ldb + j], sum);
      last = accumulate ? want[i * ldc + j] + sum : sum;
      want[i * ldc + j] = last;
    }
    memcpy(want + i * ldc + columns, got + i * ldc + columns, sizeof(float) * (n - columns));
  }
  return fl_same(got, want, sizeof got);
}

static int test_product(const struct fl_kernels *k, int fused) {
  return product_agrees(k, fused, 1, 1, 1, 1, 1, 0, 0) && product_agrees(k, fused, 1, 64, 33, 64, 33, 0, 0) &&
         product_agrees(k, fused, 7, 67, 9, 67, 9, 0, 1) && product_agrees(k, fused, 13, 48, 31, 48, 31, 1, 1) &&
         product_agrees(k, fused, 23, 23, 17, 1, 17, 0, 0) && product_agrees(k, fused, 20, 37, 5, 18, 5, 1, 0) &&
         product_agrees(k, fused, 6, 15, 40, 15, 40, 1, 0);
}

// Causal sums: what lies behind a row's terms is zero.
static int test_causal_product(const struct fl_kernels *k, int fused) {
  enum { m = 19, n = 17, seen = 4, terms = m + seen - 1 };
  float a[m * terms], b[terms * n], got[m * n], want[m * n];
  fl_fill(a, m * terms, 10);
  fl_fill(b, terms * n, 11);
  for (size_t i = 0; i < m; i++)
    for (size_t t = seen + i; t < terms; t++) a[i * terms + t] = 0;
  // Once more with b in panels of sixteen columns, of which the last is filled up with zeros.
  float across[n * terms], packed[32 * terms], panels[m * 32];
  for (size_t t = 0; t < terms; t++)
    for (size_t j = 0; j < n; j++) across[j * terms + t] = b[t * n + j];
  k->pack_transposed(packed, across, n, terms, terms);
  k->product(panels, 32, a, terms, 1, packed, 16, 16 * terms, m, 32, terms, 32, seen, 0);
  k->product(got, n, a, terms, 1, b, n, 16, m, n, terms, n, seen, 0);
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) {
      float sum = 0;
      for (size_t t = 0; t < seen + i; t++) sum = step(fused, a[i * terms + t], b[t * n + j], sum);
      want[i * n + j] = sum;
    }
    if (!fl_same(panels + 32 * i, want + n * i, sizeof(float) * n)) return 0;
  }
  return fl_same(got, want, sizeof got);
}

static int test_low_rank(const struct fl_kernels *k, int fused) {
  enum { rows = 9, columns = 83, rank = 7 };
  float left[rows * rank], right[rank * columns], got[rows * columns], want[rows * columns];
  fl_fill(left, rows * rank, 12);
  fl_fill(right, rank * columns, 13);
  fl_fill(got, rows * columns, 14);
  memcpy(want, got, sizeof got);
  k->low_rank_add(got, left, right, rank, rows, columns);
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) {
      float sum = 0;
      for (size_t r = 0; r < rank; r++) sum = step(fused, left[i * rank + r], right[r * columns + j], sum);
      want[i * columns + j] += sum;
    }
  }
  return fl_same(got, want, sizeof got);
}

// The sum of sixteen lanes: halves onto each other.
static float folded(float *lanes) {
  for (size_t half = 8; half > 0; half /= 2)
    for (size_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

static int test_scores(const struct fl_kernels *k, int fused) {
  enum { group = 3, count = 5, most = 83, ld = most + 2 };
  for (size_t dim = 1; dim <= most; dim += 41) {
    float q[group * ld], keys[count * ld], got[group * count], want[group * count];
    fl_fill(q, group * ld, 15);
    fl_fill(keys, count * ld, 16);
    k->scores(got, count, q, ld, keys, ld, group, count, dim);
    for (size_t g = 0; g < group; g++) {
      for (size_t j = 0; j < count; j++) {
        float lanes[16] = {0};
        for (size_t i = 0; i < dim; i++) lanes[i % 16] = step(fused, q[g * ld + i], keys[j * ld + i], lanes[i % 16]);
        want[g * count + j] = folded(lanes);
      }
    }
    if (!fl_same(got, want, sizeof got)) return 0;
  }
  return 1;
}

static int test_outer(const struct fl_kernels *k, int fused) {
  (void)fused;
  enum { p = 5, q = 19, rows = 7 };
  float x[rows * p], y[rows * q];
  double got[p * q], want[p * q];
  fl_fill(x, rows * p, 17);
  fl_fill(y, rows * q, 18);
  for (size_t i = 0; i < p * q; i++) got[i] = want[i] = 1;
  k->outer_accumulate(got, x, p, p, y, q, q, rows);
  // The product of two floats is exact in f64: fused or not, the bits are the same.
  for (size_t t = 0; t < rows; t++)
    for (size_t a = 0; a < p; a++)
      for (size_t b = 0; b < q; b++) want[a * q + b] += (double)x[t * p + a] * (double)y[t * q + b];
  return fl_same(got, want, sizeof got);
}

static float widened(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

// One pair: the odd value's product first. The product of two BF16 values is exact in f32.
static float pair_step(uint16_t even, uint16_t odd, uint16_t even_weight, uint16_t odd_weight, float sum) {
  sum = fmaf(widened(odd), widened(odd_weight), sum);
  return fmaf(widened(even), widened(even_weight), sum);
}

static int small_bf16_agrees(const struct fl_kernels *k, size_t rows, size_t outputs, size_t inputs) {
  enum { most = 64, wide = 29 };
  float x[most * (wide + 1)], wf[wide * wide], got[most * wide], want[most * wide];
  uint16_t xs[most * (wide + 1)], w[wide * wide], packed[most * (wide + 1)];
  size_t ldx = inputs + 1;
  fl_fill(x, rows * ldx, 19);
  fl_fill(wf, outputs * inputs, 20);
  k->f32_to_bf16(x, xs, rows * ldx);
  k->f32_to_bf16(wf, w, outputs * inputs);
  k->pack_pairs_bf16(packed, x, rows, inputs, ldx);
  k->small_linear_bf16(got, outputs, packed, w, rows, inputs, 0, outputs);
  for (size_t m = 0; m < rows; m++) {
    for (size_t n = 0; n < outputs; n++) {
      float sum = 0;
      for (size_t i = 0; i < inputs; i += 2) {
        int both = i + 1 < inputs;
        const uint16_t *a = xs + m * ldx + i, *b = w + n * inputs + i;
        sum = pair_step(a[0], both ? a[1] : 0, b[0], both ? b[1] : 0, sum);
      }
      want[m * outputs + n] = sum;
    }
  }
  return fl_same(got, want, sizeof(float) * rows * outputs);
}

static int test_small_bf16(const struct fl_kernels *k, int fused) {
  (void)fused;
  return small_bf16_agrees(k, 1, 1, 1) && small_bf16_agrees(k, 1, 29, 29) && small_bf16_agrees(k, 17, 25, 26) &&
         small_bf16_agrees(k, 48, 24, 13) && small_bf16_agrees(k, 63, 13, 4);
}

static int attention_bf16_agrees(const struct fl_kernels *k, int fused, size_t group, size_t dim) {
  enum { most = 8, count = 7, ld = 85 };
  float qf[most * ld], kf[count * ld], p[most * count], got[most * count], want[most * count];
  float context[most * ld], exact[most * ld];
  uint16_t q[most * ld], keys[count * ld];
  fl_fill(qf, group * ld, 21);
  fl_fill(kf, count * ld, 22);
  fl_fill(p, group * count, 23);
  k->f32_to_bf16(qf, q, group * ld);
  k->f32_to_bf16(kf, keys, count * ld);
  k->scores_bf16(got, count, q, ld, keys, ld, group, count, dim);
  k->weighted_rows_bf16(context, dim, p, count, keys, ld, group, count, dim);
  for (size_t g = 0; g < group; g++) {
    for (size_t j = 0; j < count; j++) {
      float lanes[16] = {0};
      for (size_t i = 0; i < dim; i += 2) {
        const uint16_t *a = q + g * ld + i, *b = keys + j * ld + i;
        size_t lane = i / 2 % 16;
        lanes[lane] = pair_step(a[0], i + 1 < dim ? a[1] : 0, b[0], i + 1 < dim ? b[1] : 0, lanes[lane]);
      }
      want[g * count + j] = folded(lanes);
    }
    for (size_t i = 0; i < dim; i++) {
      float sum = 0;
      for (size_t j = 0; j < count; j++) sum = step(fused, p[g * count + j], widened(keys[j * ld + i]), sum);
      exact[g * dim + i] = sum;
    }
  }
  return fl_same(got, want, sizeof(float) * group * count) && fl_same(context, exact, sizeof(float) * group * dim);
}

static int test_attention_bf16(const struct fl_kernels *k, int fused) {
  return attention_bf16_agrees(k, fused, 1, 1) && attention_bf16_agrees(k, fused, 5, 43) &&
         attention_bf16_agrees(k, fused, 6, 83) && attention_bf16_agrees(k, fused, 7, 64);
}

const fl_test fl_product_tests[] = {
    {"snip_tile", test_snip},
    {"small_linear", test_small},
    {"product", test_product},
    {"product, causal", test_causal_product},
    {"low_rank_add", test_low_rank},
    {"scores", test_scores},
    {"outer_accumulate", test_outer},
    {"small_linear_bf16", test_small_bf16},
    {"scores_bf16, weighted_rows_bf16", test_attention_bf16},
    {0, 0},
};
