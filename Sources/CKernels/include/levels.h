// The kernels' levels: one source, compiled once a level, chosen at run time.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// 1: what the compiler builds for at least (SSE2 on x86-64). 2: AVX2 and FMA. 3: AVX-512 (F, BW, DQ, VL).
// 4: AVX-512 with BF16 dot products. 5: AMX in BF16, where our own kernels are those of 4.
#define FL_LEVEL_PORTABLE 1
#define FL_LEVEL_AVX2 2
#define FL_LEVEL_AVX512 3
#define FL_LEVEL_AVX512_BF16 4
#define FL_LEVEL_AMX 5

// The highest level whose instructions this CPU has and whose registers the operating system saves.
int fl_highest_level(void);
// The level in use: the highest until it is set.
int fl_level(void);
// Uses `level`, or the highest where it is above. To be called before anything is computed: results of two levels differ.
void fl_set_level(int level);

// Runs every kernel of `level` on small awkward shapes against plain loops, in a few milliseconds.
// Returns the name of the first that differs, or null; "level" where this machine does not have the level.
const char *fl_self_test(int level);

// A level's kernels, as the functions of the same names take them.
struct fl_kernels {
  // The tile of fl_snip_tile.
  size_t snip_rows, snip_columns;
#define K(type, name, parameters, arguments) type(*name) parameters;
#include "kernels.list.h"
#undef K
};

// Null where this machine does not have the level.
const struct fl_kernels *fl_kernels_of(int level);

#ifdef __cplusplus
}
#endif
