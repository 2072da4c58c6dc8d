// Products by oneDNN's blocked kernels. Every thread has primitives, memory objects and scratch space of its own, so that
// a product takes no lock; the machine code behind equal primitives is shared by oneDNN itself.
#include "library.h"
#include "onednn.h"

#define PANEL FL_ONEDNN_PANEL
// Inputs of a panel lie in groups of 16 (f32) or 16 pairs (BF16).
static size_t group(int type) { return type == FL_ONEDNN_BF16 ? 32 : 16; }
static size_t size_of(int type) { return type == FL_ONEDNN_BF16 ? 2 : 4; }
static size_t whole(size_t count, size_t of) { return (count + of - 1) / of * of; }

size_t fl_onednn_panel_bytes(int type, size_t inputs) { return PANEL * size_of(type) * whole(inputs, group(type)); }

size_t fl_onednn_block(size_t inputs) { return inputs > 1024 ? 1024 : inputs < 512 ? inputs : 512; }

#ifdef FL_ONEDNN
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCT, PRODUCT_OF_PANELS, REORDER };

// What a primitive computes. Rows of a reorder are 0. Compared byte by byte: it has no gaps.
struct key {
  int32_t kind, type;
  int64_t rows, outputs, inputs;
};

struct entry {
  struct key key;
  dnnl_primitive_t primitive;
  dnnl_memory_t from, weights, to, scratchpad;
  size_t scratch;
};

#define SLOTS 1024

struct thread_state {
  struct entry slots[SLOTS];
  size_t used;
  void *scratch;  // oneDNN's own
  size_t scratch_bytes;
  void *tile;  // a result before it is copied to its rows
  size_t tile_bytes;
  void *panels;  // weights that are packed for one call
  size_t panel_bytes;
};

static pthread_key_t state_key;
static pthread_once_t state_once = PTHREAD_ONCE_INIT;
static __thread struct thread_state *mine;

static void empty(struct thread_state *s) {
  for (size_t i = 0; i < SLOTS; i++) {
    struct entry *e = &s->slots[i];
    if (!e->primitive) continue;
    fl_onednn.primitive_destroy(e->primitive);
    fl_onednn.memory_destroy(e->from);
    fl_onednn.memory_destroy(e->weights);
    fl_onednn.memory_destroy(e->to);
    fl_onednn.memory_destroy(e->scratchpad);
    memset(e, 0, sizeof *e);
  }
  s->used = 0;
}

static void end_thread(void *state) {
  struct thread_state *s = state;
  empty(s);
  free(s->scratch);
  free(s->tile);
  free(s->panels);
  free(s);
  mine = 0;
}

static void make_key(void) { pthread_key_create(&state_key, end_thread); }

static struct thread_state *state(void) {
  if (mine) return mine;
  pthread_once(&state_once, make_key);
  mine = calloc(1, sizeof *mine);
  if (!mine) return 0;
  pthread_setspecific(state_key, mine);
  if (fl_onednn.set_threads) fl_onednn.set_threads(1);
  return mine;
}

static int grow(void **buffer, size_t *bytes, size_t wanted) {
  if (*bytes >= wanted) return 1;
  free(*buffer);
  *buffer = 0;
  *bytes = 0;
  if (posix_memalign(buffer, 64, wanted)) return 0;
  *bytes = wanted;
  return 1;
}

