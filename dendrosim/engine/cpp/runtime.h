// What every generated program shares: random numbers, and the loop over a task that is data.
//
// A program is generated once per circuit structure; numbers, inputs, phases, seeds and run length reach it
// in the file `task.bin` of the run's folder (written by dendrosim/engine/cpp/task.py in this order).
// It writes `trace<k>.bin` and `final.bin` there, progress to standard output, and leaves the rest to Python.

#pragma once

#include "dense.h"
#include "random.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

extern "C" void scipy_openblas_set_num_threads(int);

namespace ds {

[[noreturn]] inline void fail(const std::string& what)
{
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(70);
}

// ---------------------------------------------------------------------------------------------------
// The task.

struct Array { void* data; int64_t size; int bytes; };
extern Array arrays[];  // generated, in the order of the program's manifest
extern const int64_t array_count;
void start();           // generated: names the arrays, then loads the task
void loop();            // generated: runs the network for as many steps as the task says

inline void store(const Array& a, int64_t i, double value)
{
    if (a.bytes == 4) ((float*)a.data)[i] = (float)value; else ((double*)a.data)[i] = value;
}

inline bool finite(const Array& a)
{
    return a.bytes == 4 ? Finite<float>::all((const float*)a.data, a.size)
        : Finite<double>::all((const double*)a.data, a.size);
}

struct Reader {
    FILE* file;
    explicit Reader(const std::string& path) : file(std::fopen(path.c_str(), "rb"))
    {
        if (!file) fail("cannot open " + path);
    }
    void bytes(void* to, size_t count)
    {
        if (count && std::fread(to, 1, count, file) != count) fail("the task file is truncated");
    }
    int64_t integer() { int64_t v; bytes(&v, 8); return v; }
    double number() { double v; bytes(&v, 8); return v; }
    template <typename T> std::vector<T> list()
    {
        std::vector<T> v(integer());
        bytes(v.data(), sizeof(T)*v.size());
        return v;
    }
    void end()
    {
        if (std::fgetc(file) != EOF) fail("the task file is too long");
        std::fclose(file);
    }
};

struct Matrix { int64_t rows, columns; std::vector<double> values; };
struct Table { Matrix values; double interval; bool linear; };
struct Fill { int64_t array; int64_t repeat; std::vector<double> constant; std::vector<int64_t> samples;
    std::vector<Table> tables; };
struct Tape { int64_t array; std::vector<int64_t> steps, pick; FILE* file; size_t next; std::vector<char> row; };

struct Noise { int64_t array, key; };
struct Reel { std::vector<int64_t> windows; std::vector<char> kept; FILE *steps, *elements; size_t next; };

// The synapses of a pathway: where Brian2 keeps them, and how its queues are told of them.
struct Values {
    std::vector<double>* wide;
    std::vector<float>* narrow;
    Values(std::vector<double>* v) : wide(v), narrow(nullptr) {}
    Values(std::vector<float>* v) : wide(nullptr), narrow(v) {}
    void set(const std::vector<double>& v)
    {
        if (wide) wide->assign(v.begin(), v.end()); else narrow->assign(v.begin(), v.end());
    }
};
struct Bundle {
    std::vector<int32_t>*pre, *post;
    int32_t* count;
    std::vector<Values> values, blank;
    void (*prepare)(Bundle&);
    std::vector<double> delays;
};
inline std::vector<Bundle> bundles;  // filled by the generated `start`

struct Task {
    std::string folder;
    double dt;
    int64_t steps, time_phase, time_block;
    std::vector<Matrix> data;
    std::vector<int64_t> starts, kinds, rows, block_starts, order;
    std::vector<std::vector<Fill>> fills;
    std::vector<Tape> tapes;
    std::vector<int64_t> watched, watched_rarely, finals;
    std::vector<Noise> noises;
    std::vector<Reel> reels;
    int64_t step = 0, segment = -1, spikes_left = 0;
    bool broken = false, full = false, tables = false;
    std::chrono::steady_clock::time_point shown;
    double seconds = 0;  // that the steps took
};
inline Task task;

inline Matrix read_matrix(Reader& r)
{
    Matrix m;
    m.rows = r.integer();
    m.columns = r.integer();
    m.values.resize(m.rows*m.columns);
    r.bytes(m.values.data(), 8*m.values.size());
    return m;
}

inline Array& array_at(int64_t id)
{
    if (id < 0 || id >= array_count) fail("the task names an array that the program does not have");
    return arrays[id];
}

// Those of the arrays that do not find out by themselves that they are no longer finite.
inline std::vector<int64_t> watched(std::vector<int64_t> ids)
{
    const auto patient = [](int64_t id) {
        const void* data = array_at(id).data;
        return std::any_of(patients.begin(), patients.end(), [=](Patient* p) { return p->values() == data; });
    };
    ids.erase(std::remove_if(ids.begin(), ids.end(), patient), ids.end());
    return ids;
}

inline FILE* open(const std::string& path)
{
    FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) fail("cannot write " + path);
    return file;
}

