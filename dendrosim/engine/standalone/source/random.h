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

// log k! minus Stirling's approximation (k + 1/2) log(k + 1) - (k + 1) + log(2 pi)/2.
DS_BOTH double stirling_rest(double k)
{
    const double first[10] = {0.08106146679532726, 0.0413406959554093, 0.027677925684998338, 0.020790672103765093,
        0.016644691189821193, 0.01387612882307075, 0.011896709945891771, 0.010411265261972096,
        0.009255462182712732, 0.008330563433362871};
    if (k < 10) return first[(int)k];
    const double q = 1/((k + 1)*(k + 1));
    return (1.0/12 - (1.0/360 - (1.0/1260 - q/1680)*q)*q)/(k + 1);
}

// A binomial number of n trials by inversion, for p up to 1/2 and n p below 10. Terms beyond 1e-20 are left out.
DS_BOTH double invert_binomial(double u, double n, double p)
{
    if (u < 1 - n*p - 1e-12) return 0;  // without the exponential, because (1 - p)^n is at least 1 - n p (Bernoulli)
    const double odds = p/(1 - p);
    double term = exp(n*log1p(-p)), total = term, count = 0;
    while (u > total && count < n && term > 1e-20)
    {
        count++;
        term *= odds*(n - count + 1)/count;
        total += term;
    }
    return count;
}

// A binomial number of n trials by transformed rejection (BTRS, Hoermann 1993), for p up to 1/2 and n p of at least 10.
DS_BOTH double reject_binomial(int64_t key, double n, double p)
{
    const double q = 1 - p, deviation = sqrt(n*p*q), b = 1.15 + 2.53*deviation, a = -0.0873 + 0.0248*b + 0.01*p;
    const double c = n*p + 0.5, box = 0.92 - 4.2/b, alpha = (2.83 + 5.1/b)*deviation, mode = floor((n + 1)*p);
    for (int64_t k = 0;; k += 2)
    {
        const double u = uniform(key, k) - 0.5, v = uniform(key, k + 1), us = 0.5 - fabs(u);
        const double count = floor((2*a/us + b)*u + c);
        if (us >= 0.07 && v <= box) return count;
        if (count < 0 || count > n) continue;
        const double bound = (mode + 0.5)*log((mode + 1)*q/(p*(n - mode + 1))) + (n + 1)*log((n - mode + 1)/(n - count + 1))
            + (count + 0.5)*log((n - count + 1)*p/(q*(count + 1)))
            + stirling_rest(mode) + stirling_rest(n - mode) - stirling_rest(count) - stirling_rest(n - count);
        if (log(v*alpha/(a/(us*us) + b)) <= bound) return count;
    }
}

// A binomial number: of n trials, each of which succeeds with the probability p, how many do.
DS_BOTH double binomial(int64_t base, int64_t i, double n, double p)
{
    if (!(p > 0) || n < 1) return 0;
    if (p >= 1) return n;
    const double rarer = p > 0.5 ? 1 - p : p;
    const double count = n*rarer < 10 ? invert_binomial(uniform(base, i), n, rarer)
        : reject_binomial((int64_t)bits(base, i), n, rarer);
    return p > 0.5 ? n - count : count;
}

}  // namespace ds
