#include "dispatch.h"
#include "exponential.h"
#include "kernels.h"
#include <math.h>

FL_CLONES void fl_add(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

FL_CLONES void fl_scale(float *y, float s, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] *= s;
}

FL_CLONES double fl_dot(const float *x, const float *y, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
  return sum;
}

FL_CLONES void fl_remove_component(float *x, const float *d, float strength, size_t n) {
  FL_FUSED
  float share = (float)(strength * fl_dot(x, d, n));
  for (size_t i = 0; i < n; i++) x[i] -= share * d[i];
}

FL_CLONES void fl_abs_accumulate(float *acc, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) acc[i] += __builtin_fabsf(x[i]);
}

FL_CLONES void fl_square_accumulate(double *acc, const float *x, size_t rows, size_t columns, size_t ld) {
  for (size_t t = 0; t < rows; t++) {
    const float *row = x + t * ld;
    for (size_t j = 0; j < columns; j++) acc[j] += (double)row[j] * (double)row[j];
  }
}

FL_CLONES void fl_moment_accumulate(double *sum, double *squares, const float *x, size_t rows, size_t columns,
                                    size_t ld) {
  for (size_t t = 0; t < rows; t++) {
    const float *row = x + t * ld;
    for (size_t j = 0; j < columns; j++) {
      double value = row[j];
      sum[j] += value;
      squares[j] += value * value;
    }
  }
}

FL_CLONES void fl_column_sum(float *acc, const float *x, size_t rows, size_t columns, size_t ld) {
  for (size_t t = 0; t < rows; t++) {
    const float *row = x + t * ld;
    for (size_t j = 0; j < columns; j++) acc[j] += row[j];
  }
}

FL_CLONES void fl_swiglu(float *y, const float *gate, const float *up, size_t n) {
  FL_FUSED
  for (size_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + fl_exp(-gate[i])) * up[i];
}

FL_CLONES void fl_swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate, const float *up,
                                  size_t n) {
  FL_FUSED
  for (size_t i = 0; i < n; i++) {
    float s = 1.0f / (1.0f + fl_exp(-gate[i]));
    float silu = gate[i] * s;
    float d = dy[i];
    dup[i] = d * silu;
    dgate[i] = d * up[i] * (s + silu * (1.0f - s));
  }
}

FL_CLONES void fl_rope(float *x, const float *cosines, const float *sines, size_t half, float sign) {
  FL_FUSED
  for (size_t i = 0; i < half; i++) {
    float a = x[i], b = x[i + half], c = cosines[i], s = sines[i] * sign;
    x[i] = a * c - b * s;
    x[i + half] = b * c + a * s;
  }
}

static inline int masked(const uint8_t *bits, size_t i) { return (bits[i >> 3] >> (i & 7)) & 1; }

FL_CLONES void fl_mask_zero(float *w, const uint8_t *mask, size_t first, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (masked(mask, first + i)) w[i] = 0;
}

FL_CLONES void fl_mask_copy(float *w, const float *from, const uint8_t *mask, size_t first, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (masked(mask, first + i)) w[i] = from[i];
}

FL_CLONES static void adamw_run(float *w, const float *g, float *m, float *v, size_t n, float lr, float beta1,
                                float beta2, float eps, float decay, float correction1, float correction2_sqrt) {
  float step = lr / correction1;
  for (size_t i = 0; i < n; i++) {
    float p = w[i] * (1.0f - lr * decay);
    float mi = m[i] + (g[i] - m[i]) * (1.0f - beta1);
    float vi = v[i] * beta2 + (1.0f - beta2) * g[i] * g[i];
    m[i] = mi;
    v[i] = vi;
    w[i] = p - step * (mi / (__builtin_sqrtf(vi) / correction2_sqrt + eps));
  }
}

void fl_adamw(float *w, const float *g, float *m, float *v, size_t n, float lr, float beta1, float beta2, float eps,
              float decay, float correction1, float correction2_sqrt, const uint8_t *frozen, size_t first) {
  if (!frozen) {
    adamw_run(w, g, m, v, n, lr, beta1, beta2, eps, decay, correction1, correction2_sqrt);
    return;
  }
  // Runs of free weights, so that a frozen one is never touched.
  size_t i = 0;
  while (i < n) {
    while (i < n && masked(frozen, first + i)) i++;
    size_t start = i;
    while (i < n && !masked(frozen, first + i)) i++;
    if (i > start)
      adamw_run(w + start, g + start, m + start, v + start, i - start, lr, beta1, beta2, eps, decay, correction1,
                correction2_sqrt);
  }
}
