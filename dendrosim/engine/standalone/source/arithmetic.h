// Whole parts, quotients and remainders of real numbers, as Python defines them: dendrosim/equations/real_numbers.py.

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

}  // namespace ds