static dnnl_status_t make(struct entry *e) {
  const struct key *k = &e->key;
  dnnl_data_type_t type = k->type == FL_ONEDNN_BF16 ? dnnl_bf16 : dnnl_f32;
  dnnl_format_tag_t layout = k->kind == PRODUCT ? dnnl_ba : k->type == FL_ONEDNN_BF16 ? dnnl_BA16a64b2a : dnnl_BA16a64b;
  dnnl_dims_t weights_dims = {k->inputs, k->outputs}, from_dims = {k->rows, k->inputs}, to_dims = {k->rows, k->outputs};
  dnnl_memory_desc_t from = {0}, weights = {0}, to = {0};
  dnnl_primitive_attr_t settings = 0;
  dnnl_primitive_desc_t made = 0;
  dnnl_status_t status = fl_onednn.primitive_attr_create(&settings);
  if (!status) status = fl_onednn.primitive_attr_set_scratchpad_mode(settings, dnnl_scratchpad_mode_user);
  if (!status) status = fl_onednn.memory_desc_init_by_tag(&weights, 2, weights_dims, type, layout);
  if (k->kind != REORDER) {
    dnnl_matmul_desc_t product;
    if (!status) status = fl_onednn.memory_desc_init_by_tag(&from, 2, from_dims, type, dnnl_ab);
    if (!status) status = fl_onednn.memory_desc_init_by_tag(&to, 2, to_dims, dnnl_f32, dnnl_ab);
    if (!status) status = fl_onednn.matmul_desc_init(&product, &from, &weights, 0, &to);
    if (!status) status = fl_onednn.primitive_desc_create(&made, &product, settings, fl_onednn.engine, 0);
  } else {
    if (!status) status = fl_onednn.memory_desc_init_by_tag(&from, 2, weights_dims, type, dnnl_ba);
    if (!status)
      status = fl_onednn.reorder_primitive_desc_create(&made, &from, fl_onednn.engine, &weights, fl_onednn.engine,
                                                       settings);
    to = from;
  }
  if (!status) {
    const dnnl_memory_desc_t *scratch = fl_onednn.primitive_desc_query_md(made, dnnl_query_scratchpad_md, 0);
    e->scratch = fl_onednn.memory_desc_get_size(scratch);
    status = fl_onednn.memory_create(&e->scratchpad, scratch, fl_onednn.engine, DNNL_MEMORY_NONE);
  }
  if (!status) status = fl_onednn.memory_create(&e->from, &from, fl_onednn.engine, DNNL_MEMORY_NONE);
  if (!status) status = fl_onednn.memory_create(&e->weights, &weights, fl_onednn.engine, DNNL_MEMORY_NONE);
  if (!status) status = fl_onednn.memory_create(&e->to, &to, fl_onednn.engine, DNNL_MEMORY_NONE);
  if (!status) status = fl_onednn.primitive_create(&e->primitive, made);
  if (made) fl_onednn.primitive_desc_destroy(made);
  if (settings) fl_onednn.primitive_attr_destroy(settings);
  return status;
}

static struct entry *find(struct thread_state *s, struct key key, dnnl_status_t *status) {
  // Shapes of a run are few; where they are not, all are made anew.
  if (s->used > SLOTS * 3 / 4) empty(s);
  uint64_t hash = (uint64_t)key.kind * 31 + (uint64_t)key.type;
  hash = (hash * 0x9E3779B97F4A7C15u) ^ (uint64_t)key.rows;
  hash = (hash * 0x9E3779B97F4A7C15u) ^ (uint64_t)key.outputs;
  hash = (hash * 0x9E3779B97F4A7C15u) ^ (uint64_t)key.inputs;
  hash *= 0x9E3779B97F4A7C15u;
  for (size_t i = hash >> 54;; i = (i + 1) % SLOTS) {
    struct entry *e = &s->slots[i];
    if (e->primitive && !memcmp(&e->key, &key, sizeof key)) return e;
    if (e->primitive) continue;
    struct entry fresh = {.key = key};
    *status = make(&fresh);
    if (*status) {
      fl_onednn.memory_destroy(fresh.from);
      fl_onednn.memory_destroy(fresh.weights);
      fl_onednn.memory_destroy(fresh.to);
      fl_onednn.memory_destroy(fresh.scratchpad);
      return 0;
    }
    *e = fresh;
    s->used++;
    return e;
  }
}

// from and to as the kind has it; `weights` are the packed ones.
static int run(struct thread_state *s, struct key key, const void *from, const void *weights, void *to) {
  dnnl_status_t status = dnnl_success;
  struct entry *e = find(s, key, &status);
  if (!e) return status;
  if (!grow(&s->scratch, &s->scratch_bytes, e->scratch)) return dnnl_out_of_memory;
  fl_onednn.memory_set_data_handle(e->from, (void *)from);
  fl_onednn.memory_set_data_handle(e->weights, (void *)weights);
  fl_onednn.memory_set_data_handle(e->scratchpad, s->scratch);
  if (key.kind == REORDER) {
    dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_FROM, e->from}, {DNNL_ARG_TO, e->weights}, {DNNL_ARG_SCRATCHPAD, e->scratchpad}};
    return fl_onednn.primitive_execute(e->primitive, fl_onednn.stream, 3, arguments);
  }
  fl_onednn.memory_set_data_handle(e->to, to);
  dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, e->from},
                                 {DNNL_ARG_WEIGHTS, e->weights},
                                 {DNNL_ARG_DST, e->to},
                                 {DNNL_ARG_SCRATCHPAD, e->scratchpad}};
  return fl_onednn.primitive_execute(e->primitive, fl_onednn.stream, 4, arguments);
}

