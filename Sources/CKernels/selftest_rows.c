// The self-tests of loops over rows and single values, against plain loops in f64; where nothing is fused or rounded, to the
// bit. Lengths are those at which a loop over vectors begins, ends, or has a rest.
#include "selftest.h"

enum { most = 83 };
static const size_t lengths[] = {1, 15, 16, 17, 32, 47, 64, most};
enum { length_count = sizeof lengths / sizeof *lengths };

static double silu(double g) { return g / (1 + exp(-g)); }

// One length of each test: x, y and z hold n values between −1 and 1; what is behind them may not change.
typedef int (*row_test)(const struct fl_kernels *k, size_t n, const float *x, const float *y, const float *z);

static int at_all_lengths(const struct fl_kernels *k, row_test test) {
  float x[most], y[most], z[most];
  fl_fill(x, most, 1);
  fl_fill(y, most, 2);
  fl_fill(z, most, 3);
  for (size_t i = 0; i < length_count; i++)
    if (!test(k, lengths[i], x, y, z)) return 0;
  return 1;
}

// got [most] is near to exact [n], and what is behind n is as it was in `before`.
static int row_agrees(const float *got, const double *exact, const float *before, size_t n) {
  return fl_near(got, exact, n, 2e-6) && fl_same(got + n, before + n, sizeof(float) * (most - n));
}

#define FL_ROW_TEST(name)                                                                                            \
  static int name##_row(const struct fl_kernels *k, size_t n, const float *x, const float *y, const float *z);       \
  static int test_##name(const struct fl_kernels *k, int fused) { return (void)fused, at_all_lengths(k, name##_row); } \
  static int name##_row(const struct fl_kernels *k, size_t n, const float *x, const float *y, const float *z)

FL_ROW_TEST(simple) {
  float a[most], b[most], c[most];
  double exact[3][most], sum = 0;
  memcpy(a, x, sizeof a), memcpy(b, x, sizeof b), memcpy(c, x, sizeof c);
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * y[i];
  for (size_t i = 0; i < n; i++) {
    exact[0][i] = (double)x[i] + y[i];
    exact[1][i] = (double)x[i] * z[0];
    exact[2][i] = x[i] - 0.5 * sum * y[i];
  }
  k->add(a, y, n);
  k->scale(b, z[0], n);
  k->remove_component(c, y, 0.5f, n);
  return fabs(k->dot(x, y, n) - sum) < 1e-12 && row_agrees(a, exact[0], x, n) && row_agrees(b, exact[1], x, n) &&
         row_agrees(c, exact[2], x, n);
}

FL_ROW_TEST(swiglu) {
  float got[3][most], gate[most];
  double exact[3][most];
  for (size_t i = 0; i < most; i++) gate[i] = 12 * x[i];
  for (size_t i = 0; i < 3; i++) memcpy(got[i], z, sizeof got[i]);
  for (size_t i = 0; i < n; i++) {
    double g = gate[i], s = 1 / (1 + exp(-g));
    exact[0][i] = silu(g) * y[i];
    exact[1][i] = (double)z[i] * y[i] * (s + g * s * (1 - s));
    exact[2][i] = z[i] * silu(g);
  }
  k->swiglu(got[0], gate, y, n);
  k->swiglu_backward(got[1], got[2], z, gate, y, n);
  return row_agrees(got[0], exact[0], z, n) && row_agrees(got[1], exact[1], z, n) && row_agrees(got[2], exact[2], z, n);
}

FL_ROW_TEST(rope) {
  (void)y;
  float got[2 * most], cosines[most], sines[most];
  double exact[2 * most];
  for (size_t i = 0; i < n; i++) {
    cosines[i] = cosf(z[i]), sines[i] = sinf(z[i]);
    got[i] = x[i], got[n + i] = x[n - 1 - i];
    exact[i] = (double)got[i] * cosines[i] + (double)got[n + i] * sines[i];
    exact[n + i] = (double)got[n + i] * cosines[i] - (double)got[i] * sines[i];
  }
  k->rope(got, cosines, sines, n, -1);
  return fl_near(got, exact, 2 * n, 2e-6);
}

