// The largest speeds of the GPU: of a large product in single precision without TF32, and of a copy.
// Prints floating point operations and bytes (read and written) per second.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <cublas_v2.h>
#include <cuda_runtime.h>

static void check(int status, const char* call)
{
    if (!status) return;
    std::fprintf(stderr, "%s failed with status %d\n", call, status);
    std::exit(1);
}

#define CHECK(call) check((int)(call), #call)

int main()
{
    const int n = 8192, repeats = 10, rounds = 3;
    const size_t bytes = sizeof(float)*n*n;
    float *a, *b, *c;
    CHECK(cudaMalloc((void**)&a, bytes));
    CHECK(cudaMalloc((void**)&b, bytes));
    CHECK(cudaMalloc((void**)&c, bytes));
    // Zeros would do, but with them the GPU needs less power and can be faster than with any real matrix.
    std::vector<float> values((size_t)n*n);
    uint32_t state = 1;
    for (float& v : values) v = (float)((state = 1664525u*state + 1013904223u) >> 8)*0x1p-23f - 1;
    CHECK(cudaMemcpy(a, values.data(), bytes, cudaMemcpyHostToDevice));
    CHECK(cudaMemcpy(b, values.data(), bytes, cudaMemcpyHostToDevice));
    cublasHandle_t blas;
    CHECK(cublasCreate(&blas));
    CHECK(cublasSetMathMode(blas, CUBLAS_DEFAULT_MATH));
    cudaEvent_t begin, end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    const float one = 1, zero = 0;
    double flops = 0, rate = 0;
    for (int round = 0; round <= rounds; round++)  // the first round is not counted
    {
        float product = 0, copy = 0;
        CHECK(cudaEventRecord(begin));
        for (int i = 0; i < repeats; i++)
            CHECK(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, a, n, b, n, &zero, c, n));
        CHECK(cudaEventRecord(end));
        CHECK(cudaEventSynchronize(end));
        CHECK(cudaEventElapsedTime(&product, begin, end));
        CHECK(cudaEventRecord(begin));
        for (int i = 0; i < repeats; i++) CHECK(cudaMemcpyAsync(b, a, bytes, cudaMemcpyDeviceToDevice));
        CHECK(cudaEventRecord(end));
        CHECK(cudaEventSynchronize(end));
        CHECK(cudaEventElapsedTime(&copy, begin, end));
        if (!round) continue;
        flops = std::max(flops, 2.0*n*n*n*repeats/(1e-3*product));
        rate = std::max(rate, 2.0*bytes*repeats/(1e-3*copy));
    }
    std::printf("%.6g %.6g\n", flops, rate);
}
