// Small products on one thread: attention's, changes of few ranks, and those of few rows with a large matrix.
#pragma once
#include "tile.h"

// One tile of c, rows × 16 · vectors columns; `rows` and `vectors` are constants.
FL_INLINE void product_tile_of(const int rows, const int vectors, float *c, size_t ldc, const float *a, size_t a_row,
                               size_t a_step, const float *b, size_t b_step, size_t b_panel, size_t terms,
                               int accumulate) {
  v16 sums[FL_TILE_ROWS * FL_TILE_VECTORS];
  FL_UNROLL for (int i = 0; i < rows * vectors; i++) sums[i] = (v16){0};
  add_products(sums, rows, vectors, a, a_row, a_step, b, b_step, b_panel, terms);
  FL_UNROLL for (int i = 0; i < rows * vectors; i++) {
    float *out = c + (size_t)(i / vectors) * ldc + 16 * (size_t)(i % vectors);
    put(out, accumulate ? get(out) + sums[i] : sums[i]);
  }
}

// The last columns, where a whole vector would be read past the row.
static __attribute__((noinline)) void product_edge(float *c, size_t ldc, const float *a, size_t a_row, size_t a_step,
                                                   const float *b, size_t b_step, size_t rows, size_t terms,
                                                   size_t width, int accumulate) {
  FL_FUSED
  for (size_t r = 0; r < rows; r++) {
    v16 sum = {0};
    for (size_t k = 0; k < terms; k++) sum += a[r * a_row + k * a_step] * get_some(b + k * b_step, width);
    float *out = c + r * ldc;
    if (accumulate) sum += get_some(out, width);
    put_some(out, sum, width);
  }
}

#define FL_PRODUCT_TILE(rows, vectors) \
  product_tile_of(rows, vectors, c, ldc, a, a_row, a_step, b, b_step, b_panel, terms, accumulate)
#define FL_PRODUCT_1(rows) FL_PRODUCT_TILE(rows, 1)
#define FL_PRODUCT_2(rows) FL_PRODUCT_TILE(rows, 2)
#define FL_PRODUCT_3(rows) FL_PRODUCT_TILE(rows, 3)
#define FL_PRODUCT_4(rows) FL_PRODUCT_TILE(rows, 4)

static __attribute__((noinline)) void product_tile(float *c, size_t ldc, const float *a, size_t a_row, size_t a_step,
                                                   const float *b, size_t b_step, size_t b_panel, size_t rows,
                                                   size_t vectors, size_t terms, int accumulate) {
  switch (vectors) {
#if FL_TILE_VECTORS == 4
    case 2: FL_UP_TO_6(rows, FL_PRODUCT_2) break;
    case 3: FL_UP_TO_6(rows, FL_PRODUCT_3) break;
    case 4: FL_UP_TO_6(rows, FL_PRODUCT_4) break;
#endif
    default: FL_UP_TO_6(rows, FL_PRODUCT_1)
  }
}

static void product(float *c, size_t ldc, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_step,
                    size_t b_panel, size_t m, size_t n, size_t k, size_t columns_of_first, size_t terms_of_first,
                    int accumulate) {
  // Columns outside, so that those of b stay in the first cache.
  for (size_t j = 0; j < n; j += 16 * FL_TILE_VECTORS) {
    size_t width = least(n - j, 16 * FL_TILE_VECTORS);
    for (size_t i = 0; i < m; i += FL_TILE_ROWS) {
      size_t rows = least(m - i, FL_TILE_ROWS), last = i + rows - 1;
      size_t columns = least(n, columns_of_first + last), terms = least(k, terms_of_first + last);
      if (columns <= j) continue;
      // Those of the tile's columns that any of its rows takes, in whole vectors where b and c have them.
      size_t wanted = least(columns - j, width), vectors = least(width / 16, (wanted + 15) / 16);
      float *out = c + i * ldc + j;
      const float *factors = a + i * a_row, *from = b + j / 16 * b_panel;
      if (vectors > 0)
        product_tile(out, ldc, factors, a_row, a_step, from, b_step, b_panel, rows, vectors, terms, accumulate);
      size_t done = 16 * vectors;
      if (wanted > done)
        product_edge(out + done, ldc, factors, a_row, a_step, from + vectors * b_panel, b_step, rows, terms, width - done,
                     accumulate);
    }
  }
}

static void low_rank_add(float *w, const float *left, const float *right, size_t rank, size_t rows, size_t columns) {
  product(w, columns, left, rank, 1, right, columns, 16, rows, columns, rank, columns, rank, 1);
}

static void outer_accumulate(double *m, const float *x, size_t p, size_t ldx, const float *y, size_t q, size_t ldy,
                             size_t rows) {
  FL_FUSED
  for (size_t t = 0; t < rows; t++) {
    for (size_t a = 0; a < p; a++) {
      double factor = x[t * ldx + a];
      double *row = m + a * q;
      for (size_t b = 0; b < q; b++) row[b] += factor * (double)y[t * ldy + b];
    }
  }
}
