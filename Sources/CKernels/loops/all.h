// All loops of one level and the table of them. FL_LEVEL and FL_TABLE are set by the file that includes this.
#include "bf16.h"
#include "elementwise.h"
#include "masks.h"
#include "product.h"
#include "ranges.h"
#include "rows.h"
#include "scores.h"
#include "small.h"
#include "snip.h"
// Last: nothing behind it is fused.
#include "widen.h"

#include "levels.h"

#define K(type, name, parameters, arguments) .name = name,
const struct fl_kernels FL_TABLE = {
    .snip_rows = FL_SNIP_ROWS,
    .snip_columns = FL_SNIP_COLUMNS,
#include "kernels.list.h"
};
#undef K
