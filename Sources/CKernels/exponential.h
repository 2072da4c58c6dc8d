// exp for f32 that vectorises: range reduction to [-ln2/2, ln2/2], a degree-6 polynomial, relative error below 2e-7.
#pragma once
#include <stdint.h>
#include <string.h>

static inline __attribute__((always_inline)) float fl_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  float shifted = x * 1.44269504088896341f + 12582912.0f;  // 1.5·2^23: rounds to an integer in the low mantissa bits
  int32_t bits;
  memcpy(&bits, &shifted, 4);
  float n = shifted - 12582912.0f;
  float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t exponent = (int32_t)((uint32_t)(bits + 127) << 23);
  float scale;
  memcpy(&scale, &exponent, 4);
  return p * scale;
}