int fl_onednn_pack(int type, void *packed, const void *w, size_t outputs, size_t inputs) {
  struct thread_state *s = state();
  struct key key = {REORDER, type, 0, (int64_t)outputs, (int64_t)inputs};
  return s ? run(s, key, w, packed, 0) : (int)dnnl_out_of_memory;
}

// Every height that a batch may have would be hundreds of primitives: above 64 rows a multiple of 16, and a rest that is
// large enough to be worth its own pass over the weights.
static size_t height_of(size_t rows) {
  if (rows <= 64 || rows % 16 == 0) return rows;
  return (rows - 32) / 16 * 16;
}

// The rows of one call that one primitive computes.
static int rows_of(struct thread_state *s, struct key key, float *y, size_t ldy, const void *x, const void *weights,
                   size_t outputs) {
  size_t height = (size_t)key.rows, columns = (size_t)key.outputs;
  if (columns == outputs && ldy == outputs) return run(s, key, x, weights, y);
  if (!grow(&s->tile, &s->tile_bytes, height * columns * sizeof(float))) return dnnl_out_of_memory;
  const float *tile = s->tile;
  int status = run(s, key, x, weights, s->tile);
  for (size_t r = 0; !status && r < height; r++) memcpy(y + r * ldy, tile + r * columns, outputs * sizeof(float));
  return status;
}

int fl_onednn_linear(int type, int layout, float *y, size_t ldy, const void *x, const void *weights, size_t rows,
                     size_t outputs, size_t inputs) {
  struct thread_state *s = state();
  if (!s) return dnnl_out_of_memory;
  if (fl_onednn.has_tiles && type == FL_ONEDNN_BF16 && layout == FL_ONEDNN_ROWS) {
    // AMX's sums differ between the two layouts.
    size_t panels = whole(outputs, PANEL) / PANEL;
    if (!grow(&s->panels, &s->panel_bytes, panels * fl_onednn_panel_bytes(type, inputs))) return dnnl_out_of_memory;
    int status = fl_onednn_pack(type, s->panels, weights, outputs, inputs);
    if (status) return status;
    weights = s->panels;
    layout = FL_ONEDNN_PANELS;
  }
  int isPacked = layout == FL_ONEDNN_PANELS;
  struct key key = {isPacked ? PRODUCT_OF_PANELS : PRODUCT, type, 0,
                    (int64_t)(isPacked ? whole(outputs, PANEL) : outputs), (int64_t)inputs};
  for (size_t first = 0; first < rows; first += (size_t)key.rows) {
    key.rows = (int64_t)height_of(rows - first);
    const char *from = (const char *)x + first * inputs * size_of(type);
    int status = rows_of(s, key, y + first * ldy, ldy, from, weights, outputs);
    if (status) return status;
  }
  return 0;
}

int fl_onednn_sgemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                    const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  if (!state()) return dnnl_out_of_memory;
  return fl_onednn.sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', (dnnl_dim_t)m, (dnnl_dim_t)n,
                         (dnnl_dim_t)k, 1, a, (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, beta, c, (dnnl_dim_t)ldc);
}

#else

static int absent(void) { return -1; }

int fl_onednn_pack(int type, void *packed, const void *w, size_t outputs, size_t inputs) {
  (void)type, (void)packed, (void)w, (void)outputs, (void)inputs;
  return absent();
}
int fl_onednn_linear(int type, int layout, float *y, size_t ldy, const void *x, const void *weights, size_t rows,
                     size_t outputs, size_t inputs) {
  (void)type, (void)layout, (void)y, (void)ldy, (void)x, (void)weights, (void)rows, (void)outputs, (void)inputs;
  return absent();
}
int fl_onednn_sgemm(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, const float *a, size_t lda,
                    const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  (void)transpose_a, (void)transpose_b, (void)m, (void)n, (void)k, (void)a, (void)lda, (void)b, (void)ldb, (void)beta;
  (void)c, (void)ldc;
  return absent();
}

#endif
