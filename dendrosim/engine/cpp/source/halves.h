// Limits of weights, and the two halves of a step of Heun's method.

#pragma once

#include "parallel.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

namespace ds {

// Set numbers that are outside of the limits to the nearest limit. NaN stays, so that the guard notices it.
template <typename T> void set_limits(T* w, int64_t count, T low, T high)
{
    parallel(count, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) w[i] = w[i] < low ? low : w[i] > high ? high : w[i];
    });
}

// The two halves of a step of Heun's method, in each of which weights make a forward Euler step without limits. With w
// at the beginning, u after the first half, v = P(u) within the limits, and u' = v + dt f(v) after the second half, the
// step ends with P((w + u - v + u')/2).
template <typename T> class Halves {
public:
    bool second = false;

    void begin(bool second, const T* w, int64_t count)
    {
        this->second = second;
        if (second) return;
        before.resize(count);
        T* const to = before.data();
        parallel(count, [=](int64_t begin, int64_t end) { std::copy(w + begin, w + end, to + begin); });
    }

    // End a half. In the first one, what the limits cut off is kept for the mean.
    void end(T* w, int64_t count, T low, T high)
    {
        T* const other = before.data();
        const bool mean = second;
        parallel(count, [=](int64_t begin, int64_t end) {
            for (int64_t at = begin; at < end; at += block)
            {
                const int64_t stop = std::min(at + block, end);
                if (mean) for (int64_t i = at; i < stop; i++) w[i] = (T)0.5*(other[i] + w[i]);
                if (!limited(w, at, stop, low, high)) continue;
                for (int64_t i = at; i < stop; i++)
                {
                    const T free = w[i];
                    w[i] = free < low ? low : free > high ? high : free;
                    other[i] += free - w[i];
                }
            }
        });
    }

private:
    std::vector<T> before;

    // Return whether a limit cuts off a part of any weight.
    static bool limited(const T* w, int64_t begin, int64_t end, T low, T high)
    {
        std::conditional_t<sizeof(T) == 4, int32_t, int64_t> some = 0;
        for (int64_t i = begin; i < end; i++) some |= (w[i] < low) | (w[i] > high);
        return some;
    }
};

}  // namespace ds
