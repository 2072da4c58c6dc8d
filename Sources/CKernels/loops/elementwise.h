// Loops in which every value stands for itself, and sums down the columns.
#pragma once
#include "exponential.h"

static void add(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void scale(float *y, float s, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] *= s;
}

static double dot(const float *x, const float *y, size_t n) {
  FL_FUSED
  double sums[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t j = 0; j < 16; j++) sums[j] += (double)x[i + j] * (double)y[i + j];
  for (size_t j = 0; i + j < n; j++) sums[j] += (double)x[i + j] * (double)y[i + j];
  for (size_t half = 8; half > 0; half /= 2)
    for (size_t j = 0; j < half; j++) sums[j] += sums[j + half];
  return sums[0];
}

static void remove_component(float *x, const float *d, float strength, size_t n) {
  FL_FUSED
  float share = (float)(strength * dot(x, d, n));
  for (size_t i = 0; i < n; i++) x[i] -= share * d[i];
}

static void square_accumulate(double *acc, const float *x, size_t rows, size_t columns, size_t ld) {
  FL_FUSED
  for (size_t t = 0; t < rows; t++) {
    const float *row = x + t * ld;
    for (size_t j = 0; j < columns; j++) acc[j] += (double)row[j] * (double)row[j];
  }
}

static void moment_accumulate(double *sum, double *squares, const float *x, size_t rows, size_t columns, size_t ld) {
  FL_FUSED
  for (size_t t = 0; t < rows; t++) {
    const float *row = x + t * ld;
    for (size_t j = 0; j < columns; j++) {
      double value = row[j];
      sum[j] += value;
      squares[j] += value * value;
    }
  }
}

static void column_sum(float *acc, const float *x, size_t rows, size_t columns, size_t ld) {
  for (size_t t = 0; t < rows; t++) {
    const float *row = x + t * ld;
    for (size_t j = 0; j < columns; j++) acc[j] += row[j];
  }
}

static void swiglu(float *y, const float *gate, const float *up, size_t n) {
  FL_FUSED
  for (size_t i = 0; i < n; i += 16) {
    size_t left = n - i;
    v16 g = get_some(gate + i, left);
    put_some(y + i, g / (1.0f + exponential(-g)) * get_some(up + i, left), left);
  }
}

static void swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t n) {
  FL_FUSED
  for (size_t i = 0; i < n; i += 16) {
    size_t left = n - i;
    v16 g = get_some(gate + i, left), d = get_some(dy + i, left), u = get_some(up + i, left);
    v16 s = 1.0f / (1.0f + exponential(-g));
    v16 silu = g * s;
    put_some(dup + i, d * silu, left);
    put_some(dgate + i, d * u * (s + silu * (1.0f - s)), left);
  }
}

static void rope(float *x, const float *cosines, const float *sines, size_t half, float sign) {
  FL_FUSED
  for (size_t i = 0; i < half; i += 16) {
    size_t left = half - i;
    v16 a = get_some(x + i, left), b = get_some(x + i + half, left);
    v16 c = get_some(cosines + i, left), s = get_some(sines + i, left) * sign;
    put_some(x + i, a * c - b * s, left);
    put_some(x + i + half, b * c + a * s, left);
  }
}

static void f32_to_f64(double *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = x[i];
}

static void f64_to_f32(float *y, const double *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = (float)x[i];
}
