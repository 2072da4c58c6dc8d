// Loops that leave out the weights of a mask: bit i of the mask is weight i's, the lowest bit of a byte first.
#pragma once
#include "vector.h"

FL_INLINE int masked(const uint8_t *bits, size_t i) { return (bits[i >> 3] >> (i & 7)) & 1; }

// All bits of a lane set where the bit of weight i + lane is; i is a multiple of eight.
FL_INLINE i16 lanes_masked(const uint8_t *bits, size_t i) {
  const i16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  int32_t sixteen = bits[i >> 3] | bits[(i >> 3) + 1] << 8;
  return (bit & sixteen) != 0;
}

// How many of n weights lie before the first whose bit begins a byte.
FL_INLINE size_t before_byte(size_t first, size_t n) { return least(n, (8 - (first & 7)) & 7); }

static void mask_zero(float *w, const uint8_t *mask, size_t first, size_t n) {
  size_t i = 0;
  for (; i < before_byte(first, n); i++)
    if (masked(mask, first + i)) w[i] = 0;
  for (; i + 16 <= n; i += 16) put(w + i, (v16)((i16)get(w + i) & ~lanes_masked(mask, first + i)));
  for (; i < n; i++)
    if (masked(mask, first + i)) w[i] = 0;
}

static void mask_copy(float *w, const float *from, const uint8_t *mask, size_t first, size_t n) {
  size_t i = 0;
  for (; i < before_byte(first, n); i++)
    if (masked(mask, first + i)) w[i] = from[i];
  for (; i + 16 <= n; i += 16) {
    i16 m = lanes_masked(mask, first + i);
    put(w + i, (v16)(((i16)get(w + i) & ~m) | ((i16)get(from + i) & m)));
  }
  for (; i < n; i++)
    if (masked(mask, first + i)) w[i] = from[i];
}

typedef struct {
  float lr, beta1, beta2, eps, decay, correction1, correction2_sqrt;
} adamw_rates;

// Up to sixteen weights, of which those of `frozen` stay as they are.
FL_INLINE void adamw_step(float *w, const float *g, float *m, float *v, size_t n, i16 frozen, adamw_rates a) {
  v16 w0 = get_some(w, n), m0 = get_some(m, n), v0 = get_some(v, n), gi = get_some(g, n);
  v16 p = w0 * (1.0f - a.lr * a.decay);
  v16 mi = m0 + (gi - m0) * (1.0f - a.beta1);
  v16 vi = v0 * a.beta2 + (1.0f - a.beta2) * gi * gi;
  v16 wi = p - a.lr / a.correction1 * (mi / (__builtin_elementwise_sqrt(vi) / a.correction2_sqrt + a.eps));
#define FL_KEEP(new, old) (v16)(((i16)(new) & ~frozen) | ((i16)(old) & frozen))
  put_some(m, FL_KEEP(mi, m0), n);
  put_some(v, FL_KEEP(vi, v0), n);
  put_some(w, FL_KEEP(wi, w0), n);
#undef FL_KEEP
}

static void adamw(float *w, const float *g, float *m, float *v, size_t n, float lr, float beta1, float beta2, float eps,
                  float decay, float correction1, float correction2_sqrt, const uint8_t *frozen, size_t first) {
  adamw_rates rates = {lr, beta1, beta2, eps, decay, correction1, correction2_sqrt};
  const i16 none = {0};
  size_t i = 0;
  // One by one to the mask's next byte, and where fewer than sixteen are left.
  if (frozen)
    for (; i < before_byte(first, n); i++) {
      if (!masked(frozen, first + i)) adamw_step(w + i, g + i, m + i, v + i, 1, none, rates);
    }
  for (; i + 16 <= n; i += 16)
    adamw_step(w + i, g + i, m + i, v + i, 16, frozen ? lanes_masked(frozen, first + i) : none, rates);
  for (; i < n; i++) {
    if (!frozen || !masked(frozen, first + i)) adamw_step(w + i, g + i, m + i, v + i, 1, none, rates);
  }
}
