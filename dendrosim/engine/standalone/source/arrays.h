// Where a program keeps its arrays: generated, in the order of its manifest.

#pragma once

#include <cstdint>

namespace ds {

struct Array { void* data; int64_t size; int bytes; };
extern Array arrays[];
extern const int64_t array_count;

}  // namespace ds
