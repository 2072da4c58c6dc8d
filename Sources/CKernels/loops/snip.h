// Σ_x abs(∇W): one example's gradient lives in registers only, a tile of it at a time.
#pragma once
#include "tile.h"

#if FL_LEVEL >= 3
#define FL_SNIP_ROWS 14
#define FL_SNIP_COLUMNS 32
#else
#define FL_SNIP_ROWS 6
#define FL_SNIP_COLUMNS 16
#endif
#define FL_SNIP_VECTORS (FL_SNIP_COLUMNS / 16)

// Whole groups are copied in runs of a length that the compiler knows.
FL_INLINE void copy_group(float *to, const float *from, size_t count, size_t width) {
  if (count == FL_SNIP_COLUMNS && width == FL_SNIP_COLUMNS) {
    memcpy(to, from, 4 * FL_SNIP_COLUMNS);
  } else if (count == FL_SNIP_ROWS && width == FL_SNIP_ROWS) {
    memcpy(to, from, 4 * FL_SNIP_ROWS);
  } else {
    for (size_t c = 0; c < count; c++) to[c] = from[c];
    for (size_t c = count; c < width; c++) to[c] = 0;
  }
}

static void pack_panels(float *packed, const float *x, size_t rows, size_t columns, size_t ld, size_t width) {
  // Row after row, so that a line of x is read once.
  for (size_t t = 0; t < rows; t++) {
    float *to = packed + t * width;
    for (size_t j = 0; j < columns; j += width, to += rows * width)
      copy_group(to, x + t * ld + j, least(columns - j, width), width);
  }
}

// All examples of one tile; `rows` and `vectors` are constants, `width` columns lie inside the matrix.
FL_INLINE void snip_tile_of(const int rows, const int vectors, float *acc, size_t ld, const float *delta, const float *x,
                            const size_t *spans, size_t count, size_t width) {
  // The accumulator comes from the second cache while the first products run.
  FL_UNROLL for (int i = 0; i < rows * vectors; i++)
    __builtin_prefetch(acc + (size_t)(i / vectors) * ld + 16 * (i % vectors), 1);
  for (size_t s = 0; s < count; s++) {
    size_t first = spans[2 * s], terms = spans[2 * s + 1] - first;
    v16 c[FL_SNIP_ROWS * FL_SNIP_VECTORS];
    FL_UNROLL for (int i = 0; i < rows * vectors; i++) c[i] = (v16){0};
    add_products(c, rows, vectors, delta + first * FL_SNIP_ROWS, 1, FL_SNIP_ROWS, x + first * FL_SNIP_COLUMNS,
                 FL_SNIP_COLUMNS, 16, terms);
    FL_UNROLL for (int i = 0; i < rows * vectors; i++) {
      size_t lane = 16 * (size_t)(i % vectors);
      float *out = acc + (size_t)(i / vectors) * ld + lane;
      put_some(out, get_some(out, width - lane) + absolute(c[i]), width - lane);
    }
  }
}

// Fewer rows than a whole tile, and as few vectors as their columns need.
#define FL_SNIP_EDGE(rows)                                                                \
  if (width > 16)                                                                         \
    snip_tile_of(rows, FL_SNIP_VECTORS, acc, ld, delta, x, spans, count, width);          \
  else                                                                                    \
    snip_tile_of(rows, 1, acc, ld, delta, x, spans, count, width)

static __attribute__((noinline)) void snip_edge(float *acc, size_t ld, const float *delta, const float *x,
                                                const size_t *spans, size_t count, size_t height, size_t width) {
#if FL_LEVEL >= 3
  switch (height) {
    FL_CASE(7, FL_SNIP_EDGE) FL_CASE(8, FL_SNIP_EDGE) FL_CASE(9, FL_SNIP_EDGE) FL_CASE(10, FL_SNIP_EDGE)
    FL_CASE(11, FL_SNIP_EDGE) FL_CASE(12, FL_SNIP_EDGE) FL_CASE(13, FL_SNIP_EDGE) FL_CASE(14, FL_SNIP_EDGE)
    default: FL_UP_TO_6(height, FL_SNIP_EDGE)
  }
#else
  FL_UP_TO_6(height, FL_SNIP_EDGE)
#endif
}

static __attribute__((noinline)) void snip_whole(float *acc, size_t ld, const float *delta, const float *x,
                                                 const size_t *spans, size_t count) {
  snip_tile_of(FL_SNIP_ROWS, FL_SNIP_VECTORS, acc, ld, delta, x, spans, count, FL_SNIP_COLUMNS);
}

static void snip_tile(float *acc, size_t ld, const float *delta, const float *x, size_t tokens, const size_t *spans,
                      size_t count, size_t rowFirst, size_t rowLast, size_t columnFirst, size_t columnLast) {
  for (size_t j = columnFirst; j < columnLast; j += FL_SNIP_COLUMNS) {
    const float *panel = x + j * tokens;
    size_t width = least(columnLast - j, FL_SNIP_COLUMNS);
    for (size_t i = rowFirst; i < rowLast; i += FL_SNIP_ROWS) {
      const float *rows = delta + i * tokens;
      size_t height = least(rowLast - i, FL_SNIP_ROWS);
      if (height == FL_SNIP_ROWS && width == FL_SNIP_COLUMNS)
        snip_whole(acc + i * ld + j, ld, rows, panel, spans, count);
      else
        snip_edge(acc + i * ld + j, ld, rows, panel, spans, count, height, width);
    }
  }
}
