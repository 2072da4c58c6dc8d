// Products of few rows with a large matrix: decode steps, where BLAS would spend its time packing the weights.
#include "dispatch.h"
#include "kernels.h"

typedef float v8 __attribute__((vector_size(32), aligned(4)));

void fl_pack_transposed(float *packed, const float *x, size_t rows, size_t inputs, size_t ld) {
  for (size_t m = 0; m < rows; m += FL_SMALL_COLUMNS) {
    size_t count = rows - m < FL_SMALL_COLUMNS ? rows - m : FL_SMALL_COLUMNS;
    for (size_t k = 0; k < inputs; k++) {
      for (size_t c = 0; c < count; c++) packed[c] = x[(m + c) * ld + k];
      for (size_t c = count; c < FL_SMALL_COLUMNS; c++) packed[c] = 0;
      packed += FL_SMALL_COLUMNS;
    }
  }
}

FL_CLONES static void dot_block(float *out, const float *x, const float *const w[FL_SMALL_ROWS], size_t inputs) {
  FL_FUSED
  v8 c00 = {0}, c01 = {0}, c10 = {0}, c11 = {0}, c20 = {0}, c21 = {0};
  v8 c30 = {0}, c31 = {0}, c40 = {0}, c41 = {0}, c50 = {0}, c51 = {0};
  const float *w0 = w[0], *w1 = w[1], *w2 = w[2], *w3 = w[3], *w4 = w[4], *w5 = w[5];
  for (size_t k = 0; k < inputs; k++) {
    v8 x0 = *(const v8 *)x, x1 = *(const v8 *)(x + 8);
    c00 += w0[k] * x0, c01 += w0[k] * x1;
    c10 += w1[k] * x0, c11 += w1[k] * x1;
    c20 += w2[k] * x0, c21 += w2[k] * x1;
    c30 += w3[k] * x0, c31 += w3[k] * x1;
    c40 += w4[k] * x0, c41 += w4[k] * x1;
    c50 += w5[k] * x0, c51 += w5[k] * x1;
    x += FL_SMALL_COLUMNS;
  }
  v8 *o = (v8 *)out;
  o[0] = c00, o[1] = c01, o[2] = c10, o[3] = c11, o[4] = c20, o[5] = c21;
  o[6] = c30, o[7] = c31, o[8] = c40, o[9] = c41, o[10] = c50, o[11] = c51;
}

void fl_small_linear(float *y, size_t ldy, const float *x, const float *w, size_t rows, size_t inputs, size_t first,
                     size_t last) {
  float block[FL_SMALL_ROWS * FL_SMALL_COLUMNS];
  const float *pointers[FL_SMALL_ROWS];
  for (size_t n = first; n < last; n += FL_SMALL_ROWS) {
    size_t height = last - n < FL_SMALL_ROWS ? last - n : FL_SMALL_ROWS;
    // Rows past the edge repeat the last one; their results are not stored.
    for (size_t r = 0; r < FL_SMALL_ROWS; r++) pointers[r] = w + (n + (r < height ? r : height - 1)) * inputs;
    for (size_t m = 0; m < rows; m += FL_SMALL_COLUMNS) {
      size_t count = rows - m < FL_SMALL_COLUMNS ? rows - m : FL_SMALL_COLUMNS;
      dot_block(block, x + m * inputs, pointers, inputs);
      for (size_t c = 0; c < count; c++)
        for (size_t r = 0; r < height; r++) y[(m + c) * ldy + n + r] = block[r * FL_SMALL_COLUMNS + c];
    }
  }
}
