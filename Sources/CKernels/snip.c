// Σ_x abs(∇W): one example's gradient lives in registers only, six rows by sixteen columns at a time.
#include "dispatch.h"
#include "kernels.h"

typedef float v8 __attribute__((vector_size(32), aligned(4)));

void fl_pack_panels(float *packed, const float *x, size_t rows, size_t columns, size_t ld, size_t width) {
  for (size_t j = 0; j < columns; j += width) {
    size_t w = columns - j < width ? columns - j : width;
    for (size_t t = 0; t < rows; t++) {
      const float *source = x + t * ld + j;
      for (size_t c = 0; c < w; c++) packed[c] = source[c];
      for (size_t c = w; c < width; c++) packed[c] = 0;
      packed += width;
    }
  }
}

// acc += abs(x) where every lane is inside the matrix.
#define FL_ABS(x) ((v8)((v8i)(x) & mask))
typedef int32_t v8i __attribute__((vector_size(32), aligned(4)));

FL_CLONES static void micro(float *acc, size_t ld, const float *delta, const float *x, size_t count) {
  FL_FUSED
  v8 c00 = {0}, c01 = {0}, c10 = {0}, c11 = {0}, c20 = {0}, c21 = {0};
  v8 c30 = {0}, c31 = {0}, c40 = {0}, c41 = {0}, c50 = {0}, c51 = {0};
  for (size_t t = 0; t < count; t++) {
    v8 x0 = *(const v8 *)x, x1 = *(const v8 *)(x + 8);
    c00 += delta[0] * x0, c01 += delta[0] * x1;
    c10 += delta[1] * x0, c11 += delta[1] * x1;
    c20 += delta[2] * x0, c21 += delta[2] * x1;
    c30 += delta[3] * x0, c31 += delta[3] * x1;
    c40 += delta[4] * x0, c41 += delta[4] * x1;
    c50 += delta[5] * x0, c51 += delta[5] * x1;
    x += FL_SNIP_COLUMNS;
    delta += FL_SNIP_ROWS;
  }
  const v8i mask = {0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff};
#define FL_STORE(row, lo, hi)                 \
  *(v8 *)(acc + row * ld) += FL_ABS(lo);      \
  *(v8 *)(acc + row * ld + 8) += FL_ABS(hi)
  FL_STORE(0, c00, c01);
  FL_STORE(1, c10, c11);
  FL_STORE(2, c20, c21);
  FL_STORE(3, c30, c31);
  FL_STORE(4, c40, c41);
  FL_STORE(5, c50, c51);
}

void fl_snip_tile(float *acc, size_t ld, const float *delta, const float *x, size_t tokens, size_t first, size_t last,
                  size_t rowFirst, size_t rowLast, size_t columnFirst, size_t columnLast) {
  float edge[FL_SNIP_ROWS * FL_SNIP_COLUMNS];
  for (size_t j = columnFirst; j < columnLast; j += FL_SNIP_COLUMNS) {
    const float *panel = x + j * tokens + first * FL_SNIP_COLUMNS;
    size_t width = columnLast - j < FL_SNIP_COLUMNS ? columnLast - j : FL_SNIP_COLUMNS;
    for (size_t i = rowFirst; i < rowLast; i += FL_SNIP_ROWS) {
      const float *rows = delta + i * tokens + first * FL_SNIP_ROWS;
      size_t height = rowLast - i < FL_SNIP_ROWS ? rowLast - i : FL_SNIP_ROWS;
      float *out = acc + i * ld + j;
      if (width == FL_SNIP_COLUMNS && height == FL_SNIP_ROWS) {
        micro(out, ld, rows, panel, last - first);
      } else {
        for (size_t e = 0; e < FL_SNIP_ROWS * FL_SNIP_COLUMNS; e++) edge[e] = 0;
        micro(edge, FL_SNIP_COLUMNS, rows, panel, last - first);
        for (size_t r = 0; r < height; r++)
          for (size_t c = 0; c < width; c++) out[r * ld + c] += edge[r * FL_SNIP_COLUMNS + c];
      }
    }
  }
}