inline void load()
{
    const std::string& folder = task.folder;
    Reader r(folder + "/task.bin");
    if (r.integer() != 0x6473696d31) fail("not a task file of this program");
    use_threads((int)r.integer());
    scipy_openblas_set_num_threads((int)r.integer());
    task.dt = r.number();
    task.steps = r.integer();
    task.time_phase = r.integer();
    task.time_block = r.integer();
    for (int64_t n = r.integer(); n > 0; n--)
    {
        const Array& a = array_at(r.integer());
        const int64_t count = r.integer();
        if (count != a.size && count != 1) fail("the task has a start value of the wrong size");
        std::vector<char> raw(count*a.bytes);
        r.bytes(raw.data(), raw.size());
        for (int64_t i = 0; i < a.size; i++)
            std::memcpy((char*)a.data + i*a.bytes, raw.data() + (count == 1 ? 0 : i)*a.bytes, a.bytes);
    }
    for (int64_t n = r.integer(); n > 0; n--) task.data.push_back(read_matrix(r));
    task.starts = r.list<int64_t>();
    task.kinds = r.list<int64_t>();
    task.rows = r.list<int64_t>();
    task.block_starts = r.list<int64_t>();
    task.order = r.list<int64_t>();
    for (int64_t n = r.integer(); n > 0; n--)
    {
        std::vector<Fill> fills;
        for (int64_t m = r.integer(); m > 0; m--)
        {
            Fill f;
            f.array = r.integer();
            array_at(f.array);
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
            for (int64_t s : f.samples)
                if (s < 0 || s >= (int64_t)task.data.size()) fail("a fill names a data set out of range");
            if ((int64_t)f.constant.size()*f.repeat != arrays[f.array].size) fail("a fill has the wrong size");
            fills.push_back(f);
        }
        task.fills.push_back(fills);
    }
    for (size_t i = 0; i < task.starts.size(); i++)
        for (const Fill& f : task.fills.at(task.kinds.at(i)))
            for (int64_t s : f.samples)
                for (int64_t b = 0; b < f.repeat; b++)
                {
                    const int64_t row = task.order.at(task.rows[i] + b);
                    if (row < 0 || row >= task.data[s].rows) fail("a trial shows a row out of range");
                }
    for (int64_t n = r.integer(), k = 0; k < n; k++)
    {
        Tape t;
        t.array = r.integer();
        const Array& a = array_at(t.array);
        t.steps = r.list<int64_t>();
        t.pick = r.list<int64_t>();
        for (int64_t i : t.pick) if (i < 0 || i >= a.size) fail("a recording picks an element out of range");
        t.file = open(folder + "/trace" + std::to_string(k) + ".bin");
        t.next = 0;
        t.row.resize(t.pick.size()*a.bytes);
        task.tapes.push_back(t);
    }
    task.watched = watched(r.list<int64_t>());
    task.watched_rarely = watched(r.list<int64_t>());
    task.finals = r.list<int64_t>();
    for (int64_t n = r.integer(); n > 0; n--)
    {
        Noise noise;
        noise.array = r.integer();
        array_at(noise.array);
        noise.key = r.integer();
        task.noises.push_back(noise);
    }
    if (r.integer() != (int64_t)bundles.size()) fail("the task has synapses of other pathways");
    for (Bundle& b : bundles)
    {
        *b.pre = r.list<int32_t>();
        *b.post = r.list<int32_t>();
        *b.count = (int32_t)b.pre->size();
        b.delays = r.list<double>();
        for (Values& v : b.values) v.set(r.list<double>());
        for (Values& v : b.blank) v.set(std::vector<double>(b.pre->size()));
    }
    task.spikes_left = r.integer();
    for (int64_t n = r.integer(), k = 0; k < n; k++)
    {
        Reel reel;
        reel.windows = r.list<int64_t>();
        reel.kept = r.list<char>();
        reel.next = 0;
        reel.steps = open(folder + "/spikes" + std::to_string(k) + ".steps.bin");
        reel.elements = open(folder + "/spikes" + std::to_string(k) + ".elements.bin");
        task.reels.push_back(reel);
    }
    r.end();
}

// ---------------------------------------------------------------------------------------------------
// What runs in every step.

inline double look_up(const Table& t, double position, int64_t unit)
{
    const int64_t column = t.values.columns == 1 ? 0 : unit, last = t.values.rows - 1;
    int64_t index = (int64_t)(position + 1e-9);
    if (index > last) index = last;
    const double here = t.values.values[index*t.values.columns + column];
    if (!t.linear || index == last) return here;
    return here + (position - index)*(t.values.values[(index + 1)*t.values.columns + column] - here);
}

