// What programs of a precision have in common and takes long to compile: products and updates of weights.

#include "dense.h"

template class ds::Weights<DS_REAL>;
template class ds::Inverse<DS_REAL>;
