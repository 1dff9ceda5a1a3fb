// Normally distributed random numbers on the host: see dendrosim/engine/network/random_numbers.py.
//
// Logarithm, sine and cosine are written out for the ranges that occur here. Library functions prevent
// vectorisation of the loop, or take as long as the rest of a cell's update. The polynomials interpolate at
// Chebyshev points, with as many terms as the precision needs.

#pragma once

#include "functions.h"
#include "random.h"

#include <cmath>
#include <cstdint>
#include <type_traits>

namespace ds {

// Convert an integer below 2^52 to double by its bits, because processors without AVX-512 have no vector
// instruction that converts 64-bit integers.
inline double whole(uint64_t x) { return reread<double>(x | 0x4330000000000000ull) - 0x1p52; }

// -2 log u for 0 < u < 1, where u = 2^exponent (1 + m), m is between sqrt(1/2) - 1 and sqrt(2) - 1, s = m/(2 + m).
inline double minus_twice_log(double u)
{
    constexpr uint64_t root = 0x3FE6A09E667F3BCDull, one = 0x3FF0000000000000ull, mantissa = 0xFFFFFFFFFFFFFull;
    const uint64_t x = reread<uint64_t>(u) + (one - root);
    const double exponent = whole(x >> 52) - 1023, m = reread<double>((x & mantissa) + root) - 1;
    const double s = m/(2 + m), q = s*s;
    const double rest = q*(0.666666666666667 + q*(0.39999999999899505 + q*(0.28571428625975487
        + q*(0.2222221113479508 + q*(0.18182889125261723 + q*(0.15331721600556042 + q*0.14616449685043406))))));
    return -2*(exponent*6.93147180559945286e-01 + s*(2 + rest));
}

inline float minus_twice_log(float u)
{
    constexpr uint32_t root = 0x3F3504F3u, one = 0x3F800000u, mantissa = 0x7FFFFFu;
    const uint32_t x = reread<uint32_t>(u) + (one - root);
    const float exponent = (float)((int32_t)(x >> 23) - 127), m = reread<float>((x & mantissa) + root) - 1;
    const float s = m/(2 + m), q = s*s;
    const float rest = q*(0.6666666655f + q*(0.4000012184f + q*(0.2855082082f + q*0.2333046722f)));
    return -2*(exponent*0.69314718056f + s*(2 + rest));
}

// sin(a)/a and cos(a) for |a| up to pi/4, as functions of q = a^2.
inline double sine(double q)
{
    return 1 + q*(-0.16666666666666666 + q*(0.008333333333330948 + q*(-0.00019841269836758574
        + q*(2.755731610255244e-06 + q*(-2.5051131845003624e-08 + q*1.5918129294866608e-10)))));
}
inline double cosine(double q)
{
    return 1 + q*(-0.5 + q*(0.041666666666666664 + q*(-0.0013888888888887398 + q*(2.480158729876569e-05
        + q*(-2.7557317271729793e-07 + q*(2.08761462684032e-09 + q*-1.1382632425521717e-11))))));
}
inline float sine(float q) { return 1 + q*(-0.1666666466f + q*(0.008332748271f + q*-0.0001958789088f)); }
inline float cosine(float q)
{
    return 1 + q*(-0.5f + q*(0.04166666466f + q*(-0.001388830304f + q*2.454794209e-5f)));
}

// Make two numbers from 64 random bits: u between 0 and 1, and the angle v from the nearest axis, between -1/2 and
// 1/2 quarter turns.
inline void halves(uint64_t z, double& u, double& v)
{
    u = (whole(z >> 32) + 0.5)*0x1p-32;
    v = (whole(((z + 0x20000000u) & 0x3FFFFFFFu)) - 0x20000000)*0x1p-30;
}
inline void halves(uint64_t z, float& u, float& v)
{
    u = ((float)(uint32_t)(z >> 32) + 0.5f)*0x1p-32f;
    u = u < 1 ? u : 0x1.fffffep-1f;
    v = (float)((int32_t)(((uint32_t)z + 0x20000000u) & 0x3FFFFFFFu) - 0x20000000)*0x1p-30f;
}

// Make two independent normal numbers from 64 random bits: a radius times the cosine and the sine of an angle (Box
// and Muller 1958).
template <typename T> inline void two_normals(uint64_t z, T& x, T& y)
{
    using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
    constexpr int top = 8*sizeof(T) - 1;
    T u, v;
    halves(z, u, v);
    const T radius = std::sqrt(minus_twice_log(u)), a = v*(T)1.5707963267948966, q = a*a;
    const T s = radius*a*sine(q), c = radius*cosine(q);
    const Bits quarter = (Bits)((uint32_t)z + 0x20000000u) >> 30;  // the nearest axis
    const bool odd = quarter & 1;
    x = reread<T>(reread<Bits>(odd ? s : c) ^ (((quarter + 1) & 2) << (top - 1)));
    y = reread<T>(reread<Bits>(odd ? c : s) ^ ((quarter & 2) << (top - 1)));
}

inline double normal(int64_t base, int64_t i)
{
    double x, y;
    two_normals(bits(base, i & ~partner), x, y);
    return i & partner ? y : x;
}

// Draw the normal numbers of `count` elements (at most 2*partner), beginning with element `first`, which is a
// multiple of 2*partner.
template <typename T> inline void normals(int64_t base, int64_t first, int64_t count, T* __restrict drawn)
{
    const int64_t pairs = count < partner ? count : partner;
    #pragma GCC ivdep
    for (int64_t j = 0; j < pairs; j++) two_normals(bits(base, first + j), drawn[j], drawn[j + partner]);
}

// A stream whose normal numbers for a block of elements have already been drawn.
template <typename T> struct Drawn {
    int64_t base;
    const T* values;
    operator int64_t() const { return base; }
};

}  // namespace ds
