// Functions that texts of equations need besides those of the C library. Whole parts, quotients and remainders of
// real numbers are as Python defines them: dendrosim/equations/real_numbers.py.

#pragma once

#include "random.h"

namespace ds {

DS_BOTH double truncate(double x) { return std::trunc(x); }

// The remainder of a division whose quotient is rounded down: it has the sign of y.
DS_BOTH double remainder(double x, double y)
{
    const double rest = std::fmod(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

// The quotient rounded down. x/y may round to the next whole number, so it is computed from the exact remainder.
DS_BOTH double quotient(double x, double y)
{
    const double rest = std::fmod(x, y);
    return std::rint((x - rest)/y - (rest != 0 && (rest < 0) != (y < 0) ? 1 : 0));
}

// A number within bounds; the upper one, if the lower one is above it. NaN stays NaN.
DS_BOTH double clip(double x, double low, double high)
{
    const double raised = x < low || low != low ? low : x;
    return raised > high || high != high ? high : raised;
}

// What changes a state that is held while its unit is refractory: x if it is free, else `otherwise`.
DS_BOTH double select(bool free, double x, double otherwise) { return free ? x : otherwise; }

// Divided differences of the exponential: dendrosim/equations/linear.py.
DS_BOTH double difference(double p, double q)
{
    const double high = p > q ? p : q, d = p > q ? q - p : p - q;
    return std::exp(high)*(d > -1e-16 ? 1 : std::expm1(d)/d);
}

// A second divided difference by a series in the distances of its arguments from their mean, whose terms h follow from
// the elementary symmetric polynomials of these distances.
DS_BOTH double difference_series(double mean, double two, double three, int count)
{
    double h[3] = {1, 0, -two}, sum = 0.5 - two/24, factorial = 24;
    for (int k = 3; k < count; k++)
    {
        const double next = three*h[0] - two*h[1];
        h[0] = h[1];
        h[1] = h[2];
        h[2] = next;
        factorial *= k + 2;
        sum += next/factorial;
    }
    return std::exp(mean)*sum;
}

DS_BOTH double second_difference(double p, double q, double r)
{
    const double high = p > q ? (p > r ? p : r) : (q > r ? q : r), low = p < q ? (p < r ? p : r) : (q < r ? q : r);
    const double mean = (p + q + r)/3, middle = p + q + r - high - low;
    if (high - low > 0.1) return (difference(high, middle) - difference(middle, low))/(high - low);
    const double a = high - mean, b = middle - mean, c = low - mean, two = a*b + b*c + c*a, three = a*b*c;
    return difference_series(mean, two, three, 9);
}

// e[p + iz, p - iz, 0]
DS_BOTH double wave_difference(double p, double z)
{
    const double square = p*p + z*z, half = std::sin(z/2);
    if (square > 0.25)
        return (std::exp(p)*(z > 0 ? std::sin(z)/z : 1)*p - std::expm1(p)*std::cos(z) + 2*half*half)/square;
    return difference_series(2*p/3, z*z - p*p/3, -(p*p/9 + z*z)*2*p/3, 17);
}

// Two states that depend on each other, and the integral of their solution: engine/network/linear_functions.py.
struct Pair {
    double half, square, root, low, high, own;
    DS_BOTH Pair(double a, double b, double c, double d)
        : half(0.5*(a - d)), square(half*half + b*c), root(std::sqrt(std::fabs(square)))
    {
        const double large = root + std::fabs(half), small = large > 0 ? b*c/large : 0;
        low = (a < d ? a : d) - small;
        high = (a < d ? d : a) + small;
        own = half < 0 ? small : large;
    }
};

DS_BOTH double coupled(double t, double a, double b, double c, double d, double x, double y)
{
    const Pair pair(a, b, c, d);
    const double angle = pair.root*t, low = pair.low*t;
    if (pair.square < 0)
        return std::exp(0.5*(a + d)*t)*(std::cos(angle)*x + std::sin(angle)/pair.root*(pair.half*x + b*y));
    return std::exp(low)*x + t*difference(low, pair.high*t)*(pair.own*x + b*y);
}

DS_BOTH double driven(double t, double a, double b, double c, double d, double u, double v)
{
    const Pair pair(a, b, c, d);
    const double low = pair.low*t, high = pair.high*t;
    if (!(pair.square < 0))
        return t*difference(low, 0)*u + t*t*second_difference(low, high, 0)*(pair.own*u + b*v);
    const double p = 0.5*(a + d)*t, z = pair.root*t, size = p*p + z*z, half = std::sin(z/2);
    const double real = std::expm1(p)*std::cos(z) - 2*half*half;
    const double part = size > 0 ? (real*p + std::exp(p)*std::sin(z)*z)/size : 1;
    return t*part*u + t*t*wave_difference(p, z)*(pair.half*u + b*v);
}

}  // namespace ds
