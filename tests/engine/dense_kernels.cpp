// What tests/test_dense_kernels.py calls of dense.h.

#include "dense.h"
#include "parallel.cpp"

template <typename T>
void steps(int rows, int columns, int batch, int patient, int threads, int count, T alpha, T keep, T* w,
    const T* post, const T* pre, T* y, T* across)
{
    static ds::Pool *const two = new ds::Pool(2), *const three = new ds::Pool(3);
    ds::pool = threads == 2 ? two : threads == 3 ? three : nullptr;
    ds::diverged = false;
    ds::Weights<T> weights(rows, columns, batch, patient);
    weights.w = w;
    for (int k = 0; k < count; k++)
    {
        weights.product(pre, y, false);
        weights.product(pre, y, true);
        weights.learn(alpha, post, pre, keep);
    }
    weights.transposed(post, across, false);
    weights.transposed(post, across, true);
    ds::patients.clear();
}

// Steps of Heun's method, in whose second halves the postsynaptic factors are the products of the first halves.
template <typename T>
void halves(int rows, int columns, int batch, int patient, int threads, int count, T alpha, T keep, T* w,
    const T* post, const T* pre, T* y, T* across)
{
    static ds::Pool *const two = new ds::Pool(2);
    ds::pool = threads == 2 ? two : nullptr;
    ds::Weights<T> weights(rows, columns, batch, patient, true);
    weights.w = w;
    for (int k = 0; k < count; k++)
    {
        weights.product(pre, y, false);
        weights.begin(false);
        weights.learn(alpha, post, pre, keep);
        weights.end();
        weights.product(pre, y, false);
        weights.product(pre, y, true);
        weights.transposed(post, across, false);
        weights.transposed(post, across, true);
        weights.begin(true);
        weights.learn(alpha, y, pre, keep);
        weights.end();
    }
    weights.settle();
    ds::patients.clear();
}

// All else is hidden: libraries of several instruction sets are loaded side by side.
#pragma GCC visibility push(default)
extern "C" {
int kernels() { return ds::vector_bytes*ds::tiles; }
int diverged() { return ds::diverged; }
void steps_double(int r, int c, int b, int p, int t, int n, double alpha, double keep, double* w,
    const double* post, const double* pre, double* y, double* across)
{
    steps(r, c, b, p, t, n, alpha, keep, w, post, pre, y, across);
}
void steps_single(int r, int c, int b, int p, int t, int n, float alpha, float keep, float* w, const float* post,
    const float* pre, float* y, float* across)
{
    steps(r, c, b, p, t, n, alpha, keep, w, post, pre, y, across);
}
void halves_double(int r, int c, int b, int p, int t, int n, double alpha, double keep, double* w,
    const double* post, const double* pre, double* y, double* across)
{
    halves(r, c, b, p, t, n, alpha, keep, w, post, pre, y, across);
}
void halves_single(int r, int c, int b, int p, int t, int n, float alpha, float keep, float* w, const float* post,
    const float* pre, float* y, float* across)
{
    halves(r, c, b, p, t, n, alpha, keep, w, post, pre, y, across);
}
}
