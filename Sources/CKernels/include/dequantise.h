// Widening of stored weights to f32 and narrowing of f32 to 16 bits.
// Block layouts: the ggml library's quantised types, as the GGUF specification numbers them.
#pragma once
#include <stddef.h>
#include <stdint.h>

// n elements; no alignment is asked of either side.
void fl_f16_to_f32(const void *source, float *destination, size_t n);
void fl_bf16_to_f32(const void *source, float *destination, size_t n);
// Rounds to nearest, ties to even; too large becomes infinity; NaN stays NaN.
void fl_f32_to_f16(const float *source, void *destination, size_t n);
void fl_f32_to_bf16(const float *source, void *destination, size_t n);

// `blocks` whole blocks: 32 weights each for q4_0, q4_1, q5_0, q5_1, q8_0; 256 for the K types.
void fl_dequantise_q4_0(const void *source, float *destination, size_t blocks);
void fl_dequantise_q4_1(const void *source, float *destination, size_t blocks);
void fl_dequantise_q5_0(const void *source, float *destination, size_t blocks);
void fl_dequantise_q5_1(const void *source, float *destination, size_t blocks);
void fl_dequantise_q8_0(const void *source, float *destination, size_t blocks);
void fl_dequantise_q4_k(const void *source, float *destination, size_t blocks);
void fl_dequantise_q5_k(const void *source, float *destination, size_t blocks);
void fl_dequantise_q6_k(const void *source, float *destination, size_t blocks);
