// Dense products. Activities are units x samples, row-major; matrices are post x pre, row-major. cuBLAS is
// column-major, so it reads the transpose of each: activities as samples x units, matrices as pre x post.

#pragma once

#include "device.cuh"

namespace ds {

inline cublasHandle_t blas = nullptr;

template <typename T> struct Blas;
template <> struct Blas<double> {
    static constexpr auto gemm = cublasDgemm;
    static constexpr auto gemv = cublasDgemv;
    static constexpr auto ger = cublasDger;
};
template <> struct Blas<float> {
    static constexpr auto gemm = cublasSgemm;
    static constexpr auto gemv = cublasSgemv;
    static constexpr auto ger = cublasSger;
};

// Compute y = W x or y += W x, with the transpose of W if `transpose`; `rows` and `columns` are those of W as
// stored.
template <typename T>
void product(bool transpose, int rows, int columns, int batch, const T* w, const T* x, T* y, bool add)
{
    const T one = 1, beta = add ? 1 : 0;
    if (batch == 1)
        check(Blas<T>::gemv(blas, transpose ? CUBLAS_OP_N : CUBLAS_OP_T, columns, rows, &one, w, columns, x, 1,
            &beta, y, 1), "cublas gemv of a projection");
    else
        check(Blas<T>::gemm(blas, CUBLAS_OP_N, transpose ? CUBLAS_OP_T : CUBLAS_OP_N, batch,
            transpose ? columns : rows, transpose ? rows : columns, &one, x, batch, w, columns, &beta, y, batch),
            "cublas gemm of a projection");
}

// Compute w = alpha post pre^T or w += alpha post pre^T, summed over the batch.
template <typename T>
void outer(int rows, int columns, int batch, T alpha, const T* post, const T* pre, bool add, T* w)
{
    const T beta = add ? 1 : 0;
    if (batch == 1)
    {
        if (!add) DS_CUDA(cudaMemsetAsync(w, 0, sizeof(T)*(size_t)rows*columns));
        check(Blas<T>::ger(blas, columns, rows, &alpha, pre, 1, post, 1, w, columns), "cublas ger of a plasticity");
    }
    else
        check(Blas<T>::gemm(blas, CUBLAS_OP_T, CUBLAS_OP_N, columns, rows, batch, &alpha, pre, batch, post, batch,
            &beta, w, columns), "cublas gemm of a plasticity");
}

template <typename T> __global__ void set_decay(T dt, T alpha, const T* decay, T* values)
{
    values[0] = alpha;
    values[1] = 1 + dt*decay[0];
}

template <typename T> __global__ void scale_by(int64_t count, const T* factor, T* w)
{
    const T f = factor[0];
    DS_EACH(i, count) w[i] *= f;
}

template <typename T> __global__ void clip_by(int64_t count, const T* low, const T* high, T* w)
{
    const T least = low[0], most = high[0];
    DS_EACH(i, count) w[i] = w[i] < least ? least : w[i] > most ? most : w[i];
}

// Set weights that are outside of the limits to the nearest limit. NaN stays, so that the guard notices it.
template <typename T> void clip(int64_t count, const T* low, const T* high, T* w)
{
    clip_by<T><<<blocks(count), threads>>>(count, low, high, w);
    DS_LAUNCHED("clip_by");
}

template <typename T> __global__ void average_with(int64_t count, const T* before, T* w)
{
    DS_EACH(i, count) w[i] = (T)0.5*(before[i] + w[i]);
}

template <typename T> __global__ void clip_and_keep(int64_t count, const T* low, const T* high, T* w, T* before)
{
    const T least = low[0], most = high[0];
    DS_EACH(i, count)
    {
        const T free = w[i];
        w[i] = free < least ? least : free > most ? most : free;
        before[i] += free - w[i];
    }
}

// The two halves of a step of Heun's method, in each of which weights make a forward Euler step without limits. With
// w at the beginning, u after the first half, v = P(u) within the limits, and u' = v + dt f(v) after the second half,
// the step ends with P((w + u - v + u')/2). There are no limits if `low` and `high` are null.
template <typename T> class Halves {
public:
    void begin(bool second, int64_t count, const T* w)
    {
        if (second) return;
        if (!before) before = device<T>(count);
        DS_CUDA(cudaMemcpy(before, w, sizeof(T)*count, cudaMemcpyDeviceToDevice));
    }

    void end(bool second, int64_t count, const T* low, const T* high, T* w)
    {
        if (second) average_with<T><<<blocks(count), threads>>>(count, before, w);
        if (low) clip_and_keep<T><<<blocks(count), threads>>>(count, low, high, w, before);
        DS_LAUNCHED("the end of a half step");
    }

private:
    T* before = nullptr;
};

// The decay of the weights of a matrix. Its coefficient is computed on the GPU and stays there.
template <typename T> class Decay {
public:
    void refresh(T dt, T alpha, const T* decay)
    {
        if (!values) values = device<T>(2);
        set_decay<T><<<1, 1>>>(dt, alpha, decay, values);
        DS_LAUNCHED("set_decay");
    }

    void scale(int64_t count, T* w) const
    {
        scale_by<T><<<blocks(count), threads>>>(count, values + 1, w);
        DS_LAUNCHED("scale_by");
    }

    // w = keep w + alpha post pre^T
    void outer(int rows, int columns, int batch, T alpha, const T* post, const T* pre, T* w) const
    {
        if (batch == 1)
        {
            scale((int64_t)rows*columns, w);
            ds::outer<T>(rows, columns, batch, alpha, post, pre, true, w);
            return;
        }
        check(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_DEVICE), "cublasSetPointerMode");
        check(Blas<T>::gemm(blas, CUBLAS_OP_T, CUBLAS_OP_N, columns, rows, batch, values, pre, batch, post, batch,
            values + 1, w, columns), "cublas gemm of a plasticity with decay");
        check(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_HOST), "cublasSetPointerMode");
    }

