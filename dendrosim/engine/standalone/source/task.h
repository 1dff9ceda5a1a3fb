// The task of a program: all data that describe one run.
//
// dendrosim/engine/standalone/task_file.py writes the task to the file `task.bin` in the run's folder, in the
// order in which `read_task` reads it. In the same folder, `steps<k>.bin` contains the steps in which recording k
// keeps the state, and `order.bin` the rows of data sets in the order in which trials show them. The back ends cpp
// and cuda share this header. They keep arrays and synapses in different places, so each defines its own
// `read_start`, `read_connections`, `read_delays`, `read_bundles` and `read_flying`.
//
// A fill gives the values of an array during a phase. A tape is the recording of one array, a reel the recording
// of the spikes of one population. A segment is one phase of one trial, and a stretch is all segments of one
// block. A bundle is all synapses of one pathway, and a volley all spikes that are given to a source.

#pragma once

#include "arrays.h"
#include "checksum.h"
#include "reader.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace ds {

// Read the start values of an array. `count` is its size, or 1 if all its elements get the same value.
void read_start(Reader& r, const Array& a, int64_t count);
// Read all synapses, and enter their variables into the list of arrays, where they come last.
void read_bundles(Reader& r);
void read_delays(Reader& r);       // of projections, and the last values of their sources if a run continues another
void read_flying(Reader& r);       // spikes on their way, if a run continues another
void read_connections(Reader& r);  // of sparse matrices, whose arrays get their size by this

struct Matrix { int64_t rows, columns; std::vector<double> values; };
struct Table { Matrix values; double interval; bool linear; };

// A fill is the sum of a constant, rows of data sets, and tables of values over time.
struct Fill {
    int64_t array, repeat;
    std::vector<double> constant;
    std::vector<int64_t> samples;
    std::vector<Table> tables;
};
struct Noise { int64_t array, key; };

// The file of a recording. Whatever else happens to it, new bytes come to its end.
struct Recorded {
    FILE* file = nullptr;
    bool summed = false;  // whether `sum` is kept, because there are checkpoints
    Sum sum{};            // checksum of the file
    int64_t length = 0;   // bytes
    void open(const std::string& name);
    void add(const void* from, int64_t bytes)
    {
        if (summed) sum.add(from, bytes);
        length += bytes;
        if (std::fwrite(from, 1, bytes, file) != (size_t)bytes) fail("cannot write a recording: is the disk full?");
    }
    // Pass all bytes to the system, and make sure that the file has them all.
    void flush() const
    {
        struct stat found;
        if (std::fflush(file) || fstat(fileno(file), &found)) fail("cannot write a recording: is the disk full?");
        if (found.st_size != length) fail("something else has changed a recording of the run; run the protocol anew");
    }
};

struct Tape {
    int64_t array, due;  // the next step in which to record; -1 if there is none
    std::vector<int64_t> pick;
    FILE* plan;
    Recorded rows{};
    void look_ahead() { if (std::fread(&due, 8, 1, plan) != 1) due = -1; }
    // Skip all records before a step, and return the number of records before it.
    int64_t skip_to(int64_t step)
    {
        while (due >= 0 && due < step) look_ahead();
        return std::ftell(plan)/8 - (due >= 0);
    }
    int64_t bytes() const { return arrays[array].bytes*(pick.empty() ? arrays[array].size : (int64_t)pick.size()); }
};

// Steps in which spikes are recorded: see dendrosim/protocol/schedule.py.
struct Window {
    int64_t first, length, every, times;
    bool has(int64_t step) const
    {
        return step >= first && (step - first)/every < times && (step - first) % every < length;
    }
};
struct Reel {
    std::vector<Window> windows;
    std::vector<char> kept;
    Recorded steps{}, elements{};
    bool runs(int64_t step) const
    {
        return std::any_of(windows.begin(), windows.end(), [=](const Window& w) { return w.has(step); });
    }
};

// Spikes of a source, in the order of their steps. Each stands for `repeat` spikes: those of an element and of the
// elements that follow it.
struct Volley {
    std::vector<int64_t> steps;
    std::vector<int32_t> elements;
    int64_t repeat, next = 0;  // `next`: the first spike that is not before the current step
};

// For the fields of segments and stretches, see dendrosim/engine/plan/timeline.py.
struct Segment { int64_t start, phase, row, rows, block_start; };
struct Stretch
{
    int64_t start, cycle, trials, first_phase, row, per_trial, block_start;
    std::vector<int64_t> offsets;
};

