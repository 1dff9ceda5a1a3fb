// The BLAS: its functions by the type of numbers, its threads, and outer products.

#pragma once

#include "parallel.h"

#include <cblas.h>
#include <cmath>
#include <cstring>
#include <vector>

extern "C" void scipy_openblas_set_num_threads(int);

namespace ds {

// Whether any product is computed by a single call of the BLAS. Only then does the BLAS get threads, because its
// idle threads wait in a busy loop and take processor time from the threads of parallel.cpp.
inline bool blas_works = false;

inline void let_blas_work(bool works) { scipy_openblas_set_num_threads(works ? threads() : 1); }

template <typename T> struct Blas;
template <> struct Blas<double> {
    static constexpr auto gemm = scipy_cblas_dgemm;
    static constexpr auto gemv = scipy_cblas_dgemv;
    static constexpr auto ger = scipy_cblas_dger;
    static constexpr auto scal = scipy_cblas_dscal;
};
template <> struct Blas<float> {
    static constexpr auto gemm = scipy_cblas_sgemm;
    static constexpr auto gemv = scipy_cblas_sgemv;
    static constexpr auto ger = scipy_cblas_sger;
    static constexpr auto scal = scipy_cblas_sscal;
};

// Compute w = keep w + alpha post pre^T, summed over the batch, with the BLAS.
template <typename T>
void outer(int rows, int columns, int batch, T alpha, const T* post, const T* pre, T keep, T* w)
{
    if (alpha == 0)
    {
        // A BLAS would not read the factors, which may be infinite. Zero times such a factor is NaN.
        std::vector<T> none(post, post + (int64_t)rows*batch);
        for (T& factor : none) factor *= alpha;
        return outer<T>(rows, columns, batch, 1, none.data(), pre, keep, w);
    }
    if (batch == 1)
    {
        if (keep == 0)
            std::memset(w, 0, sizeof(T)*(size_t)rows*columns);
        else if (keep != 1)
            Blas<T>::scal((int64_t)rows*columns, keep, w, 1);
        Blas<T>::ger(CblasRowMajor, rows, columns, alpha, post, 1, pre, 1, w, columns);
    }
    else
    {
        static std::vector<T> scaled;
        const int exponent = std::ilogb(alpha);
        const T power = std::ldexp((T)1, exponent), factor = std::ldexp(alpha, -exponent);
        scaled.resize((size_t)rows*batch);
        for (size_t i = 0; i < scaled.size(); i++) scaled[i] = power*post[i];
        Blas<T>::gemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, columns, batch, factor, scaled.data(), batch,
            pre, batch, keep, w, columns);
    }
}

}  // namespace ds
