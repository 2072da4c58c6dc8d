// One core's speed of our own kernels in GFLOP/s, level by level: SNIP at four lengths of examples, and attention's products
// and softmax of whole sequences. Every level takes its turn in every round, so that what else runs on the machine meets
// all alike; the medians of the rounds are printed. The peak is that of fused products in registers alone.
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "kernels.h"
#include "levels.h"

enum { ROUNDS = 5, TOKENS = 2016, LEVELS = 6 };

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Floats in huge pages, as workers have them.
static float *memory(size_t floats) {
  size_t page = 2 << 20, bytes = (4 * floats + page - 1) / page * page;
  float *p = aligned_alloc(page, bytes);
  if (!p) exit(1);
  madvise(p, bytes, MADV_HUGEPAGE);
  for (size_t i = 0; i < floats; i++) p[i] = (float)(i * 7919 % 2003) / 1000 - 1;
  return p;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values) {
  qsort(values, ROUNDS, sizeof *values, ascending);
  return values[ROUNDS / 2];
}

// GFLOP/s of fused products whose operands never leave the registers.
#define PEAK(name, width, instructions)                                        \
  static __attribute__((target(instructions))) double name(void) {             \
    enum { steps = 2000000, chains = 12 };                                     \
    typedef float lanes __attribute__((vector_size(4 * width)));               \
    lanes sums[chains] = {{0}}, a = {0.999f}, b = {0.1f};                      \
    double start = seconds();                                                  \
    for (int i = 0; i < steps; i++) {                                          \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < chains; c++) {    \
        sums[c] = sums[c] * a + b;                                             \
        __asm__ volatile("" : "+v"(sums[c]));                                  \
      }                                                                        \
    }                                                                          \
    return 2.0 * width * chains * steps / (seconds() - start) / 1e9;           \
  }
PEAK(peak_avx2, 8, "avx2,fma")
PEAK(peak_avx512, 16, "avx512f,evex512")

static double peak(void) { return fl_highest_level() >= FL_LEVEL_AVX512 ? peak_avx512() : peak_avx2(); }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

// All examples' share of one map's scores, tile after tile as a worker takes them.
static double snip(const struct fl_kernels *k, size_t rows, size_t columns, size_t length, const float *dy, const float *x,
                   float *packed_dy, float *packed_x, float *scores) {
  size_t spans[2 * TOKENS], count = 0, tile = (96 + k->snip_rows - 1) / k->snip_rows * k->snip_rows;
  for (size_t t = 0; t < TOKENS; t += length, count++) spans[2 * count] = t, spans[2 * count + 1] = least(TOKENS, t + length);
  k->pack_panels(packed_dy, dy, TOKENS, rows, rows, k->snip_rows);
  k->pack_panels(packed_x, x, TOKENS, columns, columns, k->snip_columns);
  double start = seconds();
  for (size_t i = 0; i < rows; i += tile)
    for (size_t j = 0; j < columns; j += 256)
      k->snip_tile(scores, columns, packed_dy, packed_x, TOKENS, spans, count, i, least(rows, i + tile), j,
                   least(columns, j + 256));
  return 2.0 * (double)(rows * columns * TOKENS) / (seconds() - start) / 1e9;
}

// One head's attention over a sequence; what is counted is the causal half of both products.
static double attention(const struct fl_kernels *k, size_t length, size_t dim, const float *qkv, float *scratch, float *out) {
  size_t padded = (length + 15) / 16 * 16, block = 48, repeats = 1 + 4000000 / (length * length * dim);
  float *keys = scratch, *s = scratch + padded * dim;
  double start = seconds();
  for (size_t repeat = 0; repeat < repeats; repeat++) {
    k->pack_transposed(keys, qkv, length, dim, dim);
    for (size_t b = 0; b < length; b += block) {
      size_t rows = least(block, length - b), wide = (b + rows + 15) / 16 * 16;
      k->product(s, wide, qkv + b * dim, dim, 1, keys, 16, 16 * dim, rows, wide, dim, b + 1, dim, 0);
      for (size_t i = 0; i < rows; i++) {
        k->softmax(s + i * wide, 0.125f, b + i + 1);
        memset(s + i * wide + b + i + 1, 0, sizeof(float) * (wide - b - i - 1));
      }
      k->product(out + b * dim, dim, s, wide, 1, qkv, dim, 16, rows, dim, b + rows, dim, b + 1, 0);
    }
  }
  return 2.0 * (double)(length * (length + 1) * dim * repeats) / (seconds() - start) / 1e9;
}

static void print(double values[LEVELS][ROUNDS]) {
  double most = median(values[0]);
  printf(" | %5.0f", most);
  for (int level = 1; level <= fl_highest_level(); level++) {
    double speed = median(values[level]);
    printf(" | %5.0f (%.2f)", speed, speed / most);
  }
  printf("\n");
}

int main(void) {
  static const size_t shapes[][2] = {{576, 576}, {1536, 576}, {576, 1536}, {4864, 896}, {896, 4864}};
  static const size_t lengths[] = {24, 60, 100, 150};
  float *dy = memory(TOKENS * 4864), *x = memory(TOKENS * 4864), *scores = memory(4864 * 896);
  float *packed_dy = memory(TOKENS * 4880), *packed_x = memory(TOKENS * 4896);
  double values[LEVELS][ROUNDS];
  printf("GFLOP/s of one core (share of the peak) | peak | levels from 1, portable, to %d\n", fl_highest_level());
  for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
    for (size_t l = 0; l < 4; l++) {
      for (int round = 0; round < ROUNDS; round++) {
        values[0][round] = peak();
        for (int level = 1; level <= fl_highest_level(); level++)
          values[level][round] = snip(fl_kernels_of(level), shapes[shape][0], shapes[shape][1], lengths[l], dy, x, packed_dy,
                                      packed_x, scores);
      }
      printf("SNIP %4zu x %4zu, %3zu tokens an example", shapes[shape][0], shapes[shape][1], lengths[l]);
      print(values);
    }
  }
  for (size_t l = 0; l < 4; l++) {
    for (int round = 0; round < ROUNDS; round++) {
      values[0][round] = peak();
      for (int level = 1; level <= fl_highest_level(); level++)
        values[level][round] = attention(fl_kernels_of(level), lengths[l], 64, x, packed_x, packed_dy);
    }
    printf("attention, a head of 64, %3zu tokens   ", lengths[l]);
    print(values);
  }
  return 0;
}
