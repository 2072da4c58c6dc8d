// Reductions along one row: RMSNorm, softmax, log-sum-exp. A sum has 32 partial sums: value i goes to number i mod 32,
// and they are folded in halves.
#pragma once
#include "exponential.h"
#include <math.h>

static float sum_squares(const float *x, size_t n) {
  FL_FUSED
  v16 a = {0}, b = {0};
  for (size_t i = 0; i < n; i += 32) {
    v16 p = get_some(x + i, n - i);
    a += p * p;
    if (n - i <= 16) break;
    v16 q = get_some(x + i + 16, n - i - 16);
    b += q * q;
  }
  return fold(a + b);
}

// Σ x y, and Σ x y z.
static float dot_f32(const float *x, const float *y, size_t n) {
  FL_FUSED
  v16 a = {0}, b = {0};
  for (size_t i = 0; i < n; i += 32) {
    a += get_some(x + i, n - i) * get_some(y + i, n - i);
    if (n - i <= 16) break;
    b += get_some(x + i + 16, n - i - 16) * get_some(y + i + 16, n - i - 16);
  }
  return fold(a + b);
}

static float dot3_f32(const float *x, const float *y, const float *z, size_t n) {
  FL_FUSED
  v16 a = {0}, b = {0};
  for (size_t i = 0; i < n; i += 32) {
    size_t left = n - i;
    a += get_some(x + i, left) * get_some(y + i, left) * get_some(z + i, left);
    if (left <= 16) break;
    b += get_some(x + i + 16, left - 16) * get_some(y + i + 16, left - 16) * get_some(z + i + 16, left - 16);
  }
  return fold(a + b);
}

FL_INLINE v16 larger(v16 a, v16 b) {
  i16 is = a > b;
  return (v16)(((i16)a & is) | ((i16)b & ~is));
}

static float largest(const float *s, size_t n) {
  v16 a = splat(-INFINITY), b = a;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) a = larger(get(s + i), a), b = larger(get(s + i + 16), b);
  for (; i < n; i += 16) a = larger(keep_some(get_some(s + i, n - i), n - i, -INFINITY), a);
  a = larger(a, b);
  float m = -INFINITY;
  for (size_t j = 0; j < 16; j++) m = a[j] > m ? a[j] : m;
  return m;
}

// Σ exp(scale · (s − shift)); the exponentials go to `out` where it is not null.
FL_INLINE float exponentials(float *out, const float *s, float scale, float shift, size_t n) {
  v16 a = {0}, b = {0};
  for (size_t i = 0; i < n; i += 32) {
    size_t left = n - i;
    v16 e = exponential(scale * (get_some(s + i, left) - shift));
    if (out) put_some(out + i, e, left);
    a += keep_some(e, left, 0);
    if (left <= 16) break;
    left -= 16;
    e = exponential(scale * (get_some(s + i + 16, left) - shift));
    if (out) put_some(out + i + 16, e, left);
    b += keep_some(e, left, 0);
  }
  return fold(a + b);
}

static void rmsnorm(float *y, const float *x, const float *w, size_t n, float eps) {
  float r = 1.0f / __builtin_sqrtf(sum_squares(x, n) / (float)n + eps);
  for (size_t i = 0; i < n; i += 16) put_some(y + i, get_some(x + i, n - i) * r * get_some(w + i, n - i), n - i);
}

static void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, size_t n,
                             float eps) {
  FL_FUSED
  float r = 1.0f / __builtin_sqrtf(sum_squares(x, n) / (float)n + eps);
  float c = dot3_f32(dy, w, x, n) * r * r * r / (float)n;
  for (size_t i = 0; i < n; i += 16) {
    size_t left = n - i;
    v16 d = get_some(dy + i, left), v = get_some(x + i, left);
    put_some(dx + i, get_some(dx + i, left) + (d * get_some(w + i, left) * r - v * c), left);
    if (dw) put_some(dw + i, get_some(dw + i, left) + d * v * r, left);
  }
}

static void softmax(float *s, float scale, size_t n) {
  float inverse = 1.0f / exponentials(s, s, scale, largest(s, n), n);
  for (size_t i = 0; i < n; i += 16) put_some(s + i, get_some(s + i, n - i) * inverse, n - i);
}

static void softmax_backward(float *dp, const float *p, float scale, size_t n) {
  float c = dot_f32(dp, p, n);
  for (size_t i = 0; i < n; i += 16)
    put_some(dp + i, get_some(p + i, n - i) * (get_some(dp + i, n - i) - c) * scale, n - i);
}

static float logsumexp(const float *s, size_t n) {
  float m = largest(s, n);
  // A vocabulary is long: sum in slices, add the slices in f64.
  double total = 0;
  for (size_t i = 0; i < n; i += 1024) total += exponentials(NULL, s + i, 1, m, least(n - i, 1024));
  return m + (float)log(total);
}

static double logsumexp_f64(const float *s, size_t n) {
  double m = largest(s, n);
  double total = 0;
  for (size_t i = 0; i < n; i++) total += exp(s[i] - m);
  return m + log(total);
}

static void cross_entropy_gradient(float *s, float lse, float scale, size_t n) {
  for (size_t i = 0; i < n; i += 16) put_some(s + i, exponential(get_some(s + i, n - i) - lse) * scale, n - i);
}

static size_t argmax(const float *s, size_t n) {
  float m = largest(s, n);
  for (size_t i = 0; i < n; i++)
    if (s[i] == m) return i;
  return 0;
}

// All bits of the exponent set: an infinity or no number. Integer work, for floating-point comparisons may be optimised.
FL_INLINE uint32_t is_not_finite(const float *s) {
  uint32_t bits;
  memcpy(&bits, s, sizeof bits);
  return (bits & 0x7f800000u) == 0x7f800000u;
}

static size_t first_not_finite(const float *s, size_t n) {
  for (size_t start = 0; start < n; start += 4096) {
    size_t end = least(n, start + 4096);
    uint32_t any = 0;
    for (size_t i = start; i < end; i++) any |= is_not_finite(s + i);
    if (!any) continue;
    for (size_t i = start; i < end; i++)
      if (is_not_finite(s + i)) return i;
  }
  return n;
}
