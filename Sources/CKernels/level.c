#include "kernels.h"

// 0: not set yet, which is the highest.
static int level;

int fl_highest_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 1;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
    return 2;
  return __builtin_cpu_supports("avx512bf16") ? 4 : 3;
#else
  return 1;
#endif
}

int fl_level(void) { return level ? level : fl_highest_level(); }
void fl_set_level(int wanted) { level = wanted; }
const char *fl_self_test(int tested) { return 0; }