struct Task {
    std::string folder, seal;  // `seal`: a hash of all files that do not change during the run
    int64_t threads;
    double dt, interval;  // seconds: time step, and time between checkpoints (negative: no checkpoints)
    int64_t first, steps, time_phase, time_block;  // `first`: the first step; `steps`: the first one after the run
    std::vector<Matrix> data;
    std::vector<Stretch> stretches;
    FILE* order = nullptr;      // rows of the data sets in the order in which they are shown
    std::vector<int32_t> rows;  // the rows of the current trial
    std::vector<std::vector<Fill>> fills;
    std::vector<Tape> tapes;
    std::vector<int64_t> watched, watched_synapses, finals;
    int64_t synapses_every = 1;  // number of steps between two checks of `watched_synapses`
    std::vector<Noise> noises;
    std::vector<Reel> reels;
    std::vector<Volley> volleys;
    int64_t step = 0, segment = -1, spikes_left = 0;
    Segment now{}, next{};  // the segment with index `segment`, and the next segment
    bool broken = false, full = false, tables = false, resumed = false;
    double seconds = 0;  // time that the steps took
    std::chrono::steady_clock::time_point shown;
};
inline Task task;

inline FILE* open(const std::string& path, bool keep = false)
{
    FILE* file = std::fopen(path.c_str(), keep ? "r+b" : "wb");
    if (!file && keep) fail_damaged(path + " is missing");
    if (!file) fail("cannot write " + path);
    return file;
}

inline void Recorded::open(const std::string& name)
{
    file = ds::open(task.folder + "/" + name, task.resumed);
    fcntl(fileno(file), F_SETFL, fcntl(fileno(file), F_GETFL) | O_APPEND);
    summed = task.interval >= 0;
}

inline Matrix read_matrix(Reader& r)
{
    Matrix m;
    m.rows = r.integer();
    m.columns = r.integer();
    m.values.resize(m.rows*m.columns);
    r.bytes(m.values.data(), 8*m.values.size());
    return m;
}

inline Fill read_fill(Reader& r)
{
    Fill f;
    f.array = r.array();
    f.repeat = r.integer();
    f.constant = r.list<double>();
    f.samples = r.list<int64_t>();
    for (int64_t k = r.integer(); k > 0; k--)
    {
        Table t;
        t.interval = r.number();
        t.linear = r.integer() != 0;
        t.values = read_matrix(r);
        f.tables.push_back(t);
    }
    const int64_t units = (int64_t)f.constant.size();
    if (units*f.repeat != arrays[f.array].size) fail("a fill has the wrong size");
    for (int64_t s : f.samples)
    {
        if (s < 0 || s >= (int64_t)task.data.size()) fail("a fill names a data set out of range");
        if (task.data[s].columns < units) fail("a data set has fewer columns than a fill has units");
    }
    for (const Table& t : f.tables)
        if (t.values.columns != 1 && t.values.columns < units) fail("a table has too few columns");
    return f;
}

inline Stretch read_stretch(Reader& r)
{
    Stretch s;
    for (int64_t* field : {&s.start, &s.cycle, &s.trials, &s.first_phase, &s.row, &s.per_trial, &s.block_start}) *field = r.integer();
    s.offsets = r.list<int64_t>();
    return s;
}

// Find a segment by its index; return false if the index is beyond the last segment.
inline bool find(int64_t index, Segment& found)
{
    for (const Stretch& s : task.stretches)
    {
        const int64_t phases = (int64_t)s.offsets.size(), trial = index/phases, phase = index % phases;
        if (index < s.trials*phases)
        {
            found = {s.start + trial*s.cycle + s.offsets[phase], s.first_phase + phase, s.row + trial*s.per_trial, s.per_trial,
                s.block_start};
            return true;
        }
        index -= s.trials*phases;
    }
    return false;
}

// Read the rows that a trial shows.
inline void read_rows(const Segment& now)
{
    task.rows.resize(now.rows);
    if (std::fseek(task.order, 4*now.row, SEEK_SET)
        || (int64_t)std::fread(task.rows.data(), 4, now.rows, task.order) != now.rows)
        fail("the order of rows is truncated");
    if (task.fills.empty()) return;  // back end cuda has moved them to the GPU
    for (const Fill& f : task.fills.at(now.phase))
        for (int64_t s : f.samples)
        {
            if (f.repeat > now.rows) fail("a trial shows too few rows");
            for (int32_t row : task.rows) if (row < 0 || row >= task.data[s].rows) fail("there is no such row");
        }
}

inline void enter(int64_t segment)
{
    task.segment = segment;
    if (segment >= 0)
    {
        if (!find(segment, task.now)) fail("the run has gone on beyond its last phase");
        read_rows(task.now);
    }
    if (!find(segment + 1, task.next)) task.next.start = -1;
}

inline Tape read_tape(Reader& r, const std::string& number)
{
    Tape t;
    t.array = r.array();
    t.pick = r.list<int64_t>();
    for (int64_t i : t.pick)
        if (i < 0 || i >= arrays[t.array].size) fail("a recording picks an element out of range");
    const std::string plan = task.folder + "/steps" + number + ".bin";
    if (!(t.plan = std::fopen(plan.c_str(), "rb"))) fail("cannot open " + plan);
    t.look_ahead();
    t.rows.open("trace" + number + ".bin");
    return t;
}

