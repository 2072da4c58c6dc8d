// Reductions along one row: RMSNorm, softmax, log-sum-exp.
#include "dispatch.h"
#include "exponential.h"
#include "kernels.h"
#include <math.h>

FL_CLONES static float sum_squares(const float *x, size_t n) {
  FL_FAST
  float s = 0;
  for (size_t i = 0; i < n; i++) s += x[i] * x[i];
  return s;
}

FL_CLONES static float dot3(const float *a, const float *b, const float *c, size_t n) {
  FL_FAST
  float s = 0;
  for (size_t i = 0; i < n; i++) s += a[i] * b[i] * c[i];
  return s;
}

FL_CLONES static float dot(const float *a, const float *b, size_t n) {
  FL_FAST
  float s = 0;
  for (size_t i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

FL_CLONES static float largest(const float *s, size_t n) {
  float m = -INFINITY;
  for (size_t i = 0; i < n; i++) m = s[i] > m ? s[i] : m;
  return m;
}

FL_CLONES static float exp_sum(float *out, const float *s, float scale, float shift, size_t n) {
  FL_FAST
  float sum = 0;
  for (size_t i = 0; i < n; i++) {
    float e = fl_exp(scale * (s[i] - shift));
    out[i] = e;
    sum += e;
  }
  return sum;
}

FL_CLONES static float exp_sum_only(const float *s, float shift, size_t n) {
  FL_FAST
  float sum = 0;
  for (size_t i = 0; i < n; i++) sum += fl_exp(s[i] - shift);
  return sum;
}

FL_CLONES void fl_rmsnorm(float *y, const float *x, const float *w, size_t n, float eps) {
  float r = 1.0f / __builtin_sqrtf(sum_squares(x, n) / (float)n + eps);
  for (size_t i = 0; i < n; i++) y[i] = x[i] * r * w[i];
}

FL_CLONES void fl_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, size_t n,
                                   float eps) {
  FL_FUSED
  float r = 1.0f / __builtin_sqrtf(sum_squares(x, n) / (float)n + eps);
  float c = dot3(dy, w, x, n) * r * r * r / (float)n;
  for (size_t i = 0; i < n; i++) dx[i] += dy[i] * w[i] * r - x[i] * c;
  if (dw)
    for (size_t i = 0; i < n; i++) dw[i] += dy[i] * x[i] * r;
}

FL_CLONES void fl_softmax(float *s, float scale, size_t n) {
  float m = largest(s, n);
  float inverse = 1.0f / exp_sum(s, s, scale, m, n);
  for (size_t i = 0; i < n; i++) s[i] *= inverse;
}

FL_CLONES void fl_softmax_backward(float *dp, const float *p, float scale, size_t n) {
  float c = dot(dp, p, n);
  for (size_t i = 0; i < n; i++) dp[i] = p[i] * (dp[i] - c) * scale;
}

float fl_logsumexp(const float *s, size_t n) {
  float m = largest(s, n);
  // A vocabulary is long: sum in slices, add the slices in f64.
  double total = 0;
  for (size_t i = 0; i < n; i += 1024) total += exp_sum_only(s + i, m, n - i < 1024 ? n - i : 1024);
  return m + (float)log(total);
}

double fl_logsumexp_f64(const float *s, size_t n) {
  double m = largest(s, n);
  double total = 0;
  for (size_t i = 0; i < n; i++) total += exp(s[i] - m);
  return m + log(total);
}

FL_CLONES void fl_cross_entropy_gradient(float *s, float lse, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) s[i] = fl_exp(s[i] - lse) * scale;
}

size_t fl_argmax(const float *s, size_t n) {
  float m = largest(s, n);
  for (size_t i = 0; i < n; i++)
    if (s[i] == m) return i;
  return 0;
}

// All bits of the exponent set: an infinity or no number. Integer work, for floating-point comparisons may be optimised.
static inline uint32_t is_not_finite(const float *s) {
  uint32_t bits;
  __builtin_memcpy(&bits, s, sizeof bits);
  return (bits & 0x7f800000u) == 0x7f800000u;
}

FL_CLONES static uint32_t any_not_finite(const float *s, size_t n) {
  uint32_t any = 0;
  for (size_t i = 0; i < n; i++) any |= is_not_finite(s + i);
  return any;
}

size_t fl_first_not_finite(const float *s, size_t n) {
  for (size_t start = 0; start < n; start += 4096) {
    size_t count = n - start < 4096 ? n - start : 4096;
    if (!any_not_finite(s + start, count)) continue;
    for (size_t i = start; i < start + count; i++)
      if (is_not_finite(s + i)) return i;
  }
  return n;
}
