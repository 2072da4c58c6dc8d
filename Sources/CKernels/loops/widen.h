// Widening of stored weights and narrowing to 16 bits. Comes last: nothing behind the pragma is fused.
#pragma once
#include "vector.h"

// A fused multiply-add would round differently from machine to machine.
#pragma clang fp contract(off)

static inline uint32_t bits_of(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }
static inline float float_of(uint32_t u) { float x; memcpy(&x, &u, 4); return x; }
static inline uint16_t load16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static inline float widen_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
    uint32_t normal = (rest << 13) + (112u << 23);               // re-bias the exponent
    uint32_t special = (rest << 13) | 0x7f800000;                // infinity, NaN
    uint32_t tiny = bits_of((float)(int32_t)rest * 0x1p-24f);    // subnormal: mantissa units of 2^-24
    uint32_t value = rest >= 0x7c00 ? special : rest < 0x0400 ? tiny : normal;
    return float_of(sign | value);
}

static inline float scale_at(const uint8_t *p) { return widen_f16(load16(p)); }

static void f16_to_f32(const void *source, float *destination, size_t n) {
    const uint8_t *p = source;
    for (size_t i = 0; i < n; i++) destination[i] = widen_f16(load16(p + 2 * i));
}

static void bf16_to_f32(const void *source, float *destination, size_t n) {
    const uint8_t *p = source;
    for (size_t i = 0; i < n; i++) destination[i] = float_of((uint32_t)load16(p + 2 * i) << 16);
}

static inline uint16_t narrow_f16(float x) {
    uint32_t u = bits_of(x), sign = (u >> 16) & 0x8000;
    u &= 0x7fffffff;
    if (u > 0x7f800000) return (uint16_t)(sign | 0x7e00 | ((u >> 13) & 0x3ff));
    if (u >= 0x477ff000) return (uint16_t)(sign | 0x7c00);       // 65520 and above round to infinity
    if (u < 0x38800000) {                                        // below 2^-14: subnormal
        // Adding 0.5 leaves the value in units of 2^-24 in the low mantissa bits, rounded to even by the hardware.
        float shifted = float_of(u) + 0.5f;
        return (uint16_t)(sign | (bits_of(shifted) - 0x3f000000));
    }
    u += 0xfff + ((u >> 13) & 1);
    return (uint16_t)(sign | ((u - (112u << 23)) >> 13));
}

static inline uint16_t narrow_bf16(float x) {
    uint32_t u = bits_of(x);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)((u >> 16) | 0x40);
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

static void f32_to_f16(const float *source, void *destination, size_t n) {
    uint8_t *p = destination;
    for (size_t i = 0; i < n; i++) { uint16_t h = narrow_f16(source[i]); memcpy(p + 2 * i, &h, 2); }
}

static void f32_to_bf16(const float *source, void *destination, size_t n) {
    uint8_t *p = destination;
    for (size_t i = 0; i < n; i++) { uint16_t h = narrow_bf16(source[i]); memcpy(p + 2 * i, &h, 2); }
}

// q4_0: f16 scale, 16 bytes of 4-bit weights (low nibbles first half, high nibbles second).
static void dequantise_q4_0(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 18, destination += 32) {
        float d = scale_at(p);
        for (int j = 0; j < 16; j++) {
            destination[j] = d * (float)((p[2 + j] & 15) - 8);
            destination[j + 16] = d * (float)((p[2 + j] >> 4) - 8);
        }
    }
}

// q4_1: f16 scale, f16 minimum, 16 bytes.
static void dequantise_q4_1(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 20, destination += 32) {
        float d = scale_at(p), m = scale_at(p + 2);
        for (int j = 0; j < 16; j++) {
            destination[j] = d * (float)(p[4 + j] & 15) + m;
            destination[j + 16] = d * (float)(p[4 + j] >> 4) + m;
        }
    }
}

