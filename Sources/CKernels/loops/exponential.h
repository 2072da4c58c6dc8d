// exp: range reduction to [-ln2/2, ln2/2], a degree-6 polynomial, relative error below 2e-7.
#pragma once
#include "vector.h"

FL_INLINE v16 exponential(v16 x) {
  FL_FUSED
  i16 low = x < -87.0f, high = x > 88.0f;
  x = (v16)(((i16)splat(-87.0f) & low) | ((i16)splat(88.0f) & high) | ((i16)x & ~(low | high)));
  v16 shifted = x * 1.44269504088896341f + 12582912.0f;  // 1.5·2^23: rounds to an integer in the low mantissa bits
  v16 n = shifted - 12582912.0f;
  v16 r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  v16 p = splat(1.0f / 720);
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  i16 exponent = ((i16)shifted + 127) << 23;
  return p * (v16)exponent;
}
