// The loaded library: its functions, and the engine and stream that all threads share.
#pragma once
#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
// Version 3 has another C interface.
#if DNNL_VERSION_MAJOR == 2
#define FL_ONEDNN 1
#endif
#endif

#ifdef FL_ONEDNN
#define FL_ONEDNN_FUNCTIONS(F)                                                                                         \
  F(version)                                                                                                           \
  F(set_max_cpu_isa)                                                                                                   \
  F(set_cpu_isa_hints)                                                                                                 \
  F(set_default_fpmath_mode)                                                                                           \
  F(set_verbose)                                                                                                       \
  F(set_jit_dump)                                                                                                      \
  F(set_jit_profiling_flags)                                                                                           \
  F(set_primitive_cache_capacity)                                                                                      \
  F(engine_create)                                                                                                     \
  F(stream_create)                                                                                                     \
  F(memory_desc_init_by_tag)                                                                                           \
  F(memory_desc_get_size)                                                                                              \
  F(memory_create)                                                                                                     \
  F(memory_destroy)                                                                                                    \
  F(memory_set_data_handle)                                                                                            \
  F(matmul_desc_init)                                                                                                  \
  F(primitive_attr_create)                                                                                             \
  F(primitive_attr_set_scratchpad_mode)                                                                                \
  F(primitive_attr_destroy)                                                                                            \
  F(primitive_desc_create)                                                                                             \
  F(reorder_primitive_desc_create)                                                                                     \
  F(primitive_desc_query)                                                                                              \
  F(primitive_desc_query_md)                                                                                           \
  F(primitive_desc_destroy)                                                                                            \
  F(primitive_create)                                                                                                  \
  F(primitive_destroy)                                                                                                 \
  F(primitive_execute)                                                                                                 \
  F(sgemm)

struct fl_onednn_library {
#define F(name) __typeof__(&dnnl_##name) name;
  FL_ONEDNN_FUNCTIONS(F)
#undef F
  // OpenMP's, which keeps the thread that calls it to one thread in all that it calls.
  void (*set_threads)(int);
  // Whether BF16 products may take AMX's tiles.
  int has_tiles;
  dnnl_engine_t engine;
  dnnl_stream_t stream;
};
extern struct fl_onednn_library fl_onednn;
#endif
