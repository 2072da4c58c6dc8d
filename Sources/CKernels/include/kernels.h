// The few SIMD loops BLAS has no name for. Every function is pure over its arguments and runs on the calling thread;
// each is compiled for plain x86-64 and for AVX2 + FMA, and the loader picks (see dispatch.h).
// Shapes: row-major; `ld` is the distance in floats between rows.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- levels ------------------------------------------------------------------------------------------------------
// 1 portable, 2 AVX2 + FMA, 3 AVX-512 (F, BW, DQ, VL), 4 AVX-512 BF16, 5 AMX. They round differently.
// What this CPU has.
int fl_highest_level(void);
// What the kernels run at. Set once at start, before anything is computed.
int fl_level(void);
void fl_set_level(int level);
// The name of a kernel that does not compute at this level what plain loops do; null where all do.
const char *fl_self_test(int level);

// --- elementwise -------------------------------------------------------------------------------------------------
// y += x
void fl_add(float *y, const float *x, size_t n);
// y *= s
void fl_scale(float *y, float s, size_t n);
// Σ x[i] y[i], summed in order in f64.
double fl_dot(const float *x, const float *y, size_t n);
// x -= strength (xᵀ d) d: the component along the unit vector d, or a share of it, is taken away.
void fl_remove_component(float *x, const float *d, float strength, size_t n);
// acc += abs(x)
void fl_abs_accumulate(float *acc, const float *x, size_t n);
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
#define FL_SNIP_ROWS 6
#define FL_SNIP_COLUMNS 16
// acc[i][j] += abs(Σ_t δ[t][i] · x[t][j]) for t in [first, last), i in [rowFirst, rowLast), j in [columnFirst,
// columnLast): one example's share of Σ_x abs(∇W). δ and x are packed with widths FL_SNIP_ROWS and FL_SNIP_COLUMNS
// over `tokens` rows; rowFirst and columnFirst are multiples of those. The sum over t runs in order, so an entry's bits
// do not depend on the tiling.
void fl_snip_tile(float *acc, size_t ld, const float *delta, const float *x, size_t tokens, size_t first, size_t last,
                  size_t rowFirst, size_t rowLast, size_t columnFirst, size_t columnLast);

// --- small products ----------------------------------------------------------------------------------------------
#define FL_SMALL_ROWS 6
#define FL_SMALL_COLUMNS 16
// y[m][n] = Σ_k x[m][k] · w[n][k] for n in [first, last): a product of few rows with a large matrix, which is read once
// and never packed. `x` is packed as [ceil(rows / 16)][inputs][16] (fl_pack_transposed). The sum over k runs in order,
// so an entry's bits depend on its own row and weight row alone.
void fl_small_linear(float *y, size_t ldy, const float *x, const float *w, size_t rows, size_t inputs, size_t first,
                     size_t last);
void fl_pack_transposed(float *packed, const float *x, size_t rows, size_t inputs, size_t ld);

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
