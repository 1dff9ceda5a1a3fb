// A stand-in for thrust, of which programs use vectors.

#pragma once

#include "../cuda_runtime.h"

#include <vector>

namespace thrust {
template <typename T> using host_vector = std::vector<T>;
template <typename T> using device_vector = std::vector<T>;
template <typename T> T* raw_pointer_cast(T* p) { return p; }
}
