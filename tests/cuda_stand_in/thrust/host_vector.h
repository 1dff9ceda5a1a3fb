// A stand-in for thrust, of which programs use vectors.

#pragma once

#include "../cuda_runtime.h"

#include <vector>

namespace thrust {
template <typename T> using host_vector = std::vector<T>;

// As on a GPU, what is freed after the driver has gone ends the program.
template <typename T> struct device_vector : std::vector<T> {
    using std::vector<T>::vector;
    using std::vector<T>::operator=;
    ~device_vector() { if (ds_driver_gone && this->capacity()) std::abort(); }
};

template <typename T> T* raw_pointer_cast(T* p) { return p; }
}
