// The few SIMD loops BLAS has no name for. Every function is pure over its arguments and runs on the calling thread, at the
// level in use (levels.h). In f32 the levels from AVX2 on give the same bits: what is fused, and the order of every sum,
// are the same. The portable level has no fused products and rounds differently.
// Shapes: row-major; `ld` is the distance in floats between rows.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- elementwise -------------------------------------------------------------------------------------------------
// y += x
void fl_add(float *y, const float *x, size_t n);
// y *= s
void fl_scale(float *y, float s, size_t n);
// Σ x[i] y[i] in f64, in sixteen sums that are then folded in halves.
double fl_dot(const float *x, const float *y, size_t n);
// x -= strength (xᵀ d) d: the component along the unit vector d, or a share of it, is taken away.
void fl_remove_component(float *x, const float *d, float strength, size_t n);
// acc[j] += Σ_t x[t][j]² over `rows` rows; f64 accumulator.
void fl_square_accumulate(double *acc, const float *x, size_t rows, size_t columns, size_t ld);
// sum[j] += x[t][j] and squares[j] += x[t][j]² row after row; f64 accumulators, in which the squares are exact.
void fl_moment_accumulate(double *sum, double *squares, const float *x, size_t rows, size_t columns, size_t ld);
// acc[j] += Σ_t x[t][j]
void fl_column_sum(float *acc, const float *x, size_t rows, size_t columns, size_t ld);

// --- checks ------------------------------------------------------------------------------------------------------
// How many of n values are not in [low, high]; what is no number is in no range. The bytes may stand anywhere.
size_t fl_f32_outside(const void *x, size_t n, float low, float high);
size_t fl_f64_outside(const void *x, size_t n, double low, double high);
size_t fl_i32_outside(const void *x, size_t n, int32_t low, int32_t high);
size_t fl_u8_outside(const void *x, size_t n, uint8_t low, uint8_t high);
// z = Uᵀ (U x) for U [rows × columns]: x again where U's columns are orthonormal. One pass over U.
void fl_gram_times(double *z, const float *u, size_t rows, size_t columns, const float *x);

// --- RMSNorm (one row) -------------------------------------------------------------------------------------------
// y = x · w / sqrt(mean(x²) + eps)
void fl_rmsnorm(float *y, const float *x, const float *w, size_t n, float eps);
// dx += ∂L/∂x given dy; dw += ∂L/∂w where dw is not null.
void fl_rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, size_t n, float eps);

// --- SwiGLU (one row) --------------------------------------------------------------------------------------------
// y = silu(gate) · up
void fl_swiglu(float *y, const float *gate, const float *up, size_t n);
// Gradients at gate and up given dy. May write over dy's own row only where dgate == dy or dup == dy is not used.
void fl_swiglu_backward(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t n);

// --- softmax -----------------------------------------------------------------------------------------------------
// In place: p = softmax(scale · s) over n entries; returns nothing.
void fl_softmax(float *s, float scale, size_t n);
// In place: ds = p · (dp − Σ p·dp) · scale, written over dp.
void fl_softmax_backward(float *dp, const float *p, float scale, size_t n);
// log Σ exp(s)
float fl_logsumexp(const float *s, size_t n);
// The same with every exponential, and their sum, in f64.
double fl_logsumexp_f64(const float *s, size_t n);
// s = exp(s − lse) · scale: the softmax part of the cross-entropy gradient.
void fl_cross_entropy_gradient(float *s, float lse, float scale, size_t n);
// Index of the largest value; the lower index where values tie.
size_t fl_argmax(const float *s, size_t n);

// Index of the first value that is infinite or no number; n where there is none.
size_t fl_first_not_finite(const float *s, size_t n);

// --- rotary embedding (one head) ---------------------------------------------------------------------------------
// Rotates pairs (i, i + half) by angles whose cosines and sines are given [half]; `sign` −1 undoes it.
void fl_rope(float *x, const float *cosines, const float *sines, size_t half, float sign);

// --- AdamW -------------------------------------------------------------------------------------------------------
// One decoupled-weight-decay Adam step (Loshchilov & Hutter 2019) over n weights, as torch.optim.AdamW rounds it.
// `frozen` (may be null): bit `first + i` set → weight i gets no update at all and its moments stay.
void fl_adamw(float *w, const float *g, float *m, float *v, size_t n, float lr, float beta1, float beta2, float eps,
              float decay, float correction1, float correction2_sqrt, const uint8_t *frozen, size_t first);

// --- masks -------------------------------------------------------------------------------------------------------
// w[i] = 0 where bit `first + i` of `mask` is set.
void fl_mask_zero(float *w, const uint8_t *mask, size_t first, size_t n);
// w[i] = from[i] where bit `first + i` of `mask` is set.
void fl_mask_copy(float *w, const float *from, const uint8_t *mask, size_t first, size_t n);

