#include "selftest.h"

const char *fl_self_test(int level) {
  const struct fl_kernels *kernels = fl_kernels_of(level);
  if (!kernels) return "level";
#ifdef __FP_FAST_FMAF
  int fused = 1;
#else
  int fused = level >= FL_LEVEL_AVX2;
#endif
  const fl_test *all[] = {fl_product_tests, fl_row_tests};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (const fl_test *test = all[i]; test->name; test++)
      if (!test->agrees(kernels, fused)) return test->name;
  return NULL;
}
