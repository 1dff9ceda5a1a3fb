// The functions that programs bring along, for tests/test_functions.py.

#include "normals.h"

extern "C" void exponentials(long count, const double* x, double* y, const float* u, float* v)
{
    for (long i = 0; i < count; i++) y[i] = ds::exp(x[i]);
    for (long i = 0; i < count; i++) v[i] = ds::exp(u[i]);
}

extern "C" void tangents(long count, const double* x, double* y, const float* u, float* v)
{
    for (long i = 0; i < count; i++) y[i] = ds::tanh(x[i]);
    for (long i = 0; i < count; i++) v[i] = ds::tanh(u[i]);
}

extern "C" void pairs(long count, const unsigned long* bits, double* x, double* y, float* u, float* v)
{
    for (long i = 0; i < count; i++) ds::two_normals(bits[i], x[i], y[i]);
    for (long i = 0; i < count; i++) ds::two_normals(bits[i], u[i], v[i]);
}
