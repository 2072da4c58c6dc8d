// Every kernel that is compiled once a level: K(type, name, parameters, arguments). The declarations with their meaning
// stand in include/.
K(void, add, (float *y, const float *x, size_t n), (y, x, n))
K(void, scale, (float *y, float s, size_t n), (y, s, n))
K(double, dot, (const float *x, const float *y, size_t n), (x, y, n))
K(void, remove_component, (float *x, const float *d, float strength, size_t n), (x, d, strength, n))
K(void, square_accumulate, (double *acc, const float *x, size_t rows, size_t columns, size_t ld),
  (acc, x, rows, columns, ld))
K(void, moment_accumulate, (double *sum, double *squares, const float *x, size_t rows, size_t columns, size_t ld),
  (sum, squares, x, rows, columns, ld))
K(void, column_sum, (float *acc, const float *x, size_t rows, size_t columns, size_t ld), (acc, x, rows, columns, ld))
K(void, swiglu, (float *y, const float *gate, const float *up, size_t n), (y, gate, up, n))
K(void, swiglu_backward,
  (float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t n),
  (dgate, dup, dy, gate, up, n))
K(void, rope, (float *x, const float *cosines, const float *sines, size_t half, float sign),
  (x, cosines, sines, half, sign))
K(void, f32_to_f64, (double *y, const float *x, size_t n), (y, x, n))
K(void, f64_to_f32, (float *y, const double *x, size_t n), (y, x, n))

K(size_t, f32_outside, (const void *x, size_t n, float low, float high), (x, n, low, high))
K(size_t, f64_outside, (const void *x, size_t n, double low, double high), (x, n, low, high))
K(size_t, i32_outside, (const void *x, size_t n, int32_t low, int32_t high), (x, n, low, high))
K(size_t, u8_outside, (const void *x, size_t n, uint8_t low, uint8_t high), (x, n, low, high))
K(void, gram_times, (double *z, const float *u, size_t rows, size_t columns, const float *x), (z, u, rows, columns, x))
K(size_t, first_not_finite, (const float *s, size_t n), (s, n))

K(void, rmsnorm, (float *y, const float *x, const float *w, size_t n, float eps), (y, x, w, n, eps))
K(void, rmsnorm_backward,
  (float *dx, float *dw, const float *dy, const float *x, const float *w, size_t n, float eps),
  (dx, dw, dy, x, w, n, eps))
K(void, softmax, (float *s, float scale, size_t n), (s, scale, n))
K(void, softmax_backward, (float *dp, const float *p, float scale, size_t n), (dp, p, scale, n))
K(float, logsumexp, (const float *s, size_t n), (s, n))
K(double, logsumexp_f64, (const float *s, size_t n), (s, n))
K(void, cross_entropy_gradient, (float *s, float lse, float scale, size_t n), (s, lse, scale, n))
K(size_t, argmax, (const float *s, size_t n), (s, n))

K(void, mask_zero, (float *w, const uint8_t *mask, size_t first, size_t n), (w, mask, first, n))
K(void, mask_copy, (float *w, const float *from, const uint8_t *mask, size_t first, size_t n),
  (w, from, mask, first, n))
K(void, adamw,
  (float *w, const float *g, float *m, float *v, size_t n, float lr, float beta1, float beta2, float eps, float decay,
   float correction1, float correction2_sqrt, const uint8_t *frozen, size_t first),
  (w, g, m, v, n, lr, beta1, beta2, eps, decay, correction1, correction2_sqrt, frozen, first))

K(void, pack_panels, (float *packed, const float *x, size_t rows, size_t columns, size_t ld, size_t width),
  (packed, x, rows, columns, ld, width))
K(void, snip_tile,
  (float *acc, size_t ld, const float *delta, const float *x, size_t tokens, const size_t *spans, size_t count,
   size_t rowFirst, size_t rowLast, size_t columnFirst, size_t columnLast),
  (acc, ld, delta, x, tokens, spans, count, rowFirst, rowLast, columnFirst, columnLast))
K(void, pack_transposed, (float *packed, const float *x, size_t rows, size_t inputs, size_t ld),
  (packed, x, rows, inputs, ld))
K(void, small_linear,
  (float *y, size_t ldy, const float *x, const float *w, size_t rows, size_t inputs, size_t first, size_t last),
  (y, ldy, x, w, rows, inputs, first, last))
K(void, product,
  (float *c, size_t ldc, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_step, size_t b_panel,
   size_t m, size_t n, size_t k, size_t columns_of_first, size_t terms_of_first, int accumulate),
  (c, ldc, a, a_row, a_step, b, b_step, b_panel, m, n, k, columns_of_first, terms_of_first, accumulate))
K(void, scores,
  (float *s, size_t lds, const float *q, size_t ldq, const float *k, size_t ldk, size_t group, size_t count,
   size_t dim),
  (s, lds, q, ldq, k, ldk, group, count, dim))
K(void, low_rank_add,
  (float *w, const float *left, const float *right, size_t rank, size_t rows, size_t columns),
  (w, left, right, rank, rows, columns))
K(void, outer_accumulate,
  (double *m, const float *x, size_t p, size_t ldx, const float *y, size_t q, size_t ldy, size_t rows),
  (m, x, p, ldx, y, q, ldy, rows))

K(void, pack_pairs_bf16, (uint16_t *packed, const float *x, size_t rows, size_t inputs, size_t ld),
  (packed, x, rows, inputs, ld))
K(void, small_linear_bf16,
  (float *y, size_t ldy, const uint16_t *x, const uint16_t *w, size_t rows, size_t inputs, size_t first, size_t last),
  (y, ldy, x, w, rows, inputs, first, last))
K(void, scores_bf16,
  (float *s, size_t lds, const uint16_t *q, size_t ldq, const uint16_t *k, size_t ldk, size_t group, size_t count,
   size_t dim),
  (s, lds, q, ldq, k, ldk, group, count, dim))
K(void, weighted_rows_bf16,
  (float *c, size_t ldc, const float *p, size_t ldp, const uint16_t *v, size_t ldv, size_t group, size_t count,
   size_t dim),
  (c, ldc, p, ldp, v, ldv, group, count, dim))

K(void, f16_to_f32, (const void *source, float *destination, size_t n), (source, destination, n))
K(void, bf16_to_f32, (const void *source, float *destination, size_t n), (source, destination, n))
K(void, f32_to_f16, (const float *source, void *destination, size_t n), (source, destination, n))
K(void, f32_to_bf16, (const float *source, void *destination, size_t n), (source, destination, n))
K(void, dequantise_q4_0, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
K(void, dequantise_q4_1, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
K(void, dequantise_q5_0, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
K(void, dequantise_q5_1, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
K(void, dequantise_q8_0, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
K(void, dequantise_q4_k, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
K(void, dequantise_q5_k, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
K(void, dequantise_q6_k, (const void *source, float *destination, size_t blocks), (source, destination, blocks))
