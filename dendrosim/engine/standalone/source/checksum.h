// The checksum of checkpoints and recordings.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ds {

// A checksum like FNV-1a (Fowler, Noll, Vo), computed from words of 8 bytes instead of single bytes for speed.
class Sum {
public:
    void add(const void* from, size_t count)
    {
        for (const char* p = (const char*)from; count;)
        {
            const size_t some = std::min(8 - filled, count);
            std::memcpy((char*)&word + filled, p, some);
            filled = (filled + some) % 8;
            if (!filled) mix();
            p += some;
            count -= some;
        }
    }
    uint64_t value() const
    {
        Sum whole = *this;
        if (whole.filled) whole.mix();
        return whole.hash;
    }

private:
    uint64_t hash = 0xcbf29ce484222325ull, word = 0;
    size_t filled = 0;
    void mix()
    {
        hash = (hash ^ word)*0x100000001b3ull;
        hash ^= hash >> 32;
        word = 0;
    }
};

}  // namespace ds
