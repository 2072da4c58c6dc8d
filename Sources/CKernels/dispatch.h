// Run-time choice of instruction set: one binary serves a mixed cluster.
#pragma once
#if defined(__x86_64__) && defined(__ELF__)
#define FL_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FL_CLONES
#endif
// Sums may be reordered into lanes and products fused; results are the same on every call of one clone.
#define FL_FAST _Pragma("clang fp reassociate(on) contract(fast)")
// Products may be fused, sums stay in order.
#define FL_FUSED _Pragma("clang fp contract(fast)")
