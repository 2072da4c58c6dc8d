// What the self-tests share: values without pattern, and comparisons with what a plain loop in f64 gives.
#pragma once
#include <math.h>
#include <string.h>
#include "levels.h"

// One test of one kernel: 1 where the level's kernels agree with the plain loops.
typedef struct {
  const char *name;
  int (*agrees)(const struct fl_kernels *k, int fused);
} fl_test;

// Products, and all else.
extern const fl_test fl_product_tests[], fl_row_tests[];

// Values between −1 and 1.
static inline void fl_fill(float *x, size_t n, unsigned seed) {
  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)(int32_t)seed * 0x1p-31f;
  }
}

static inline int fl_near(const float *x, const double *exact, size_t n, double tolerance) {
  for (size_t i = 0; i < n; i++)
    if (!(fabs((double)x[i] - exact[i]) <= tolerance * (1 + fabs(exact[i])))) return 0;
  return 1;
}

static inline int fl_same(const void *x, const void *y, size_t bytes) { return memcmp(x, y, bytes) == 0; }