inline Reel read_reel(Reader& r, const std::string& number)
{
    Reel reel;
    for (int64_t n = r.integer(); n > 0; n--)
    {
        Window w;
        for (int64_t* field : {&w.first, &w.length, &w.every, &w.times}) *field = r.integer();
        if (w.every < 1) fail("a recording of spikes repeats itself every 0 steps");
        reel.windows.push_back(w);
    }
    reel.kept = r.list<char>();
    reel.steps.open("spikes" + number + ".steps.bin");
    reel.elements.open("spikes" + number + ".elements.bin");
    return reel;
}

inline void read_task()
{
    Reader r(task.folder + "/task.bin");
    if (r.integer() != 0x6473696d33) fail("not a task file of this program");
    for (const int64_t word : layout)
        if (r.integer() != word) fail_damaged("its task was written for another program");
    if (FILE* checkpoint = std::fopen((task.folder + "/checkpoint.bin").c_str(), "rb"))
    {
        task.resumed = true;
        std::fclose(checkpoint);
    }
    task.threads = r.integer();
    task.dt = r.number();
    task.interval = r.number();
    task.first = task.step = r.integer();
    task.steps = r.integer();
    task.time_phase = r.array();
    task.time_block = r.array();
    read_connections(r);
    read_delays(r);
    for (int64_t n = r.integer(); n > 0; n--)
    {
        const Array& a = arrays[r.array()];
        const int64_t count = r.integer();
        if (count != a.size && count != 1) fail("the task has a start value of the wrong size");
        read_start(r, a, count);
    }
    for (int64_t n = r.integer(); n > 0; n--) task.data.push_back(read_matrix(r));
    for (int64_t n = r.integer(); n > 0; n--) task.stretches.push_back(read_stretch(r));
    const std::string order = task.folder + "/order.bin";
    if (!(task.order = std::fopen(order.c_str(), "rb"))) fail("cannot open " + order);
    for (int64_t n = r.integer(); n > 0; n--)
    {
        std::vector<Fill> fills;
        for (int64_t m = r.integer(); m > 0; m--) fills.push_back(read_fill(r));
        task.fills.push_back(fills);
    }
    enter(-1);
    read_bundles(r);
    read_flying(r);
    for (int64_t n = r.integer(), k = 0; k < n; k++) task.tapes.push_back(read_tape(r, std::to_string(k)));
    task.watched = r.arrays();
    if ((task.synapses_every = r.integer()) < 1) fail("the task checks synapses every 0 steps");
    task.watched_synapses = r.arrays();
    task.finals = r.arrays();
    for (int64_t n = r.integer(); n > 0; n--)
    {
        const int64_t array = r.array();
        task.noises.push_back({array, r.integer()});
    }
    task.spikes_left = r.integer();
    for (int64_t n = r.integer(), k = 0; k < n; k++) task.reels.push_back(read_reel(r, std::to_string(k)));
    for (int64_t n = r.integer(); n > 0; n--)
    {
        Volley v;
        v.steps = r.list<int64_t>();
        v.elements = r.list<int32_t>();
        v.repeat = r.integer();
        if (v.steps.size() != v.elements.size()) fail("the task has given spikes without steps");
        task.volleys.push_back(std::move(v));
    }
    r.end();
}

inline double seconds(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to)
{
    return std::chrono::duration<double>(to - from).count();
}

// Report the current step and segment, at most five times a second unless `always` is true.
inline void tell(bool always)
{
    const auto now = std::chrono::steady_clock::now();
    if (!always && now - task.shown < std::chrono::milliseconds(200)) return;
    task.shown = now;
    std::printf("P %lld %lld\n", (long long)task.step, (long long)task.segment);
    std::fflush(stdout);
}

inline std::vector<Recorded*> recordings()
{
    std::vector<Recorded*> all;
    for (Tape& t : task.tapes) all.push_back(&t.rows);
    for (Reel& r : task.reels) all.insert(all.end(), {&r.steps, &r.elements});
    return all;
}

// Close the recordings, write the final state, and return the exit code: 0 done, 3 non-finite, 4 interrupted, 5
// too many spikes. `bytes` returns a pointer to the bytes of an array; it may copy them into the given space.
template <typename F> int conclude(const F& bytes)
{
    bool good = true;
    for (const Recorded* r : recordings())
    {
        r->flush();
        good &= std::fclose(r->file) == 0;
    }
    FILE* file = std::fopen((task.folder + "/final.bin").c_str(), "wb");
    if (!file) fail("cannot write the final state");
    std::vector<char> space;
    for (int64_t id : task.finals)
    {
        const Array& a = arrays[id];
        good &= std::fwrite(bytes(a, space), a.bytes, a.size, file) == (size_t)a.size;
    }
    good &= std::fclose(file) == 0;
    if (!good) fail("cannot write the results: is the disk full?");
    tell(true);
    std::printf("T %.9f\n", task.seconds);
    return task.broken ? 3 : task.full ? 5 : task.step < task.steps ? 4 : 0;
}

}  // namespace ds
