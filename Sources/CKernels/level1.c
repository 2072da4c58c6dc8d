// The loops for any CPU that the compiler builds for.
#define FL_LEVEL 1
#define FL_TABLE fl_kernels_portable
#include "loops/all.h"
