// The arrays of a program, in the order of its manifest. The definition is generated.

#pragma once

#include <cstdint>

namespace ds {

struct Array { void* data; int64_t size; int bytes; };
extern Array arrays[];
extern const int64_t array_count;

}  // namespace ds
