// Changes of few ranks: w + left · right, and the small products that compare subspaces.
#include "dispatch.h"
#include "kernels.h"

typedef float v8 __attribute__((vector_size(32), aligned(4)));

// Six rows by sixteen columns of left · right in registers; rows of `left` and `w` are given one by one.
FL_CLONES static void micro(float *const w[6], const float *const left[6], const float *right, size_t rank,
                            size_t columns) {
  FL_FUSED
  v8 c00 = {0}, c01 = {0}, c10 = {0}, c11 = {0}, c20 = {0}, c21 = {0};
  v8 c30 = {0}, c31 = {0}, c40 = {0}, c41 = {0}, c50 = {0}, c51 = {0};
  const float *l0 = left[0], *l1 = left[1], *l2 = left[2], *l3 = left[3], *l4 = left[4], *l5 = left[5];
  for (size_t k = 0; k < rank; k++) {
    v8 x0 = *(const v8 *)right, x1 = *(const v8 *)(right + 8);
    c00 += l0[k] * x0, c01 += l0[k] * x1;
    c10 += l1[k] * x0, c11 += l1[k] * x1;
    c20 += l2[k] * x0, c21 += l2[k] * x1;
    c30 += l3[k] * x0, c31 += l3[k] * x1;
    c40 += l4[k] * x0, c41 += l4[k] * x1;
    c50 += l5[k] * x0, c51 += l5[k] * x1;
    right += columns;
  }
#define FL_STORE(row, lo, hi) \
  *(v8 *)w[row] += lo;        \
  *(v8 *)(w[row] + 8) += hi
  FL_STORE(0, c00, c01);
  FL_STORE(1, c10, c11);
  FL_STORE(2, c20, c21);
  FL_STORE(3, c30, c31);
  FL_STORE(4, c40, c41);
  FL_STORE(5, c50, c51);
}

// The same sums where fewer than sixteen columns are left.
FL_CLONES static void edge(float *w, const float *left, const float *right, size_t rank, size_t columns,
                           size_t width) {
  FL_FUSED
  float sum[16] = {0};
  for (size_t k = 0; k < rank; k++)
    for (size_t c = 0; c < width; c++) sum[c] += left[k] * right[k * columns + c];
  for (size_t c = 0; c < width; c++) w[c] += sum[c];
}

void fl_low_rank_add(float *w, const float *left, const float *right, size_t rank, size_t rows, size_t columns) {
  size_t whole = columns / 16 * 16;
  float spare[16];
  for (size_t j = 0; j < whole; j += 16) {
    for (size_t i = 0; i < rows; i += 6) {
      float *out[6];
      const float *factors[6];
      size_t height = rows - i < 6 ? rows - i : 6;
      // Rows past the edge repeat the last one, into nowhere.
      for (size_t r = 0; r < 6; r++) {
        out[r] = r < height ? w + (i + r) * columns + j : spare;
        factors[r] = left + (i + (r < height ? r : height - 1)) * rank;
      }
      for (size_t c = 0; c < 16; c++) spare[c] = 0;
      micro(out, factors, right + j, rank, columns);
    }
  }
  if (whole == columns) return;
  for (size_t i = 0; i < rows; i++)
    edge(w + i * columns + whole, left + i * rank, right + whole, rank, columns, columns - whole);
}

FL_CLONES void fl_outer_accumulate(double *m, const float *x, size_t p, size_t ldx, const float *y, size_t q,
                                   size_t ldy, size_t rows) {
  FL_FUSED
  for (size_t t = 0; t < rows; t++) {
    for (size_t a = 0; a < p; a++) {
      double factor = x[t * ldx + a];
      double *row = m + a * q;
      for (size_t b = 0; b < q; b++) row[b] += factor * (double)y[t * ldy + b];
    }
  }
}

FL_CLONES void fl_f32_to_f64(double *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = x[i];
}

FL_CLONES void fl_f64_to_f32(float *y, const double *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = (float)x[i];
}