FL_ROW_TEST(rmsnorm) {
  float got[3][most];
  double exact[3][most], squares = 0, dots = 0;
  for (size_t i = 0; i < 3; i++) memcpy(got[i], z, sizeof got[i]);
  for (size_t i = 0; i < n; i++) squares += (double)x[i] * x[i];
  double r = 1 / sqrt(squares / (double)n + 1e-5);
  for (size_t i = 0; i < n; i++) dots += (double)z[i] * y[i] * x[i];
  for (size_t i = 0; i < n; i++) {
    exact[0][i] = x[i] * r * y[i];
    exact[1][i] = z[i] + (z[i] * y[i] * r - x[i] * dots * r * r * r / (double)n);
    exact[2][i] = z[i] + z[i] * x[i] * r;
  }
  k->rmsnorm(got[0], x, y, n, 1e-5f);
  k->rmsnorm_backward(got[1], got[2], z, x, y, n, 1e-5f);
  return row_agrees(got[0], exact[0], z, n) && row_agrees(got[1], exact[1], z, n) && row_agrees(got[2], exact[2], z, n);
}

FL_ROW_TEST(softmax) {
  float p[most], dp[most], gradient[most];
  double exact[3][most], sum = 0, scaled = 0, dots = 0, large = -INFINITY;
  for (size_t i = 0; i < most; i++) p[i] = gradient[i] = 20 * x[i];
  memcpy(dp, y, sizeof dp);
  for (size_t i = 0; i < n; i++) large = fmax(large, p[i]);
  for (size_t i = 0; i < n; i++) sum += exp(p[i] - large), scaled += exp(0.3 * (p[i] - large));
  for (size_t i = 0; i < n; i++) exact[0][i] = exp(0.3 * (p[i] - large)) / scaled;
  for (size_t i = 0; i < n; i++) dots += exact[0][i] * y[i];
  double lse = large + log(sum);
  for (size_t i = 0; i < n; i++) {
    exact[1][i] = exact[0][i] * (y[i] - dots) * 0.3;
    exact[2][i] = exp(p[i] - lse) * z[0];
  }
  if (fabs(k->logsumexp(p, n) - lse) > 1e-5 || fabs(k->logsumexp_f64(p, n) - lse) > 1e-12) return 0;
  float before[most];
  memcpy(before, p, sizeof p);
  k->cross_entropy_gradient(gradient, (float)lse, z[0], n);
  k->softmax(p, 0.3f, n);
  int agrees = row_agrees(p, exact[0], before, n) && row_agrees(gradient, exact[2], before, n);
  k->softmax_backward(dp, p, 0.3f, n);
  return agrees && row_agrees(dp, exact[1], y, n);
}

FL_ROW_TEST(largest) {
  (void)y, (void)z;
  float s[most];
  memcpy(s, x, sizeof s);
  // Each place in turn, with an equal value behind it.
  for (size_t i = 0; i < n; i++) {
    s[i] = s[n - 1] = 2;
    if (k->argmax(s, n) != i) return 0;
    s[i] = x[i], s[n - 1] = x[n - 1];
    s[i] = i % 2 ? NAN : -INFINITY;
    if (k->first_not_finite(s, n) != i || k->f32_outside(s, n, -1, 1) != 1) return 0;
    s[i] = x[i];
  }
  if (k->first_not_finite(s, n) != n || k->f32_outside(s, n, -1, 1) != 0) return 0;
  // All below zero, which is what a rest is filled up with.
  for (size_t i = 0; i < n; i++) s[i] = x[i] - 3;
  s[n / 2] = -1;
  return k->argmax(s, n) == n / 2;
}

FL_ROW_TEST(masks) {
  uint8_t mask[most / 8 + 4];
  for (size_t i = 0; i < sizeof mask; i++) mask[i] = (uint8_t)(167 * i + 41);
  for (size_t first = 0; first < 9; first++) {
    float zero[most], copy[most], w[most], m[most], v[most];
    memcpy(zero, x, sizeof zero), memcpy(copy, x, sizeof copy), memcpy(w, x, sizeof w), memcpy(m, y, sizeof m);
    for (size_t i = 0; i < most; i++) v[i] = fabsf(z[i]);
    k->mask_zero(zero, mask, first, n);
    k->mask_copy(copy, y, mask, first, n);
    k->adamw(w, z, m, v, n, 0.1f, 0.9f, 0.99f, 1e-8f, 0.01f, 0.5f, 0.7f, mask, first);
    for (size_t i = 0; i < most; i++) {
      int set = i < n && mask[(first + i) / 8] >> ((first + i) % 8) & 1;
      if (zero[i] != (set ? 0 : x[i]) || copy[i] != (set ? y[i] : x[i])) return 0;
      if (i >= n || set) {
        if (w[i] != x[i] || m[i] != y[i] || v[i] != fabsf(z[i])) return 0;
        continue;
      }
      double mi = y[i] + (z[i] - y[i]) * 0.1, vi = fabs(z[i]) * 0.99 + 0.01 * z[i] * z[i];
      double exact[] = {x[i] * (1 - 0.1 * 0.01) - 0.2 * (mi / (sqrt(vi) / 0.7 + 1e-8)), mi, vi};
      float got[] = {w[i], m[i], v[i]};
      if (!fl_near(got, exact, 3, 2e-6)) return 0;
    }
  }
  return 1;
}

