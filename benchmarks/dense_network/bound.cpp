// The network in handwritten C++, with the BLAS that dendrosim uses. It shows the speed that is possible in
// practice. With one sample, one loop over the rows computes dot products and changes; with several samples, each
// layer needs up to three calls of the BLAS.

#include <cblas.h>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "../../dendrosim/engine/cpp/source/parallel.cpp"

extern "C" void scipy_openblas_set_num_threads(int);

static void gemm(CBLAS_TRANSPOSE b, int m, int n, int k, double alpha, const double* x, const double* y, int ldy,
    double beta, double* z)
{
    scipy_cblas_dgemm(CblasRowMajor, CblasNoTrans, b, m, n, k, alpha, x, k, y, ldy, beta, z, n);
}

static void gemm(CBLAS_TRANSPOSE b, int m, int n, int k, float alpha, const float* x, const float* y, int ldy,
    float beta, float* z)
{
    scipy_cblas_sgemm(CblasRowMajor, CblasNoTrans, b, m, n, k, alpha, x, k, y, ldy, beta, z, n);
}

template <typename T> struct Network {
    int layers, n, batch;
    T** h;  // layers + 1 activities, units x samples
    T** w;
    T** q;
    const T* target;
    T keep, basal, apical, rate;
    T *f, *g, *error;  // layers x units x samples

    static T dot(int n, const T* __restrict a, const T* __restrict b)
    {
        T sum = 0;
        #pragma omp simd reduction(+:sum)
        for (int i = 0; i < n; i++) sum += a[i]*b[i];
        return sum;
    }

    // The old rate of a unit stays in h, because other units still need it; the new rate is put into g.
    void row(int l, int i)
    {
        T* __restrict weights = w[l] + (size_t)i*n;
        const T* __restrict below = h[l];
        const T rate_here = h[l + 1][i];
        const T fed = std::tanh(dot(n, weights, below));
        const T change = rate*(rate_here - fed)*(1 - fed*fed);
        #pragma omp simd
        for (int j = 0; j < n; j++) weights[j] += change*below[j];
        const T top = l + 1 < layers ? dot(n, q[l] + (size_t)i*n, h[l + 2]) : target[i];
        g[l*n + i] = keep*rate_here + basal*fed + apical*top;
    }

    void one()
    {
        const auto rows = [this](int64_t begin, int64_t end) {
            for (int64_t k = begin; k < end; k++) row(k/n, k%n);
        };
        if (ds::pool && n >= 200) ds::pool->run((int64_t)layers*n, 4, rows); else rows(0, (int64_t)layers*n);
        for (int l = 0; l < layers; l++) std::memcpy(h[l + 1], g + l*n, sizeof(T)*n);
    }

    void several()
    {
        const int64_t size = (int64_t)n*batch;
        for (int l = 0; l < layers; l++) gemm(CblasNoTrans, n, batch, n, 1, w[l], h[l], batch, 0, f + l*size);
        for (int l = 0; l + 1 < layers; l++)
            gemm(CblasNoTrans, n, batch, n, 1, q[l], h[l + 2], batch, 0, g + l*size);
        std::memcpy(g + (layers - 1)*size, target, sizeof(T)*size);
        for (int l = layers - 1; l >= 0; l--)
        {
            T *__restrict up = h[l + 1], *__restrict fed = f + l*size, *__restrict wrong = error;
            const T* __restrict top = g + l*size;
            ds::parallel(size, [=](int64_t begin, int64_t end) {
                #pragma GCC ivdep
                for (int64_t i = begin; i < end; i++)
                {
                    const T here = std::tanh(fed[i]);
                    wrong[i] = rate*(up[i] - here)*(1 - here*here);
                    up[i] = keep*up[i] + basal*here + apical*top[i];
                }
            });
            gemm(CblasTrans, n, n, batch, 1, wrong, h[l], batch, 1, w[l]);
        }
    }
};

template <typename T>
double run(int64_t steps, int layers, int n, int batch, T** h, T** w, T** q, const T* target, T keep, T basal,
    T apical, T rate, T* work)
{
    const size_t size = (size_t)layers*n*batch;
    T *f = work, *g = f + size, *error = g + size;
    Network<T> network{layers, n, batch, h, w, q, target, keep, basal, apical, rate, f, g, error};
    const auto begin = std::chrono::steady_clock::now();
    for (int64_t s = 0; s < steps; s++) if (batch == 1) network.one(); else network.several();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

extern "C" void threads(int count)
{
    ds::use_threads(count);
    scipy_openblas_set_num_threads(count);
}
extern "C" double run_double(int64_t steps, int l, int n, int b, double** h, double** w, double** q,
    double* target, double keep, double basal, double apical, double rate, double* work)
{
    return run<double>(steps, l, n, b, h, w, q, target, keep, basal, apical, rate, work);
}
extern "C" double run_single(int64_t steps, int l, int n, int b, float** h, float** w, float** q, float* target,
    float keep, float basal, float apical, float rate, float* work)
{
    return run<float>(steps, l, n, b, h, w, q, target, keep, basal, apical, rate, work);
}
