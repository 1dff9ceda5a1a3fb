// Random numbers, see dendrosim/engine/noise.py.

#pragma once

#include "functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace ds {

constexpr uint64_t golden = 0x9E3779B97F4A7C15ull;

inline uint64_t bits(int64_t base, int64_t i)
{
    uint64_t z = (uint64_t)base + golden*((uint64_t)i + 1);
    z = (z ^ (z >> 30))*0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27))*0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

inline double uniform(int64_t base, int64_t i) { return ((double)(bits(base, i) >> 11) + 0.5)*0x1p-53; }

inline double poisson(int64_t base, int64_t i, double mean)
{
    const double u = uniform(base, i);
    double term = std::exp(-mean), total = term, count = 0;
    while (u > total && term > 0)
    {
        count++;
        term *= mean/count;
        total += term;
    }
    return count;
}

// ---------------------------------------------------------------------------------------------------
// Normal numbers. Logarithm, sine and cosine are written out, for the ranges that occur, because functions of a
// library keep a loop from being vectorised or cost as much as all the rest of a cell. Their polynomials are those
// of FreeBSD's msun (double) and Cephes (single precision): accurate to the precision at hand.

// Whole numbers below 2^52 as double: processors without AVX-512 have no instruction for 64 bits.
inline double whole(uint64_t x) { return reread<double>(x | 0x4330000000000000ull) - 0x1p52; }

// -2 log u, for 0 < u < 1: u = 2^exponent (1 + m), m between sqrt(1/2) - 1 and sqrt(2) - 1; s = m/(2 + m).
inline double minus_twice_log(double u)
{
    constexpr uint64_t root = 0x3FE6A09E667F3BCDull, one = 0x3FF0000000000000ull, mantissa = 0xFFFFFFFFFFFFFull;
    const uint64_t x = reread<uint64_t>(u) + (one - root);
    const double exponent = whole(x >> 52) - 1023, m = reread<double>((x & mantissa) + root) - 1;
    const double s = m/(2 + m), q = s*s;
    const double rest = q*(6.666666666666735130e-01 + q*(3.999999999940941908e-01 + q*(2.857142874366239149e-01
        + q*(2.222219843214978396e-01 + q*(1.818357216161805012e-01 + q*(1.531383769920937332e-01
        + q*1.479819860511658591e-01))))));
    return -2*(exponent*6.93147180559945286e-01 + s*(2 + rest));
}

inline float minus_twice_log(float u)
{
    constexpr uint32_t root = 0x3F3504F3u, one = 0x3F800000u, mantissa = 0x7FFFFFu;
    const uint32_t x = reread<uint32_t>(u) + (one - root);
    const float exponent = (float)((int32_t)(x >> 23) - 127), m = reread<float>((x & mantissa) + root) - 1;
    const float s = m/(2 + m), q = s*s;
    const float rest = q*(0.66666662693f + q*(0.40000972152f + q*(0.28498786688f + q*0.24279078841f)));
    return -2*(exponent*0.69314718056f + s*(2 + rest));
}

// Sine and cosine for |a| up to pi/4, but the sine divided by a; q = a^2.
inline double sine(double q)
{
    return 1 + q*(-1.66666666666666324348e-01 + q*(8.33333333332248946124e-03 + q*(-1.98412698298579493134e-04
        + q*(2.75573137070700676789e-06 + q*(-2.50507602534068634195e-08 + q*1.58969099521155010221e-10)))));
}
inline double cosine(double q)
{
    return 1 + q*(-0.5 + q*(4.16666666666666019037e-02 + q*(-1.38888888888741095749e-03
        + q*(2.48015872894767294178e-05 + q*(-2.75573143513906633035e-07 + q*(2.08757232129817482790e-09
        + q*-1.13596475577881948265e-11))))));
}
inline float sine(float q)
{
    return 1 + q*(-1.6666654611e-1f + q*(8.3321608736e-3f + q*-1.9515295891e-4f));
}
inline float cosine(float q)
{
    return 1 + q*(-0.5f + q*(4.166664568298827e-2f + q*(-1.388731625493765e-3f + q*2.443315711809948e-5f)));
}

inline void halves(uint64_t z, double& u, double& v)  // v: from -1/2 to 1/2 of a quarter turn
{
    u = (whole(z >> 32) + 0.5)*0x1p-32;
    v = (whole(((z + 0x20000000u) & 0x3FFFFFFFu)) - 0x20000000)*0x1p-30;
}
inline void halves(uint64_t z, float& u, float& v)
{
    u = std::min(((float)(uint32_t)(z >> 32) + 0.5f)*0x1p-32f, 0x1.fffffep-1f);
    v = (float)((int32_t)(((uint32_t)z + 0x20000000u) & 0x3FFFFFFFu) - 0x20000000)*0x1p-30f;
}

// Two independent numbers from 64 random bits: radius, and cosine and sine of the angle (Box and Muller 1958).
template <typename T> inline void two_normals(uint64_t z, T& x, T& y)
{
    using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
    constexpr int top = 8*sizeof(T) - 1;
    T u, v;
    halves(z, u, v);
    const T radius = std::sqrt(minus_twice_log(u)), a = v*(T)1.5707963267948966, q = a*a;
    const T s = radius*a*sine(q), c = radius*cosine(q);
    const Bits quarter = (Bits)((uint32_t)z + 0x20000000u) >> 30;  // to the nearest
    const bool odd = quarter & 1;
    x = reread<T>(reread<Bits>(odd ? s : c) ^ (((quarter + 1) & 2) << (top - 1)));
    y = reread<T>(reread<Bits>(odd ? c : s) ^ ((quarter & 2) << (top - 1)));
}

constexpr int64_t partner = 128;  // elements i and i + 128 share the bits of the first

inline double normal(int64_t base, int64_t i)
{
    double x, y;
    two_normals(bits(base, i & ~partner), x, y);
    return i & partner ? y : x;
}

// The numbers of elements `first` (a multiple of 2*partner) and following, at most 2*partner.
template <typename T> inline void normals(int64_t base, int64_t first, int64_t count, T* __restrict drawn)
{
    const int64_t pairs = std::min(count, partner);
    #pragma GCC ivdep
    for (int64_t j = 0; j < pairs; j++) two_normals(bits(base, first + j), drawn[j], drawn[j + partner]);
}

// A stream of which the normal numbers of a block of elements are drawn already.
template <typename T> struct Drawn {
    int64_t base;
    const T* values;
    operator int64_t() const { return base; }
};

}  // namespace ds