static inline uint32_t load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// q5_0: f16 scale, 32 fifth bits, 16 bytes of low bits.
static void dequantise_q5_0(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 22, destination += 32) {
        float d = scale_at(p);
        uint32_t high = load32(p + 2);
        for (int j = 0; j < 16; j++) {
            int low = (p[6 + j] & 15) | (int)((high >> j) & 1) << 4;
            int upper = (p[6 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4;
            destination[j] = d * (float)(low - 16);
            destination[j + 16] = d * (float)(upper - 16);
        }
    }
}

// q5_1: f16 scale, f16 minimum, 32 fifth bits, 16 bytes.
static void dequantise_q5_1(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 24, destination += 32) {
        float d = scale_at(p), m = scale_at(p + 2);
        uint32_t high = load32(p + 4);
        for (int j = 0; j < 16; j++) {
            int low = (p[8 + j] & 15) | (int)((high >> j) & 1) << 4;
            int upper = (p[8 + j] >> 4) | (int)((high >> (j + 16)) & 1) << 4;
            destination[j] = d * (float)low + m;
            destination[j + 16] = d * (float)upper + m;
        }
    }
}

// q8_0: f16 scale, 32 signed bytes.
static void dequantise_q8_0(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 34, destination += 32) {
        float d = scale_at(p);
        for (int j = 0; j < 32; j++) destination[j] = d * (float)(int8_t)p[2 + j];
    }
}

// The K types' 12 bytes hold eight 6-bit scales and eight 6-bit minima.
static inline void scale_and_minimum(const uint8_t *p, int i, uint8_t *scale, uint8_t *minimum) {
    if (i < 4) {
        *scale = p[i] & 63;
        *minimum = p[i + 4] & 63;
    } else {
        *scale = (uint8_t)((p[i + 4] & 15) | (p[i - 4] >> 6) << 4);
        *minimum = (uint8_t)((p[i + 4] >> 4) | (p[i] >> 6) << 4);
    }
}

// q4_K: f16 scale, f16 minimum scale, 12 bytes of scales, 128 bytes; sub-blocks of 32.
static void dequantise_q4_k(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 144, destination += 256) {
        float d = scale_at(p), dmin = scale_at(p + 2);
        for (int i = 0; i < 8; i++) {
            uint8_t scale, minimum;
            scale_and_minimum(p + 4, i, &scale, &minimum);
            float step = d * (float)scale, offset = dmin * (float)minimum;
            const uint8_t *q = p + 16 + 32 * (i / 2);
            int shift = 4 * (i & 1);
            for (int j = 0; j < 32; j++) destination[32 * i + j] = step * (float)((q[j] >> shift) & 15) - offset;
        }
    }
}

// q5_K: as q4_K with 32 bytes of fifth bits (bit i for sub-block i) before the low bits.
static void dequantise_q5_k(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 176, destination += 256) {
        float d = scale_at(p), dmin = scale_at(p + 2);
        const uint8_t *high = p + 16;
        for (int i = 0; i < 8; i++) {
            uint8_t scale, minimum;
            scale_and_minimum(p + 4, i, &scale, &minimum);
            float step = d * (float)scale, offset = dmin * (float)minimum;
            const uint8_t *q = p + 48 + 32 * (i / 2);
            int shift = 4 * (i & 1);
            for (int j = 0; j < 32; j++) {
                int value = ((q[j] >> shift) & 15) | ((high[j] >> i) & 1) << 4;
                destination[32 * i + j] = step * (float)value - offset;
            }
        }
    }
}

// q6_K: 128 bytes of low 4 bits, 64 of high 2 bits, 16 signed scales (sub-blocks of 16), f16 scale.
static void dequantise_q6_k(const void *source, float *destination, size_t blocks) {
    const uint8_t *p = source;
    for (size_t b = 0; b < blocks; b++, p += 210, destination += 256) {
        float d = scale_at(p + 208);
        for (int i = 0; i < 8; i++) {                            // runs of 32 weights, two scales each
            const uint8_t *low = p + 64 * (i / 4) + 32 * (i & 1);
            const uint8_t *high = p + 128 + 32 * (i / 4);
            int low_shift = 4 * ((i / 2) & 1), high_shift = 2 * (i & 3);
            for (int j = 0; j < 32; j++) {
                int value = ((low[j] >> low_shift) & 15) | ((high[j] >> high_shift) & 3) << 4;
                float step = d * (float)(int8_t)p[192 + 2 * i + j / 16];
                destination[32 * i + j] = step * (float)(value - 32);
            }
        }
    }
}
