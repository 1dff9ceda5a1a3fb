// The inverse of a matrix, by LAPACK.

#pragma once

#include "blas.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

extern "C" void scipy_dgesv_(const int*, const int*, double*, const int*, int*, double*, const int*, int*);

namespace ds {

// The inverse of a square matrix, computed again only if the matrix has changed. It is computed in double
// precision also for floats, so that it is as close as possible to the inverse of the stored numbers.
template <typename T> class Inverse {
public:
    explicit Inverse(int n) : n(n), before((size_t)n*n), w((size_t)n*n), q((size_t)n*n), pivots(n) {}

    void refresh(const T* of, T* inverse)
    {
        if (known && !std::memcmp(before.data(), of, sizeof(T)*before.size())) return;
        known = true;
        std::copy(of, of + before.size(), before.begin());
        std::copy(of, of + before.size(), w.begin());
        std::fill(q.begin(), q.end(), 0.0);
        for (int i = 0; i < n; i++) q[(size_t)i*n + i] = 1;
        // LAPACK reads columns: it sees the transpose of the matrix and returns the transpose of its inverse.
        int info = 0;
        // Several threads only here, because the results of products depend on the number of threads.
        let_blas_work(true);
        scipy_dgesv_(&n, &n, w.data(), &n, pivots.data(), q.data(), &n, &info);
        let_blas_work(blas_works);
        if (info) std::fill(q.begin(), q.end(), std::nan(""));
        std::copy(q.begin(), q.end(), inverse);
    }

private:
    const int n;
    bool known = false;
    std::vector<T> before;
    std::vector<double> w, q;
    std::vector<int> pivots;
};

}  // namespace ds
