// Products and updates of weights. They take long to compile, so this file is compiled once for each precision.

#include "sparse.h"

template class ds::Weights<DS_REAL>;
template class ds::Inverse<DS_REAL>;
template class ds::Sparse<DS_REAL>;
