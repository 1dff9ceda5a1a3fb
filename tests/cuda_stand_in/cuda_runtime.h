// A stand-in for CUDA: what programs for the GPU use of it, so that they can be compiled by a C++ compiler and run
// without a GPU. Kernels run one thread after the other, copies are copies; so no kernel may wait for another thread.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2 };
typedef cudaError_t cudaError;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaLimit { cudaLimitMallocHeapSize };

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
inline dim3 gridDim, blockDim, blockIdx, threadIdx;

struct cudaDeviceProp {
    int multiProcessorCount = 2, maxThreadsPerBlock = 1024, maxThreadsPerMultiProcessor = 2048, warpSize = 32;
    size_t sharedMemPerBlock = 49152;
};
struct cudaFuncAttributes {
    int maxThreadsPerBlock = 1024, numRegs = 0;
    size_t sharedSizeBytes = 0, localSizeBytes = 0, constSizeBytes = 0;
};

inline const char* cudaGetErrorString(cudaError_t) { return "an error"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaProfilerStop() { return cudaSuccess; }

// The driver goes when the program ends: before objects that were made before the first call.
inline bool ds_driver_gone = false;
inline cudaError_t cudaSetDevice(int)
{
    std::atexit([] { ds_driver_gone = true; });
    return cudaSuccess;
}
inline cudaError_t cudaDeviceSetLimit(cudaLimit, size_t) { return cudaSuccess; }
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) { *p = cudaDeviceProp(); return cudaSuccess; }
inline cudaError_t cudaMemGetInfo(size_t* free, size_t* all) { *free = *all = (size_t)1 << 32; return cudaSuccess; }

// Fresh memory holds anything, as on a GPU.
template <typename T> cudaError_t cudaMalloc(T** to, size_t bytes)
{
    *to = (T*)std::malloc(bytes ? bytes : 1);
    std::memset((void*)*to, 0xff, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaFree(void* p) { std::free(p); return cudaSuccess; }
inline cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind)
{
    if (bytes) std::memcpy(to, from, bytes);
    return cudaSuccess;
}
inline cudaError_t cudaMemset(void* to, int value, size_t bytes) { std::memset(to, value, bytes); return cudaSuccess; }
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes) { return cudaMemset(to, value, bytes); }
template <typename T> cudaError_t cudaMemcpyToSymbol(T& symbol, const void* from, size_t bytes)
{
    std::memcpy((void*)&symbol, from, bytes);
    return cudaSuccess;
}
template <typename F> cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid, int* block, F, size_t, int)
{
    *grid = 1;
    *block = 96;  // odd enough that the last block is rarely full
    return cudaSuccess;
}
template <typename F> cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, F, int, size_t)
{
    *blocks = 1;
    return cudaSuccess;
}
template <typename F> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, F)
{
    *a = cudaFuncAttributes();
    return cudaSuccess;
}

template <typename T, typename U> T atomicAdd(T* at, U value) { T old = *at; *at = old + (T)value; return old; }
template <typename T, typename U, typename V> T atomicCAS(T* at, U expected, V value)
{
    T old = *at;
    if (old == (T)expected) *at = (T)value;
    return old;
}
inline void __threadfence() {}
inline void __syncthreads() {}
template <typename To, typename From> To ds_same_bits(From from)
{
    To to;
    std::memcpy(&to, &from, sizeof(to));
    return to;
}
inline float __int_as_float(int v) { return ds_same_bits<float>(v); }
inline int __float_as_int(float v) { return ds_same_bits<int>(v); }
inline int __int_as_int(int v) { return v; }
inline double __longlong_as_double(long long v) { return ds_same_bits<double>(v); }
inline long long __double_as_longlong(double v) { return ds_same_bits<long long>(v); }

// Run a kernel; the launch in triple brackets is rewritten to this before compilation.
template <typename F> void ds_launch(dim3 grid, dim3 block, F kernel)
{
    gridDim = grid;
    blockDim = block;
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
            for (threadIdx.x = 0; threadIdx.x < block.x; threadIdx.x++) kernel();
}