private:
    T* values = nullptr;  // alpha, and the factor 1 + dt decay of the weights
};

template <typename T> __global__ void compare(int64_t count, const T* now, const T* before, int* changed)
{
    DS_EACH(i, count) if (!(now[i] == before[i])) *changed = 1;
}

template <typename T> __global__ void take(int64_t count, const T* now, T* before, double* w)
{
    DS_EACH(i, count)
    {
        before[i] = now[i];
        w[i] = (double)now[i];
    }
}

template <typename T> __global__ void give(int64_t count, const double* q, const int* singular, T* inverse)
{
    const bool good = singular[0] == 0 && singular[1] == 0;
    DS_EACH(i, count) inverse[i] = good ? (T)q[i] : (T)nan("");
}

// The inverse of a square matrix, computed again if the matrix may have changed. It is computed in double
// precision also for floats, so that it is as close as possible to the inverse of the stored numbers. While the
// matrix changes, it is inverted in every step, and the host checks in every hundredth step whether it still
// changes. While it does not change, the host checks in every step, and waits for the answer, because an
// unnecessary inversion would take far longer.
template <typename T> class Inverse {
public:
    explicit Inverse(int n) : n(n), count((int64_t)n*n) {}

    void refresh(const T* of, T* inverse)
    {
        if (!before)
            allocate();
        else if (unasked > 0)
            unasked--;
        else if (changed(of))
            unasked = 99;
        else
            return;
        take<T><<<blocks(count), threads>>>(count, of, before, w);
        DS_LAUNCHED("take");
        // cuBLAS is column-major: it reads the transpose of the matrix and returns the transpose of its inverse.
        check(cublasDgetrfBatched(blas, n, matrices, n, pivots, state + 1, 1), "cublasDgetrfBatched");
        check(cublasDgetriBatched(blas, n, (const double* const*)matrices, n, pivots, matrices + 1, n, state + 2, 1),
            "cublasDgetriBatched");
        give<T><<<blocks(count), threads>>>(count, q, state + 1, inverse);
        DS_LAUNCHED("give");
    }

private:
    const int n;
    const int64_t count;
    T* before = nullptr;
    double *w = nullptr, *q = nullptr;
    double** matrices = nullptr;  // an array on the GPU with the pointers w and q
    // state[0]: whether the matrix has changed; state[1] and state[2]: whether it is singular, from the
    // factorisation and from the inversion.
    int *pivots = nullptr, *state = nullptr;
    int unasked = 0;  // number of inversions before the host checks again

    bool changed(const T* of)
    {
        int found = 0;
        DS_CUDA(cudaMemsetAsync(state, 0, sizeof(int)));
        compare<T><<<blocks(count), threads>>>(count, of, before, state);
        DS_LAUNCHED("compare");
        DS_CUDA(cudaMemcpy(&found, state, sizeof(int), cudaMemcpyDeviceToHost));
        return found;
    }

    void allocate()
    {
        before = device<T>(count);
        w = device<double>(count);
        q = device<double>(count);
        matrices = upload(std::vector<double*>{w, q});
        pivots = device<int>(n);
        state = device<int>(3);
        DS_CUDA(cudaMemset(state, 0, 3*sizeof(int)));
    }
};

}  // namespace ds
