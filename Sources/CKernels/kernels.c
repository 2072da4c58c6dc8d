#include "kernels.h"
void faultline_kernels_placeholder(void) {}