static int test_columns(const struct fl_kernels *k, int fused) {
  (void)fused;
  enum { rows = 5, columns = 29, ld = 31 };
  float x[rows * ld], sums[columns] = {0};
  double squares[3][columns] = {{0}}, want[2][columns] = {{0}};
  fl_fill(x, rows * ld, 4);
  for (size_t t = 0; t < rows; t++)
    for (size_t j = 0; j < columns; j++) want[0][j] += x[t * ld + j], want[1][j] += (double)x[t * ld + j] * x[t * ld + j];
  k->column_sum(sums, x, rows, columns, ld);
  k->square_accumulate(squares[0], x, rows, columns, ld);
  k->moment_accumulate(squares[1], squares[2], x, rows, columns, ld);
  double z[columns], projected[columns] = {0};
  k->gram_times(z, x, rows, columns, x + ld);
  for (size_t t = 0; t < rows; t++) {
    double dot = 0;
    for (size_t j = 0; j < columns; j++) dot += (double)x[t * columns + j] * x[ld + j];
    for (size_t j = 0; j < columns; j++) projected[j] += dot * x[t * columns + j];
  }
  for (size_t j = 0; j < columns; j++)
    if (fabs(z[j] - projected[j]) > 1e-5) return 0;
  return fl_near(sums, want[0], columns, 2e-6) && fl_same(squares[0], want[1], sizeof want[1]) &&
         fl_same(squares[1], want[0], sizeof want[0]) && fl_same(squares[2], want[1], sizeof want[1]);
}

// What is stored, widened and narrowed: exact, so that the portable loops' bits are the right ones.
static int test_stored(const struct fl_kernels *k, int fused) {
  (void)fused;
  enum { blocks = 3, bytes = 210 * blocks };
  const struct fl_kernels *plain = fl_kernels_of(FL_LEVEL_PORTABLE);
  uint8_t stored[bytes + 1];
  for (size_t i = 0; i < sizeof stored; i++) stored[i] = (uint8_t)(i * i * 31 + 7 * i);
  float got[256 * blocks], want[256 * blocks];
#define FL_BOTH(name, count, width)                                                      \
  memset(got, 0, sizeof got), memset(want, 0, sizeof want);                              \
  k->name(stored + 1, got, count);                                                       \
  plain->name(stored + 1, want, count);                                                  \
  if (!fl_same(got, want, sizeof(float) * (width) * (count))) return 0
  FL_BOTH(f16_to_f32, 83, 1);
  FL_BOTH(bf16_to_f32, 83, 1);
  FL_BOTH(dequantise_q4_0, blocks, 32);
  FL_BOTH(dequantise_q4_1, blocks, 32);
  FL_BOTH(dequantise_q5_0, blocks, 32);
  FL_BOTH(dequantise_q5_1, blocks, 32);
  FL_BOTH(dequantise_q8_0, blocks, 32);
  FL_BOTH(dequantise_q4_k, blocks, 256);
  FL_BOTH(dequantise_q5_k, blocks, 256);
  FL_BOTH(dequantise_q6_k, blocks, 256);
  float values[most], third = 1;
  for (size_t i = 0; i < most; i++, third *= i % 2 ? -3.1f : 0.29f) values[i] = third * 1e-3f;
  values[7] = INFINITY, values[20] = NAN, values[40] = 65519.9f, values[41] = 65520, values[60] = -0.0f;
  uint16_t narrow[2][most];
  k->f32_to_f16(values, narrow[0], most);
  plain->f32_to_f16(values, narrow[1], most);
  if (!fl_same(narrow[0], narrow[1], sizeof narrow[0])) return 0;
  k->f32_to_bf16(values, narrow[0], most);
  plain->f32_to_bf16(values, narrow[1], most);
  if (!fl_same(narrow[0], narrow[1], sizeof narrow[0])) return 0;
  double wide[2][most];
  k->f32_to_f64(wide[0], values, most);
  k->f64_to_f32(got, wide[0], most);
  return fl_same(got, values, sizeof values);
}

const fl_test fl_row_tests[] = {
    {"add, scale, dot, remove_component", test_simple},
    {"swiglu", test_swiglu},
    {"rope", test_rope},
    {"rmsnorm", test_rmsnorm},
    {"softmax", test_softmax},
    {"argmax, first_not_finite, f32_outside", test_largest},
    {"mask_zero, mask_copy, adamw", test_masks},
    {"column sums", test_columns},
    {"stored types", test_stored},
    {0, 0},
};