inline void fill(const Fill& f)
{
    const Array& a = arrays[f.array];
    const int64_t units = f.constant.size();
    const int64_t* rows = task.order.data() + task.rows[task.segment];
    const double elapsed = (task.step - task.starts[task.segment])*task.dt;
    for (int64_t u = 0; u < units; u++)
        for (int64_t b = 0; b < f.repeat; b++)
        {
            double value = f.constant[u];
            for (int64_t s : f.samples) value += task.data[s].values[rows[b]*task.data[s].columns + u];
            for (const Table& t : f.tables) value += look_up(t, elapsed/t.interval, u);
            store(a, u*f.repeat + b, value);
        }
    flat(a.data) = a.bytes == 4 ? same((const float*)a.data, a.size) : same((const double*)a.data, a.size);
}

inline void tell(bool always)
{
    const auto now = std::chrono::steady_clock::now();
    if (!always && now - task.shown < std::chrono::milliseconds(200)) return;
    task.shown = now;
    std::printf("P %lld %lld\n", (long long)task.step, (long long)task.segment);
    std::fflush(stdout);
}

inline void feed()
{
    const size_t next = task.segment + 1;
    if (next < task.starts.size() && task.starts[next] == task.step)
    {
        task.segment = next;
        task.tables = false;
        for (const Fill& f : task.fills[task.kinds[next]])
        {
            fill(f);
            task.tables |= !f.tables.empty();
        }
    }
    else if (task.tables)
    {
        for (const Fill& f : task.fills[task.kinds[task.segment]]) if (!f.tables.empty()) fill(f);
    }
    for (const Noise& n : task.noises)
        *(int64_t*)arrays[n.array].data = (int64_t)bits(n.key, task.step);
    store(arrays[task.time_phase], 0, (task.step - task.starts[task.segment])*task.dt);
    store(arrays[task.time_block], 0, (task.step - task.block_starts[task.segment])*task.dt);
    if (task.step % 16 == 0) tell(false);
}

// Whether `record` will look at arrays.
inline bool due()
{
    return !patients.empty() || std::any_of(task.tapes.begin(), task.tapes.end(), [](const Tape& t) {
        return t.next < t.steps.size() && t.steps[t.next] == task.step;
    });
}

inline void record()
{
    settle();
    if (diverged) return;
    for (Tape& t : task.tapes)
    {
        if (t.next >= t.steps.size() || t.steps[t.next] != task.step) continue;
        t.next++;
        const Array& a = arrays[t.array];
        const void* row = a.data;
        size_t bytes = a.size*a.bytes;
        if (!t.pick.empty())
        {
            for (size_t i = 0; i < t.pick.size(); i++)
                std::memcpy(t.row.data() + i*a.bytes, (const char*)a.data + t.pick[i]*a.bytes, a.bytes);
            row = t.row.data();
            bytes = t.row.size();
        }
        if (std::fwrite(row, 1, bytes, t.file) != bytes) fail("cannot write a recording: is the disk full?");
    }
}

// Keep the spikes of this step; returns whether there are more than may be kept.
inline bool keep(size_t index, const int32_t* events, int64_t count)
{
    Reel& reel = task.reels[index];
    while (reel.next < reel.windows.size() && reel.windows[reel.next + 1] <= task.step) reel.next += 2;
    if (!count || reel.next >= reel.windows.size() || reel.windows[reel.next] > task.step) return false;
    static std::vector<int32_t> fired;
    static std::vector<int64_t> steps;
    fired.clear();
    for (int64_t i = 0; i < count; i++)
        if (reel.kept.empty() || reel.kept[events[i]]) fired.push_back(events[i]);
    if ((int64_t)fired.size() > task.spikes_left) return task.full = true;
    task.spikes_left -= fired.size();
    steps.assign(fired.size(), task.step);
    if (std::fwrite(fired.data(), 4, fired.size(), reel.elements) != fired.size()
        || std::fwrite(steps.data(), 8, steps.size(), reel.steps) != steps.size())
        fail("cannot write spikes: is the disk full?");
    return false;
}

// Returns whether to stop.
inline bool guard()
{
    task.step++;
    for (int64_t id : task.watched) if (!finite(arrays[id])) task.broken = true;
    if (task.step % 100 == 0 || task.step == task.steps)
        for (int64_t id : task.watched_rarely) if (!finite(arrays[id])) task.broken = true;
    return task.broken;
}

// Write what is left and return the exit code: 0 done, 3 non-finite, 4 interrupted, 5 too many spikes.
inline int finish()
{
    flush();
    settle();
    task.broken |= diverged;
    bool good = true;
    for (Tape& t : task.tapes) good &= std::fclose(t.file) == 0;
    for (Reel& r : task.reels) good &= std::fclose(r.steps) == 0 && std::fclose(r.elements) == 0;
    FILE* file = std::fopen((task.folder + "/final.bin").c_str(), "wb");
    if (!file) fail("cannot write the final state");
    for (int64_t id : task.finals)
        good &= std::fwrite(arrays[id].data, arrays[id].bytes, arrays[id].size, file) == (size_t)arrays[id].size;
    good &= std::fclose(file) == 0;
    if (!good) fail("cannot write the results: is the disk full?");
    tell(true);
    std::printf("T %.9f\n", task.seconds);
    return task.broken ? 3 : task.full ? 5 : task.step < task.steps ? 4 : 0;
}

}  // namespace ds
