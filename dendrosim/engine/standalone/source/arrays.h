// The arrays of a program, in the order of its manifest. They are defined in a generated source.

#pragma once

#include <cstdint>

namespace ds {

struct Array { void* data; int64_t size; int bytes; };
extern Array arrays[];
extern const int64_t array_count;
extern const int64_t layout[2];  // hash of this list; a task or checkpoint with another is refused

}  // namespace ds
