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
#include <dirent.h>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace ds {

// The next checkpoint is due `pause` seconds after `saved`.
inline double pause = -1;  // seconds between checkpoints; negative if there are none
inline std::chrono::steady_clock::time_point saved;

constexpr int64_t mark = 0x6473636b33;

// Add the first `count` bytes of a file to a checksum; return how many bytes there were, fewer if the file is
// shorter.
inline int64_t read(FILE* file, int64_t count, Sum& sum)
{
    std::vector<char> some(1 << 20);
    std::rewind(file);
    int64_t left = count;
    while (left > 0)
    {
        const size_t found = std::fread(some.data(), 1, std::min<int64_t>(left, some.size()), file);
        if (!found) break;
        sum.add(some.data(), found);
        left -= found;
    }
    return count - left;
}

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
    void time()
    {
        integer(task.step);
        integer(task.segment);
    }
    void recording(const Recorded& recorded, int64_t)
    {
        integer(recorded.length);
        integer((int64_t)recorded.sum.value());
    }
    void index(int value, int64_t) { integer(value); }
    void indices(const std::vector<int32_t>& v, int64_t)
    {
        integer(v.size());
        bytes(v.data(), sizeof(v[0])*v.size());
    }
    void same(const std::string& text) { bytes(text.data(), text.size()); }
    template <typename V> void list(const V& v) { bytes(v.data(), sizeof(v[0])*v.size()); }
};

struct Restorer {
    Reader reader;
    void bytes(void* to, size_t count) { reader.bytes(to, count); }
    template <typename I> void integer(I& value) { value = (I)reader.integer(); }
    // Read a number that must be at least `least` and at most `most`.
    int64_t between(int64_t least, int64_t most)
    {
        const int64_t value = reader.integer();
        if (value < least || value > most) fail_damaged("its checkpoint is damaged: a number in it is out of range");
        return value;
    }
    // Read the step, and the segment that runs in the step before it.
    void time()
    {
        task.step = between(task.first, task.steps);
        int64_t segments = 0;
        for (const Stretch& s : task.stretches) segments += s.trials*(int64_t)s.offsets.size();
        enter(between(-1, segments - 1));
        if ((task.segment < 0 ? task.step > task.first : task.now.start >= task.step) || (task.next.start >= 0 && task.next.start < task.step))
            fail_damaged("its checkpoint is damaged: its step and its phase do not belong together");
    }
    void integer(const int64_t& expected)
    {
        if (reader.integer() != expected) fail_damaged("its checkpoint is damaged or belongs to another program");
    }
    // Compare a recording, up to its length at the checkpoint, with the checksum; then cut it to that length.
    // `expected` is the length, or -1 if it does not follow from the step.
    void recording(Recorded& recorded, int64_t expected)
    {
        const int64_t end = expected < 0 ? between(0, INT64_MAX) : between(expected, expected);
        FILE* const file = recorded.file;
        if (read(file, end, recorded.sum) < end) fail_damaged("a recording is damaged: it is shorter than the checkpoint says");
        if (reader.integer() != (int64_t)recorded.sum.value()) fail_damaged("a recording is damaged: its checksum differs from that in the checkpoint");
        if (ftruncate(fileno(file), end) || std::fseek(file, end, SEEK_SET)) fail("cannot cut a recording");
        recorded.length = end;
    }
    template <typename I> void index(I& value, int64_t count) { value = (I)between(0, count - 1); }
    void indices(std::vector<int32_t>& v, int64_t count)
    {
        v.resize(between(0, count));  // a group of synapses is at most once in a slot
        list(v);
        for (const int32_t i : v)
            if (i < 0 || i >= count) fail_damaged("its checkpoint is damaged: there are no such synapses");
    }
    template <typename V> void list(V& v) { bytes(v.data(), sizeof(v[0])*v.size()); }
    void same(const std::string& text)
    {
        std::string found(text.size(), 0);
        bytes(found.data(), found.size());
        if (found != text) fail_damaged("its checkpoint belongs to another run");
    }
};

// Visit the whole state in one fixed order, to save it (`Saver`) or to restore it (`Restorer`).
template <typename S> void walk(S& s)
{
    s.integer(mark);
    for (const int64_t& word : layout) s.integer(word);
    s.same(task.seal);
    s.time();
    s.integer(task.spikes_left);
    for (int64_t i = 0; i < array_count - (int64_t)members.size(); i++) s.bytes(arrays[i].data, arrays[i].size*arrays[i].bytes);
    for (const Span& h : hidden) s.bytes(h.data, h.bytes);
    for (Bundle& b : bundles)
    {
        for (const Variable& v : b.variables) s.bytes(v.native().data, v.native().size*v.native().bytes);
        for (Arrivals& queue : b.rows->queues)
        {
            s.index(queue.offset, queue.slots.size());
            const int64_t count = (queue.at_post ? b.rows->by_post : b.rows->by_pre).count()*b.rows->batch;
            for (auto& slot : queue.slots) s.indices(slot, count);
        }
    }
    for (Tape& t : task.tapes) s.recording(t.rows, t.skip_to(task.step)*t.bytes());
    for (Reel& r : task.reels) { s.recording(r.steps, -1); s.recording(r.elements, -1); }
}

inline void to_disk(FILE* file)
{
    if (std::fflush(file) || fsync(fileno(file))) fail("cannot write a recording: is the disk full?");
}

// Flush to disk all files in the run's folder, that folder, and the folders above it. A failure to flush is
// ignored.
inline void sync_folder()
{
    const auto sync = [](const std::string& path) {
        const int file = ::open(path.c_str(), O_RDONLY);
        if (file >= 0) { fsync(file); close(file); }
    };
    if (DIR* entries = opendir(task.folder.c_str()))
    {
        while (const dirent* entry = readdir(entries))
            if (entry->d_name[0] != '.') sync(task.folder + "/" + entry->d_name);
        closedir(entries);
    }
    for (std::string path = task.folder; !path.empty(); path.resize(path.find_last_of('/'))) sync(path);
}

inline void save()
{
    const auto begin = std::chrono::steady_clock::now();
    static bool first = true;
    if (first) sync_folder();
    first = false;
    for (const Recorded* r : recordings()) { r->flush(); to_disk(r->file); }
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
    const int64_t size = std::ftell(file) - 8;
    int64_t expected;
    Sum sum;
    if (size < 0 || read(file, size, sum) < size || std::fread(&expected, 8, 1, file) != 1
        || expected != (int64_t)sum.value())
        fail_damaged("its checkpoint is damaged: the checksum is wrong");
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
