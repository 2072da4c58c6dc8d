// Products of few rows with a large matrix, whose rows are read where they lie: decode steps.
#pragma once
#include "kernels.h"
#include "few.h"
#include "tile.h"

static void pack_transposed(float *packed, const float *x, size_t rows, size_t inputs, size_t ld) {
  for (size_t m = 0; m < rows; m += 16, packed += 16 * inputs) {
    for (size_t c = 0; c < 16; c += 4) {
      size_t k = 0;
      if (m + c + 4 <= rows) {
        const float *p = x + (m + c) * ld;
        for (; k + 4 <= inputs; k += 4)
          transpose4(packed + 16 * k + c, 16, *(const v4 *)(p + k), *(const v4 *)(p + ld + k),
                     *(const v4 *)(p + 2 * ld + k), *(const v4 *)(p + 3 * ld + k));
      }
      for (; k < inputs; k++)
        for (size_t r = c; r < c + 4; r++) packed[16 * k + r] = m + r < rows ? x[(m + r) * ld + k] : 0;
    }
  }
}

// Sums of `rows` outputs, sixteen · vectors lanes each, to rows of y: y[m][r] for m < count. `rows` is a constant.
FL_INLINE void put_outputs(float *y, size_t ldy, const v16 *sums, const int rows, const int vectors, size_t count) {
  const float *block = (const float *)sums;
  const size_t ld = 16 * (size_t)vectors;
  size_t m = 0;
  if (rows % 4 == 0) {
    for (; m + 4 <= count; m += 4) {
      for (int r = 0; r < rows; r += 4) {
        const float *p = block + (size_t)r * ld + m;
        transpose4(y + m * ldy + r, ldy, *(const v4 *)p, *(const v4 *)(p + ld), *(const v4 *)(p + 2 * ld),
                   *(const v4 *)(p + 3 * ld));
      }
    }
  }
  for (; m < count; m++)
    for (int r = 0; r < rows; r++) y[m * ldy + (size_t)r] = block[(size_t)r * ld + m];
}

// y[m][n] for 16 · vectors rows m, of which `count` exist, and `rows` outputs n; `rows` and `vectors` are constants.
FL_INLINE void small_tile_of(const int rows, const int vectors, float *y, size_t ldy, const float *x, const float *w,
                             size_t inputs, size_t count) {
  v16 c[8 * 2];
  FL_UNROLL for (int i = 0; i < rows * vectors; i++) c[i] = (v16){0};
  add_products(c, rows, vectors, w, inputs, 1, x, 16, 16 * inputs, inputs);
  put_outputs(y, ldy, c, rows, vectors, count);
}

// How many vectors of x a tile takes. Few weight rows, as each needs an address of its own.
#if FL_LEVEL >= 3
#define FL_SMALL_VECTORS 3
#else
#define FL_SMALL_VECTORS 1
#endif

// A tile of `rows` outputs by `vectors`, where as many are left: how many they are.
#define FL_SMALL_STEP(tile, rows, vectors)               \
  if (left >= rows) {                                    \
    tile(rows, vectors, y, ldy, x, w, inputs, count);    \
    return rows;                                         \
  }
#if FL_LEVEL >= 3
#define FL_SMALL_STEPS(tile, most)                                                                  \
  switch (vectors) {                                                                                \
    case 3: FL_SMALL_STEP(tile, 4, 3) FL_SMALL_STEP(tile, 1, 3) break;                              \
    case 2: FL_SMALL_STEP(tile, 8, 2) FL_SMALL_STEP(tile, 4, 2) FL_SMALL_STEP(tile, 1, 2) break;    \
    default: FL_SMALL_STEP(tile, 8, 1) FL_SMALL_STEP(tile, 4, 1) FL_SMALL_STEP(tile, 1, 1)          \
  }
#else
#define FL_SMALL_STEPS(tile, most) FL_SMALL_STEP(tile, most, 1) FL_SMALL_STEP(tile, 4, 1) FL_SMALL_STEP(tile, 1, 1)
#endif

static __attribute__((noinline)) size_t small_outputs(float *y, size_t ldy, const float *x, const float *w, size_t inputs,
                                                      size_t vectors, size_t count, size_t left) {
  (void)vectors;
#if FL_LEVEL >= 3
  if (count <= FL_FEW_ROWS && left >= 16) return few_outputs(y, ldy, x, w, inputs, count), 16;
#endif
  FL_SMALL_STEPS(small_tile_of, 6)
  return left;
}

static void small_linear(float *y, size_t ldy, const float *x, const float *w, size_t rows, size_t inputs, size_t first,
                         size_t last) {
  for (size_t block = first; block < last; block += FL_SMALL_BLOCK) {
    size_t end = least(last, block + FL_SMALL_BLOCK);
    for (size_t m = 0; m < rows;) {
      size_t vectors = least((rows - m + 15) / 16, FL_SMALL_VECTORS), count = least(rows - m, 16 * vectors);
      for (size_t n = block; n < end;)
        n += small_outputs(y + m * ldy + n, ldy, x + m * inputs, w + n * inputs, inputs, vectors, count, end - n);
      m += count;
    }
  }
}
