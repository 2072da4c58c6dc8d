// Which level this CPU has, which one is in use, and the functions that go to its kernels.
#include "levels.h"
#include "dequantise.h"
#include "kernels.h"

extern const struct fl_kernels fl_kernels_portable;
#if defined(__x86_64__)
#include <cpuid.h>
extern const struct fl_kernels fl_kernels_avx2, fl_kernels_avx512, fl_kernels_avx512_bf16;

static int has(unsigned bits, unsigned wanted) { return (bits & wanted) == wanted; }

// Sets of registers that the operating system saves when it changes threads.
static unsigned saved_registers(void) {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

int fl_highest_level(void) {
  unsigned a, b, c, d, features, extended, more, bf16;
  if (!__get_cpuid(1, &a, &b, &features, &d)) return FL_LEVEL_PORTABLE;
  // FMA, MOVBE, POPCNT, XGETBV, AVX, F16C.
  if (!has(features, 1u << 12 | 1u << 22 | 1u << 23 | 1u << 27 | 1u << 28 | 1u << 29)) return FL_LEVEL_PORTABLE;
  if (!__get_cpuid_count(7, 0, &a, &extended, &c, &more)) return FL_LEVEL_PORTABLE;
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d)) return FL_LEVEL_PORTABLE;
  unsigned saved = saved_registers();
  // BMI1, AVX2, BMI2; LZCNT; the XMM and YMM registers.
  if (!has(extended, 1u << 3 | 1u << 5 | 1u << 8) || !has(c, 1u << 5) || !has(saved, 0x6)) return FL_LEVEL_PORTABLE;
  // F, DQ, BW, VL; the masks and the ZMM registers.
  if (!has(extended, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) || !has(saved, 0xe6)) return FL_LEVEL_AVX2;
  if (!__get_cpuid_count(7, 1, &bf16, &b, &c, &d) || !has(bf16, 1u << 5)) return FL_LEVEL_AVX512;
  // AMX in BF16, tiles; the tile registers.
  return has(more, 1u << 22 | 1u << 24) && has(saved, 0x60000) ? FL_LEVEL_AMX : FL_LEVEL_AVX512_BF16;
}

const struct fl_kernels *fl_kernels_of(int level) {
  if (level < FL_LEVEL_PORTABLE || level > fl_highest_level()) return NULL;
  if (level == FL_LEVEL_PORTABLE) return &fl_kernels_portable;
  if (level == FL_LEVEL_AVX2) return &fl_kernels_avx2;
  return level == FL_LEVEL_AVX512 ? &fl_kernels_avx512 : &fl_kernels_avx512_bf16;
}
#else
int fl_highest_level(void) { return FL_LEVEL_PORTABLE; }

const struct fl_kernels *fl_kernels_of(int level) { return level == FL_LEVEL_PORTABLE ? &fl_kernels_portable : NULL; }
#endif

static int level;
static const struct fl_kernels *kernels;

int fl_level(void) { return level; }

// Before main, so that no call has to ask.
__attribute__((constructor)) static void take_highest_level(void) { fl_set_level(fl_highest_level()); }

void fl_set_level(int wanted) {
  int highest = fl_highest_level();
  level = wanted > highest ? highest : wanted < FL_LEVEL_PORTABLE ? FL_LEVEL_PORTABLE : wanted;
  kernels = fl_kernels_of(level);
}

size_t fl_snip_rows(void) { return kernels->snip_rows; }
size_t fl_snip_columns(void) { return kernels->snip_columns; }

#define K(type, name, parameters, arguments) \
  type fl_##name parameters { return kernels->name arguments; }
#include "kernels.list.h"
#undef K
