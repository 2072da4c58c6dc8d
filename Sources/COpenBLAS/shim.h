// OpenBLAS's CBLAS and LAPACKE. Debian's libopenblas is built without LAPACKE, so liblapacke is linked too.
#pragma once
#include <cblas.h>
#include <lapacke.h>
