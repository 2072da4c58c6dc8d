// One core's products y = x · wᵀ in GFLOP/s, by who computes them: OpenBLAS with the kernels of two CPUs, our own kernel
// for few rows, oneDNN's SGEMM and its blocked kernels, these with packed weights, and both in BF16. Every method takes
// its turn in every round, so that what else runs on the machine meets all alike; the medians of the rounds are printed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels.h"
#include "levels.h"
#include "onednn.h"

enum { HASWELL, SKYLAKEX, FEW_ROWS, SGEMM, BLOCKED, PACKED, BF16_BLOCKED, BF16_PACKED, METHODS };
static const char *const names[METHODS] = {"Haswell", "SkylakeX", "few rows",  "SGEMM",
                                           "blocked", "packed",   "BF16 blk.", "BF16 pck."};
enum { ROUNDS = 5 };
// Weights of a round take at least so much, so that they are not in cache where rows are few.
static const size_t WEIGHT_BYTES = 160000000;

typedef void (*sgemm_t)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *,
                        int);

// An OpenBLAS of its own, with kernels by name; null where there is none.
static sgemm_t openblas(const char *kernels) {
  setenv("OPENBLAS_CORETYPE", kernels, 1);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlmopen(LM_ID_NEWLM, "libopenblas.so.0", RTLD_NOW);
  if (!library) return 0;
  char *(*core)(void) = (char *(*)(void))dlsym(library, "openblas_get_corename");
  if (!core || strcmp(core(), kernels)) return 0;
  return (sgemm_t)dlsym(library, "cblas_sgemm");
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *memory(size_t bytes) {
  void *p;
  if (posix_memalign(&p, 64, bytes + 64)) exit(1);
  return p;
}

struct product {
  size_t rows, outputs, inputs, copies, panels, panels_bf16;
  float *x, *columns, *w, *packed, *y;
  uint16_t *x_bf16, *w_bf16, *packed_bf16;
  sgemm_t blas[2];
};

static float value(size_t i) {
  float f = (float)(i * 7919 % 2003) / 1000 - 1;
  uint32_t bits;
  memcpy(&bits, &f, 4);
  bits &= 0xFFFF0000;
  memcpy(&f, &bits, 4);
  return f;
}

static uint16_t upper(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return (uint16_t)(bits >> 16);
}

static struct product make(size_t rows, size_t outputs, size_t inputs, const sgemm_t blas[2]) {
  struct product p = {.rows = rows, .outputs = outputs, .inputs = inputs, .blas = {blas[0], blas[1]}};
  size_t weights = outputs * inputs, panels = (outputs + FL_ONEDNN_PANEL - 1) / FL_ONEDNN_PANEL;
  p.copies = rows > 200 ? 1 : WEIGHT_BYTES / (4 * weights) + 1;
  p.panels = panels * fl_onednn_panel_bytes(FL_ONEDNN_F32, inputs) / 4;
  p.panels_bf16 = panels * fl_onednn_panel_bytes(FL_ONEDNN_BF16, inputs) / 2;
  p.x = memory(4 * rows * inputs), p.x_bf16 = memory(2 * rows * inputs), p.y = memory(4 * rows * outputs);
  p.columns = memory(4 * (rows + 15) / 16 * 16 * inputs);
  p.w = memory(4 * p.copies * weights), p.w_bf16 = memory(2 * p.copies * weights);
  p.packed = memory(4 * p.copies * p.panels), p.packed_bf16 = memory(2 * p.copies * p.panels_bf16);
  for (size_t i = 0; i < rows * inputs; i++) p.x[i] = value(i + 1), p.x_bf16[i] = upper(p.x[i]);
  for (size_t i = 0; i < p.copies * weights; i++) p.w[i] = value(i), p.w_bf16[i] = upper(p.w[i]);
  for (size_t c = 0; c < p.copies; c++) {
    fl_onednn_pack(FL_ONEDNN_F32, p.packed + c * p.panels, p.w + c * weights, outputs, inputs);
    fl_onednn_pack(FL_ONEDNN_BF16, p.packed_bf16 + c * p.panels_bf16, p.w_bf16 + c * weights, outputs, inputs);
  }
  return p;
}

static void release(struct product *p) {
  void *all[] = {p->x, p->columns, p->w, p->packed, p->y, p->x_bf16, p->w_bf16, p->packed_bf16};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

// Returns 0 where the method could be run.
static int multiply(const struct product *p, int method, size_t copy) {
  size_t m = p->rows, n = p->outputs, k = p->inputs;
  const float *w = p->w + copy * n * k;
  enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };
  switch (method) {
    case HASWELL:
    case SKYLAKEX:
      if (!p->blas[method]) return -1;
      p->blas[method](ROW_MAJOR, AS_IT_IS, TRANSPOSED, (int)m, (int)n, (int)k, 1, p->x, (int)k, w, (int)k, 0, p->y,
                      (int)n);
      return 0;
    case FEW_ROWS:
      if (m > 200) return -1;
      fl_pack_transposed(p->columns, p->x, m, k, k);
      fl_small_linear(p->y, n, p->columns, w, m, k, 0, n);
      return 0;
    case SGEMM: return fl_onednn_sgemm(0, 1, m, n, k, p->x, k, w, k, 0, p->y, n);
    case BLOCKED: return fl_onednn_linear(FL_ONEDNN_F32, FL_ONEDNN_ROWS, p->y, n, p->x, w, m, n, k);
    case PACKED:
      return fl_onednn_linear(FL_ONEDNN_F32, FL_ONEDNN_PANELS, p->y, n, p->x, p->packed + copy * p->panels, m, n, k);
    case BF16_BLOCKED:
      return fl_onednn_linear(FL_ONEDNN_BF16, FL_ONEDNN_ROWS, p->y, n, p->x_bf16, p->w_bf16 + copy * n * k, m, n, k);
    default:
      return fl_onednn_linear(FL_ONEDNN_BF16, FL_ONEDNN_PANELS, p->y, n, p->x_bf16,
                              p->packed_bf16 + copy * p->panels_bf16, m, n, k);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(const char *name, size_t rows, size_t outputs, size_t inputs, const sgemm_t blas[2]) {
  struct product p = make(rows, outputs, inputs, blas);
  double flop = 2.0 * (double)rows * (double)outputs * (double)inputs, times[METHODS][ROUNDS];
  size_t calls = (size_t)(5e8 / flop) + 1;
  if (calls < p.copies) calls = p.copies;
  int failed[METHODS] = {0};
  for (int round = 0; round < ROUNDS; round++)
    for (int method = 0; method < METHODS; method++) {
      double start = seconds();
      for (size_t i = 0; i < calls && !failed[method]; i++) failed[method] = multiply(&p, method, i % p.copies);
      times[method][round] = (seconds() - start) / (double)calls;
    }
  printf("%-22s %5zu", name, rows);
  for (int method = 0; method < METHODS; method++) {
    qsort(times[method], ROUNDS, sizeof(double), ascending);
    if (failed[method])
      printf(" %9s", "-");
    else
      printf(" %9.1f", flop / times[method][ROUNDS / 2] / 1e9);
  }
  puts("");
  fflush(stdout);
  release(&p);
}

int main(void) {
  const char *reason = fl_onednn_start(fl_level());
  if (reason) printf("oneDNN: %s\n", reason);
  if (!reason) printf("oneDNN %s at kernel level %d\n", fl_onednn_version(), fl_level());
  sgemm_t blas[2] = {openblas(names[HASWELL]), openblas(names[SKYLAKEX])};
  printf("%-22s %5s", "GFLOP/s, one core", "rows");
  for (int method = 0; method < METHODS; method++) printf(" %9s", names[method]);
  puts("");
  const struct {
    const char *name;
    size_t outputs, inputs;
  } shapes[] = {{"Qwen2.5-0.5B gate, up", 9728, 896},
                {"Qwen2.5-0.5B down", 896, 4864},
                {"SmolLM2-135M q, k, v", 960, 576},
                {"SmolLM2-135M down", 576, 1536}};
  const size_t rows[] = {1, 8, 24, 48, 96, 504, 2016};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
      measure(shapes[s].name, rows[r], shapes[s].outputs, shapes[s].inputs, blas);
  return 0;
}
