// What tests/engine/test_sparse_kernels.py calls of sparse.h.

#include "parallel.cpp"
#include "sparse.h"

namespace ds {
Array arrays[1];
const int64_t array_count = 1;
}

template <typename T>
void steps(int rows, int columns, int batch, int threads, int count, int64_t connections, const int64_t* starts,
    const int32_t* others, T alpha, T keep, T* w, const T* post, const T* pre, T* y, T* across)
{
    static ds::Pool *const two = new ds::Pool(2), *const three = new ds::Pool(3);
    ds::pool = threads == 2 ? two : threads == 3 ? three : nullptr;
    ds::Sparse<T> matrix(rows, columns, batch, false);
    T *weights, *products;
    matrix.arrays_of_weights = {&weights, &products};
    matrix.array = 0;
    matrix.connect({starts, starts + rows + 1}, {others, others + connections});
    std::copy(w, w + connections, weights);
    for (int k = 0; k < count; k++)
    {
        matrix.product(pre, y, false);
        matrix.product(pre, y, true);
        matrix.transposed(post, across, false);
        matrix.transposed(post, across, true);
        matrix.outer(alpha, post, pre, 0, products);
        matrix.learn(alpha, post, pre, keep);
    }
    std::copy(weights, weights + connections, w);
    ds::sparse_matrices.clear();
    delete[] weights;
    delete[] products;
}

// All else is hidden: libraries of several instruction sets are loaded side by side.
#pragma GCC visibility push(default)
extern "C" {
void steps_double(int r, int c, int b, int t, int n, int64_t k, const int64_t* starts, const int32_t* others,
    double alpha, double keep, double* w, const double* post, const double* pre, double* y, double* across)
{
    steps(r, c, b, t, n, k, starts, others, alpha, keep, w, post, pre, y, across);
}
void steps_single(int r, int c, int b, int t, int n, int64_t k, const int64_t* starts, const int32_t* others,
    float alpha, float keep, float* w, const float* post, const float* pre, float* y, float* across)
{
    steps(r, c, b, t, n, k, starts, others, alpha, keep, w, post, pre, y, across);
}
}
