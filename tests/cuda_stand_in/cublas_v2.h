// A stand-in for cuBLAS: matrices by columns, as its reference defines the operations, in plain loops.

#pragma once

#include "cuda_runtime.h"

#include <vector>

enum cublasStatus_t { CUBLAS_STATUS_SUCCESS };
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
enum cublasPointerMode_t { CUBLAS_POINTER_MODE_HOST, CUBLAS_POINTER_MODE_DEVICE };
enum cublasMath_t { CUBLAS_DEFAULT_MATH };
typedef int* cublasHandle_t;

inline const char* cublasGetStatusString(cublasStatus_t) { return "an error"; }
inline cublasStatus_t cublasCreate(cublasHandle_t* h) { *h = new int(0); return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }
inline cublasStatus_t cublasSetPointerMode(cublasHandle_t, cublasPointerMode_t) { return CUBLAS_STATUS_SUCCESS; }

// C (m x n) = alpha op(A) (m x k) op(B) (k x n) + beta C
template <typename T>
cublasStatus_t ds_gemm(cublasHandle_t, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
    const T* alpha, const T* a, int lda, const T* b, int ldb, const T* beta, T* c, int ldc)
{
    if (lda < (ta == CUBLAS_OP_N ? m : k) || ldb < (tb == CUBLAS_OP_N ? k : n) || ldc < m) std::abort();
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++)
        {
            T sum = 0;
            for (int l = 0; l < k; l++)
                sum += (ta == CUBLAS_OP_N ? a[i + (size_t)l*lda] : a[l + (size_t)i*lda])
                    *(tb == CUBLAS_OP_N ? b[l + (size_t)j*ldb] : b[j + (size_t)l*ldb]);
            T& to = c[i + (size_t)j*ldc];
            to = *alpha*sum + (*beta == 0 ? 0 : *beta*to);
        }
    return CUBLAS_STATUS_SUCCESS;
}

// y = alpha op(A) x + beta y, where A is m x n
template <typename T>
cublasStatus_t ds_gemv(cublasHandle_t, cublasOperation_t t, int m, int n, const T* alpha, const T* a, int lda,
    const T* x, int incx, const T* beta, T* y, int incy)
{
    if (lda < m || incx != 1 || incy != 1) std::abort();
    for (int i = 0; i < (t == CUBLAS_OP_N ? m : n); i++)
    {
        T sum = 0;
        for (int j = 0; j < (t == CUBLAS_OP_N ? n : m); j++)
            sum += (t == CUBLAS_OP_N ? a[i + (size_t)j*lda] : a[j + (size_t)i*lda])*x[j];
        y[i] = *alpha*sum + (*beta == 0 ? 0 : *beta*y[i]);
    }
    return CUBLAS_STATUS_SUCCESS;
}

// A (m x n) += alpha x y^T
template <typename T>
cublasStatus_t ds_ger(cublasHandle_t, int m, int n, const T* alpha, const T* x, int incx, const T* y, int incy, T* a,
    int lda)
{
    if (lda < m || incx != 1 || incy != 1) std::abort();
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) a[i + (size_t)j*lda] += *alpha*x[i]*y[j];
    return CUBLAS_STATUS_SUCCESS;
}

#define cublasSgemm ds_gemm<float>
#define cublasDgemm ds_gemm<double>
#define cublasSgemv ds_gemv<float>
#define cublasDgemv ds_gemv<double>
#define cublasSger ds_ger<float>
#define cublasDger ds_ger<double>

// Both keep the pair of original and inverse apart: the first only checks its arguments, the second inverts.
inline cublasStatus_t cublasDgetrfBatched(cublasHandle_t, int n, double* const a[], int lda, int* pivots, int* info,
    int count)
{
    if (lda != n || count != 1 || !pivots || !a[0]) std::abort();
    info[0] = 0;
    return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t cublasDgetriBatched(cublasHandle_t, int n, const double* const a[], int lda, const int*,
    double* const c[], int ldc, int* info, int count)
{
    if (lda != n || ldc != n || count != 1) std::abort();
    std::vector<double> w(a[0], a[0] + (size_t)n*n);
    double* q = c[0];
    for (int i = 0; i < n*n; i++) q[i] = i%(n + 1) == 0;
    info[0] = 0;
    for (int p = 0; p < n; p++)  // Gauss and Jordan on columns
    {
        int best = p;
        for (int i = p; i < n; i++) if (std::fabs(w[i + (size_t)p*n]) > std::fabs(w[best + (size_t)p*n])) best = i;
        if (w[best + (size_t)p*n] == 0) { info[0] = p + 1; return CUBLAS_STATUS_SUCCESS; }
        for (int j = 0; j < n; j++)
        {
            std::swap(w[p + (size_t)j*n], w[best + (size_t)j*n]);
            std::swap(q[p + (size_t)j*n], q[best + (size_t)j*n]);
        }
        const double by = 1/w[p + (size_t)p*n];
        for (int j = 0; j < n; j++) { w[p + (size_t)j*n] *= by; q[p + (size_t)j*n] *= by; }
        for (int i = 0; i < n; i++)
        {
            const double f = w[i + (size_t)p*n];
            if (i == p || f == 0) continue;
            for (int j = 0; j < n; j++)
            {
                w[i + (size_t)j*n] -= f*w[p + (size_t)j*n];
                q[i + (size_t)j*n] -= f*q[p + (size_t)j*n];
            }
        }
    }
    return CUBLAS_STATUS_SUCCESS;
}
