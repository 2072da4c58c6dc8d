// oneDNN's matrix products, each on the thread that calls. The library is loaded when the process starts to compute, so
// that a machine without it builds and runs; `fl_onednn_start` says what is missing.
// Shapes: row-major; `ld` is the distance between rows, in elements.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// The element type of both factors; results and sums are f32.
#define FL_ONEDNN_F32 0
#define FL_ONEDNN_BF16 1

// Loads the library, once a process, and keeps it from instructions above `level` (as fl_level counts) and from every
// setting in the environment. Any thread may call; later calls give the first one's answer.
// Returns null where products can be computed, else why they cannot.
const char *fl_onednn_start(int level);
// What was loaded, as in `2.6.3`; null where nothing was.
const char *fl_onednn_version(void);

// c [m × n] = op(a) · op(b) + beta · c, in f32; op(a) is [m × k], op(b) is [k × n]. How a sum over k is rounded depends
// on the shape, the leading dimensions and the level.
// Returns 0, or oneDNN's status.
int fl_onednn_sgemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                    const float *b, size_t ldb, float beta, float *c, size_t ldc);

// How weights w [outputs × inputs] lie: as dense rows; or packed as panels of 64 rows, panel after panel, the last one
// filled up with zeros.
#define FL_ONEDNN_ROWS 0
#define FL_ONEDNN_PANELS 1
#define FL_ONEDNN_PANEL 64
// Bytes of one panel.
size_t fl_onednn_panel_bytes(int type, size_t inputs);
// Packs `outputs` dense rows of w, which begin at a panel's border.
// Returns 0, or oneDNN's status.
int fl_onednn_pack(int type, void *packed, const void *w, size_t outputs, size_t inputs);
// y [rows × outputs] = x · wᵀ for dense x [rows × inputs].
// A value of y is a function of its row of x and its row of w alone, the same for both layouts: over blocks of inputs
// (fl_onednn_block) a sum in order of fused products, and then the sum of the blocks in order. BF16: of a pair
// (2i, 2i + 1) the odd one's product is added first, and denormals count as zero. At level 5 (AMX) sums of BF16 products
// are oneDNN's own, and depend on the number of rows and on the size of the L2 cache.
// Returns 0, or oneDNN's status.
int fl_onednn_linear(int type, int layout, float *y, size_t ldy, const void *x, const void *weights, size_t rows,
                     size_t outputs, size_t inputs);
// How many inputs a block of such a sum has.
size_t fl_onednn_block(size_t inputs);

#ifdef __cplusplus
}
#endif
