// Checkpoints: the complete state of a run in a file, from which the same program resumes with the same numbers.
//
// A new `checkpoint.bin` in the run's folder replaces the previous one atomically, after everything recorded so
// far has reached the disk. A program that finds a checkpoint cuts the recordings to the lengths that they had at
// the checkpoint, and resumes from it. Tapes, reels and bundles are explained in task.h.

#pragma once

#include "glue.h"
#include "task.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace ds {

// The next checkpoint is due `pause` seconds after `saved`.
inline double pause = -1;  // seconds between checkpoints; negative if there are none
inline std::chrono::steady_clock::time_point saved;

constexpr int64_t mark = 0x6473636b32;

[[noreturn]] inline void fail_damaged(const std::string& how) { fail("its checkpoint is damaged: " + how, 71); }

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
    uint64_t value()
    {
        if (filled) mix();
        filled = 0;
        return hash;
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

struct Saver {
    FILE* file;
    Sum sum;
    void bytes(const void* from, size_t count)
    {
        sum.add(from, count);
        if (count && std::fwrite(from, 1, count, file) != count)
            fail("cannot write a checkpoint: is the disk full?");
    }
    void integer(int64_t value) { bytes(&value, 8); }
    void place(FILE* read) { integer(std::ftell(read)); }
    void position(FILE* recorded) { integer(std::ftell(recorded)); }
    template <typename V> void list(const V& v)
    {
        integer(v.size());
        bytes(v.data(), sizeof(v[0])*v.size());
    }
};

struct Restorer {
    Reader reader;
    void bytes(void* to, size_t count) { reader.bytes(to, count); }
    template <typename I> void integer(I& value) { value = (I)reader.integer(); }
    void integer(const int64_t& expected)
    {
        if (reader.integer() != expected) fail_damaged("it belongs to another program");
    }
    void place(FILE* read) { std::fseek(read, reader.integer(), SEEK_SET); }
    void position(FILE* recorded)
    {
        const int64_t end = reader.integer();
        std::fseek(recorded, 0, SEEK_END);
        if (std::ftell(recorded) < end) fail_damaged("a recording is shorter than the checkpoint says");
        if (ftruncate(fileno(recorded), end) || std::fseek(recorded, end, SEEK_SET))
            fail("cannot cut a recording");
    }
    template <typename V> void list(V& v)
    {
        v.resize(reader.integer());
        bytes(v.data(), sizeof(v[0])*v.size());
    }
};

// Visit the whole state in one fixed order, to save it (`Saver`) or to restore it (`Restorer`).
template <typename S> void walk(S& s)
{
    s.integer(mark);
    s.integer(task.step);
    s.integer(task.segment);
    s.integer(task.spikes_left);
    s.integer(task.tables);
    for (int64_t i = 0; i < array_count; i++) s.bytes(arrays[i].data, arrays[i].size*arrays[i].bytes);
    for (const Span& h : hidden) s.bytes(h.data, h.bytes);
    for (Bundle& b : bundles)
    {
        for (auto* list : {&b.values, &b.blank})
            for (Values& v : *list) if (v.wide) s.list(*v.wide); else s.list(*v.narrow);
        for (Queue& q : b.queues)
        {
            int64_t slots = q.slots->size();
            s.integer(*q.offset);
            s.integer(slots);
            q.slots->resize(slots);
            for (auto& slot : *q.slots) s.list(slot);
        }
    }
    for (Tape& t : task.tapes) { s.integer(t.due); s.place(t.plan); s.position(t.file); }
    for (Reel& r : task.reels) { s.position(r.steps); s.position(r.elements); }
}

inline void to_disk(FILE* file)
{
    if (std::fflush(file) || fsync(fileno(file))) fail("cannot write a recording: is the disk full?");
}

inline void save()
{
    const auto begin = std::chrono::steady_clock::now();
    for (Tape& t : task.tapes) to_disk(t.file);
    for (Reel& r : task.reels) { to_disk(r.steps); to_disk(r.elements); }
    const std::string path = task.folder + "/checkpoint.bin", fresh = path + ".new";
    Saver s{open(fresh)};
    walk(s);
    s.integer(s.sum.value());
    to_disk(s.file);
    std::fclose(s.file);
    if (std::rename(fresh.c_str(), path.c_str())) fail("cannot write a checkpoint: is the disk full?");
    const int folder = ::open(task.folder.c_str(), O_RDONLY);
    if (folder >= 0) { fsync(folder); close(folder); }
    // A large state is saved less often, so that saving takes at most a twentieth of the run time.
    saved = std::chrono::steady_clock::now();
    pause = std::max<double>(task.interval, 20*seconds(begin, saved));
}

// Verify the checksum of a checkpoint, before recordings are cut to the lengths given in it.
inline void check(FILE* file)
{
    std::fseek(file, 0, SEEK_END);
    std::vector<char> some(1 << 20);
    Sum sum;
    int64_t left = std::ftell(file) - 8, expected;
    std::rewind(file);
    for (size_t count = 1; left > 0 && count; left -= count)
    {
        count = std::fread(some.data(), 1, std::min<int64_t>(left, some.size()), file);
        sum.add(some.data(), count);
    }
    if (left || std::fread(&expected, 8, 1, file) != 1 || expected != (int64_t)sum.value())
        fail_damaged("its checksum is wrong");
    std::rewind(file);
}

inline void restore()
{
    Restorer s{Reader(task.folder + "/checkpoint.bin")};
    check(s.reader.file);
    walk(s);
    std::fclose(s.reader.file);
}

}  // namespace ds
