// The largest speed that the machine allows: products by BLAS, multiplications in registers, reading of memory.

#include <algorithm>
#include <cblas.h>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

extern "C" void scipy_openblas_set_num_threads(int);

// Return the seconds of the fastest of several repetitions, in which all threads work at the same time.
static double fastest(int threads, const std::function<void(int)>& work)
{
    double best = 1e9;
    for (int repeat = 0; repeat < 15; repeat++)
    {
        std::vector<std::thread> team;
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 1; i < threads; i++) team.emplace_back(work, i);
        work(0);
        for (std::thread& t : team) t.join();
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    return best;
}

template <typename T> double registers(int threads)
{
#ifdef __AVX512F__
    constexpr int bytes = 64;
#else
    constexpr int bytes = 32;
#endif
    typedef T V __attribute__((vector_size(bytes)));
    constexpr int chains = 12, rounds = 1 << 20;
    std::vector<T> sink(threads*64);
    const double seconds = fastest(threads, [&](int index) {
        V sum[chains], factor = V{} + (T)(1 - 1e-6), term = V{} + (T)1e-3;
        for (int c = 0; c < chains; c++) sum[c] = V{} + (T)c;  // different, or the compiler would merge them
        for (int k = 0; k < rounds; k++)
        {
            #pragma GCC unroll 16
            for (int c = 0; c < chains; c++) sum[c] = sum[c]*factor + term;
            asm volatile("" : "+x"(factor));
        }
        for (int c = 0; c < chains; c++) sink[index*64] += sum[c][0];
    });
    return 2.0*chains*rounds*(bytes/sizeof(T))*threads/seconds;
}

template <typename T> double blas(int threads)
{
    const int n = 1000;
    std::vector<T> a(n*n, 0.5), b(n*n, 0.5), c(n*n);
    scipy_openblas_set_num_threads(threads);
    const double seconds = fastest(1, [&](int) {
        if constexpr (sizeof(T) == 8)
            scipy_cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, (double*)a.data(), n,
                (double*)b.data(), n, 0, (double*)c.data(), n);
        else
            scipy_cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, (float*)a.data(), n,
                (float*)b.data(), n, 0, (float*)c.data(), n);
    });
    return 2.0*n*n*n/seconds;
}

extern "C" double blas_double(int threads) { return blas<double>(threads); }
extern "C" double blas_single(int threads) { return blas<float>(threads); }
extern "C" double registers_double(int threads) { return registers<double>(threads); }
extern "C" double registers_single(int threads) { return registers<float>(threads); }

// Return the bytes read per second if each thread reads its share of `bytes` repeatedly.
extern "C" double reading(int threads, int64_t bytes)
{
    const int64_t share = bytes/8/threads, times = std::max<int64_t>(1, (1 << 26)/bytes);
    std::vector<double> data(share*threads, 1.0), sink(threads*64);
    const double seconds = fastest(threads, [&](int index) {
        const double* from = data.data() + index*share;
        for (int64_t t = 0; t < times; t++)
        {
            double sum = 0;
            #pragma omp simd reduction(+:sum)
            for (int64_t i = 0; i < share; i++) sum += from[i];
            sink[index*64] += sum;
            asm volatile("" : : "r"(from) : "memory");
        }
    });
    return (double)share*threads*8*times/seconds;
}
