// What all products of floats are made of: a tile of sums in registers, each the sum over k in order, so that an entry's
// bits do not depend on the tiling.
#pragma once
#include "vector.h"

// Registers decide the tile: 32 of sixteen floats at AVX-512, 16 of eight at AVX2.
#if FL_LEVEL >= 3
#define FL_TILE_VECTORS 4
#else
#define FL_TILE_VECTORS 1
#endif
#define FL_TILE_ROWS 6

// c[r · vectors + v] += a[r · a_row + k · a_step] · b[k · b_step + v · b_vector + lane] for k in [0, count).
// `rows` and `vectors` are constants where it is used, so that c lies in registers.
FL_INLINE void add_products(v16 *c, const int rows, const int vectors, const float *a, size_t a_row, size_t a_step,
                            const float *b, size_t b_step, size_t b_vector, size_t count) {
  FL_FUSED
  for (size_t k = 0; k < count; k++) {
    v16 x[4];
    FL_UNROLL for (int v = 0; v < vectors; v++) x[v] = get(b + (size_t)v * b_vector);
    FL_UNROLL for (int r = 0; r < rows; r++) {
      float factor = a[(size_t)r * a_row];
      FL_UNROLL for (int v = 0; v < vectors; v++) c[r * vectors + v] += factor * x[v];
    }
    a += a_step;
    b += b_step;
  }
}

// The body for each number of rows up to six, or fourteen.
#define FL_CASE(n, body) case n: body(n); break;
#define FL_UP_TO_6(rows, body)                                                              \
  switch (rows) { FL_CASE(1, body) FL_CASE(2, body) FL_CASE(3, body) FL_CASE(4, body) FL_CASE(5, body) default: body(6); }
