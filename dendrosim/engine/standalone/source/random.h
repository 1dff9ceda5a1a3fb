// Random numbers on the GPU and on the host: see dendrosim/engine/network/random_numbers.py. Normal numbers are
// computed in normals.h on the host and in device.cuh on the GPU.

#pragma once

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define DS_BOTH __host__ __device__ inline
#else
#define DS_BOTH inline
#endif

namespace ds {

constexpr uint64_t golden = 0x9E3779B97F4A7C15ull;

DS_BOTH uint64_t bits(int64_t base, int64_t i)
{
    uint64_t z = (uint64_t)base + golden*((uint64_t)i + 1);
    z = (z ^ (z >> 30))*0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27))*0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

DS_BOTH double uniform(int64_t base, int64_t i) { return ((double)(bits(base, i) >> 11) + 0.5)*0x1p-53; }

constexpr int64_t partner = 128;  // the normal numbers of elements i and i + 128 are computed from the bits of i

DS_BOTH double poisson(int64_t base, int64_t i, double mean)
{
    const double u = uniform(base, i);
    double term = exp(-mean), total = term, count = 0;
    while (u > total && term > 0)
    {
        count++;
        term *= mean/count;
        total += term;
    }
    return count;
}

}  // namespace ds
