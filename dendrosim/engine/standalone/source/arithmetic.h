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

DS_BOTH double second_difference(double p, double q, double r)
{
    const double high = p > q ? (p > r ? p : r) : (q > r ? q : r), low = p < q ? (p < r ? p : r) : (q < r ? q : r);
    const double mean = (p + q + r)/3, middle = p + q + r - high - low;
    if (high - low > 0.1) return (difference(high, middle) - difference(middle, low))/(high - low);
    // A series in the distances from the mean, whose terms h follow from their elementary symmetric polynomials.
    const double a = high - mean, b = middle - mean, c = low - mean, two = a*b + b*c + c*a, three = a*b*c;
    double h[9] = {1, 0, -two}, sum = 0.5 - two/24, factorial = 24;
    for (int k = 3; k < 9; k++)
    {
        h[k] = three*h[k - 3] - two*h[k - 2];
        factorial *= k + 2;
        sum += h[k]/factorial;
    }
    return std::exp(mean)*sum;
}

}  // namespace ds
