// Memory and launches on the GPU, normal numbers, and a check of every call of CUDA: a failed call ends
// the program with code 70 and a message that names the call.

#pragma once

#include "arithmetic.h"
#include "interrupts.h"
#include "random.h"
#include "task.h"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <thrust/device_vector.h>

#define DS_CUDA(call) ds::check((call), #call)
#define DS_LAUNCHED(kernel) ds::check(cudaGetLastError(), "launch of " kernel)

namespace ds {

inline void use_folder(const std::string& folder, const std::string&)
{
    receive_interrupts();
    task.folder = folder;
}

DS_BOTH double normal(int64_t base, int64_t i)
{
    const uint64_t z = bits(base, i & ~partner);
    const double radius = sqrt(-2*log(((double)(z >> 32) + 0.5)*0x1p-32));
    const double angle = (double)(z & 0xffffffffu)*(6.283185307179586*0x1p-32);
    return radius*(i & partner ? sin(angle) : cos(angle));
}

inline void check(cudaError_t status, const char* call)
{
    if (status == cudaErrorMemoryAllocation) fail(std::string("this needs more memory than the GPU has: ") + call);
    if (status != cudaSuccess) fail(std::string(call) + ": " + cudaGetErrorString(status));
}

inline void check(cublasStatus_t status, const char* call)
{
    if (status != CUBLAS_STATUS_SUCCESS) fail(std::string(call) + ": " + cublasGetStatusString(status));
}

constexpr int threads = 256;

// Number of blocks for a kernel that loops over `count` elements with the stride of its grid (`DS_EACH`).
inline unsigned blocks(int64_t count)
{
    return (unsigned)std::max<int64_t>(1, std::min<int64_t>((count + threads - 1)/threads, 1 << 20));
}

#define DS_EACH(i, count)                                                        \
    for (int64_t i = (int64_t)blockIdx.x*blockDim.x + threadIdx.x; i < (count);  \
         i += (int64_t)gridDim.x*blockDim.x)

template <typename T> T* device(int64_t count)
{
    T* data = nullptr;
    DS_CUDA(cudaMalloc((void**)&data, sizeof(T)*std::max<int64_t>(count, 1)));
    return data;
}

template <typename T> T* upload(const std::vector<T>& values)
{
    T* data = device<T>((int64_t)values.size());
    if (!values.empty())
        DS_CUDA(cudaMemcpy(data, values.data(), sizeof(T)*values.size(), cudaMemcpyHostToDevice));
    return data;
}

}  // namespace ds
