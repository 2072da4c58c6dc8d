// Finding, loading and setting up oneDNN.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "library.h"

#include "onednn.h"

#ifdef FL_ONEDNN
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

struct fl_onednn_library fl_onednn;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int wanted;
static const char *reason;
static char version[32];

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static const char *load(void) {
  // Where OMP_PROC_BIND and its like are set, OpenMP ties the thread that loads it to one core.
  cpu_set_t cores;
  int known = !sched_getaffinity(0, sizeof cores, &cores);
  // Its own major version: the interface differs from one to the next.
  void *library = dlopen("libdnnl.so." TEXT(DNNL_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL);
  if (known) sched_setaffinity(0, sizeof cores, &cores);
  if (!library) return "oneDNN is not installed (Debian package libdnnl2)";
#define F(name)                                                                                                        \
  fl_onednn.name = (__typeof__(&dnnl_##name))dlsym(library, "dnnl_" #name);                                            \
  if (!fl_onednn.name) return "this oneDNN has no dnnl_" #name;
  FL_ONEDNN_FUNCTIONS(F)
#undef F
  const dnnl_version_t *built = fl_onednn.version();
  snprintf(version, sizeof version, "%d.%d.%d", built->major, built->minor, built->patch);
  if (built->cpu_runtime == DNNL_RUNTIME_SEQ) return 0;
  if (built->cpu_runtime != DNNL_RUNTIME_OMP) return "this oneDNN has threads of its own that are not OpenMP's";
  fl_onednn.set_threads = (void (*)(int))dlsym(library, "omp_set_num_threads");
  return fl_onednn.set_threads ? 0 : "the OpenMP of this oneDNN cannot be set to one thread";
}

// oneDNN reads its variables at the first use of each setting; what is set by call is not read.
static const char *set_up(void) {
  dnnl_cpu_isa_t isa = wanted >= 5   ? dnnl_cpu_isa_avx512_core_amx
                       : wanted == 4 ? dnnl_cpu_isa_avx512_core_bf16
                                     : dnnl_cpu_isa_avx512_core;
  if (fl_onednn.set_max_cpu_isa(isa) || fl_onednn.set_cpu_isa_hints(dnnl_cpu_isa_no_hints) ||
      fl_onednn.set_default_fpmath_mode(dnnl_fpmath_mode_strict) || fl_onednn.set_verbose(0) ||
      fl_onednn.set_primitive_cache_capacity(1024))
    return "oneDNN cannot be kept to a kernel level";
  fl_onednn.has_tiles = wanted >= 5;
  // Not built in everywhere, and no matter of numbers.
  fl_onednn.set_jit_dump(0);
  fl_onednn.set_jit_profiling_flags(0);
  if (fl_onednn.set_threads) fl_onednn.set_threads(1);
  if (fl_onednn.engine_create(&fl_onednn.engine, dnnl_cpu, 0) ||
      fl_onednn.stream_create(&fl_onednn.stream, fl_onednn.engine, dnnl_stream_in_order))
    return "oneDNN has no engine for this CPU";
  return 0;
}

static void start(void) {
  if (wanted < 3) {
    reason = "oneDNN is used from AVX-512 on";
    return;
  }
  reason = load();
  if (!reason) reason = set_up();
}

const char *fl_onednn_start(int level) {
  // Whoever comes first says the level; the others' value is not looked at.
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  if (!wanted) wanted = level;
  pthread_mutex_unlock(&lock);
  pthread_once(&once, start);
  return reason;
}

const char *fl_onednn_version(void) { return version[0] ? version : 0; }

#else

const char *fl_onednn_start(int level) {
  (void)level;
  return "this program was built without oneDNN: install Debian's libdnnl-dev and build it anew (make clean build)";
}
const char *fl_onednn_version(void) { return 0; }

#endif