// --- SNIP --------------------------------------------------------------------------------------------------------
// Panels: columns [0, columns) of x [rows × ld] in groups of `width`, each group stored [rows × width], zero-padded.
// packed has ceil(columns / width) · rows · width floats.
void fl_pack_panels(float *packed, const float *x, size_t rows, size_t columns, size_t ld, size_t width);
// Rows and columns of the tile that lies in registers, at the level in use.
size_t fl_snip_rows(void);
size_t fl_snip_columns(void);
// acc[i][j] += abs(Σ_t δ[t][i] · x[t][j]) for t in [spans[2s], spans[2s + 1]), one example after the other, for i in
// [rowFirst, rowLast), j in [columnFirst, columnLast): `count` examples' share of Σ_x abs(∇W). δ and x are packed with
// widths fl_snip_rows and fl_snip_columns over `tokens` rows; rowFirst and columnFirst are multiples of those. The sum over
// t runs in order, so an entry's bits do not depend on the tiling.
void fl_snip_tile(float *acc, size_t ld, const float *delta, const float *x, size_t tokens, const size_t *spans,
                  size_t count, size_t rowFirst, size_t rowLast, size_t columnFirst, size_t columnLast);

// --- small products ----------------------------------------------------------------------------------------------
// Rows of x in a group, and outputs that are made together: a share of them is best a multiple.
#define FL_SMALL_COLUMNS 16
#define FL_SMALL_BLOCK 48
// y[m][n] = Σ_k x[m][k] · w[n][k] for n in [first, last): a product of few rows with a large matrix, which is read once
// and never packed. `x` is packed as [ceil(rows / 16)][inputs][16] (fl_pack_transposed). The sum over k runs in order,
// so an entry's bits depend on its own row and weight row alone.
void fl_small_linear(float *y, size_t ldy, const float *x, const float *w, size_t rows, size_t inputs, size_t first,
                     size_t last);
// x [rows × ld] in groups of sixteen rows, each stored [inputs × 16], zero-padded.
void fl_pack_transposed(float *packed, const float *x, size_t rows, size_t inputs, size_t ld);
// c[i][j] = Σ_k a[i · a_row + k · a_step] · b[k][j], or added to c where `accumulate` is not 0, for i < m and j < n.
// b[k][j] is b[(j / 16) · b_panel + k · b_step + j mod 16]: row-major with b_panel 16, or as fl_pack_transposed leaves it
// with b_step 16. Row i takes the first columns_of_first + i columns only (what is behind them in c may be written over, up
// to n), and sums over the first terms_of_first + i terms (behind them a is to be zero): what causal attention needs. n and
// k there mean all of them. The sum over k runs in order, so an entry's bits depend on its own row of a and column of b
// alone.
void fl_product(float *c, size_t ldc, const float *a, size_t a_row, size_t a_step, const float *b, size_t b_step,
                size_t b_panel, size_t m, size_t n, size_t k, size_t columns_of_first, size_t terms_of_first,
                int accumulate);
// s[g][j] = q[g] · k[j] for `group` queries and `count` keys of `dim` values: value i is added in lane i mod 16, and the
// lanes are folded in halves.
void fl_scores(float *s, size_t lds, const float *q, size_t ldq, const float *k, size_t ldk, size_t group, size_t count,
               size_t dim);

// --- BF16 --------------------------------------------------------------------------------------------------------
// Products of BF16 values with f32 sums, at every level with the bits of the instruction VDPBF16PS: of a pair (2i, 2i + 1)
// the odd value's product is added first, then the even one's, each rounded to nearest even; denormals count as zero.
// x [rows × ld] rounded to BF16, as [ceil(rows / 16)][ceil(inputs / 2)][16][2], zero-padded.
void fl_pack_pairs_bf16(uint16_t *packed, const float *x, size_t rows, size_t inputs, size_t ld);
// As fl_small_linear, with x from fl_pack_pairs_bf16 and weights [outputs × inputs] in BF16.
void fl_small_linear_bf16(float *y, size_t ldy, const uint16_t *x, const uint16_t *w, size_t rows, size_t inputs,
                          size_t first, size_t last);
// As fl_scores: pair i is added in lane i mod 16.
void fl_scores_bf16(float *s, size_t lds, const uint16_t *q, size_t ldq, const uint16_t *k, size_t ldk, size_t group,
                    size_t count, size_t dim);
// c[g][i] = Σ_j p[g][j] · v[j][i] over `count` rows of BF16 values, widened: f32 products, summed in order.
void fl_weighted_rows_bf16(float *c, size_t ldc, const float *p, size_t ldp, const uint16_t *v, size_t ldv, size_t group,
                           size_t count, size_t dim);

// --- low ranks ---------------------------------------------------------------------------------------------------
// w[i][j] += Σ_k left[i][k] · right[k][j] for rows i of w [rows × columns]: a change of few ranks. `left` is
// [rows × rank], `right` [rank × columns]. The sum over k runs in order, so an entry's bits depend on its own row of
// `left` and column of `right` alone, however the rows are shared out.
void fl_low_rank_add(float *w, const float *left, const float *right, size_t rank, size_t rows, size_t columns);
// m[a][b] += Σ_t x[t][a] · y[t][b] over `rows` rows in order, f64; m is [p × q].
void fl_outer_accumulate(double *m, const float *x, size_t p, size_t ldx, const float *y, size_t q, size_t ldy,
                         size_t rows);
void fl_f32_to_f64(double *y, const float *x, size_t n);
void fl_f64_to_f32(float *y, const double *x, size_t n);

#ifdef __cplusplus
}
#endif
