// The task on the GPU: the values of arrays in each phase (fills), recordings, spikes and synapses.

#pragma once

#include "device.cuh"

namespace ds {

struct DeviceMatrix { int64_t rows, columns; const double* values; };
struct DeviceTable { DeviceMatrix values; double interval; bool linear; };

// The samples and tables of a fill are ranges in lists that all fills share.
struct DeviceFill {
    void* target;
    int bytes;
    int64_t units, repeat;
    const double* constant;
    int64_t first_sample, samples, first_table, tables;
};
struct Fills { const DeviceFill* list; int64_t count, largest; };  // the fills of one phase
struct DeviceNoise { int64_t* target; int64_t key; };

// Rows of a recording stay in a buffer on the GPU until it is full.
struct Rows { const int64_t* pick; int64_t row, capacity, waiting; char* buffer; };

// Recorded spikes stay in a buffer on the GPU until it could overflow.
struct Spike { int64_t step; int64_t element; };
struct Catch {
    const char* kept;
    int64_t capacity, most;  // size of the buffer; upper bound of the number of spikes in it
    Spike* buffer;
    unsigned long long* count;
};

struct Device {
    const int32_t* order;
    const int64_t* samples;
    const DeviceMatrix* data;
    const DeviceTable* tables;
    std::vector<Fills> fills, moving;  // for each phase of a block: all fills, and the fills with tables
    std::vector<Rows> rows;            // for each recording of a state
    std::vector<Catch> catches;        // for each recording of spikes
    const DeviceNoise* noises;
    int* bad;
};
inline Device gpu;

// A vector in which Brian2CUDA keeps one number per synapse, in double precision (`wide`) or single (`narrow`).
struct Values {
    thrust::device_vector<double>* wide;
    thrust::device_vector<float>* narrow;
    Values(thrust::device_vector<double>* v) : wide(v), narrow(nullptr) {}
    Values(thrust::device_vector<float>* v) : wide(nullptr), narrow(v) {}
    void set(const std::vector<double>& v)
    {
        if (wide) *wide = v; else *narrow = std::vector<float>(v.begin(), v.end());
    }
    Array array() const
    {
        return wide ? Array{thrust::raw_pointer_cast(wide->data()), (int64_t)wide->size(), 8}
            : Array{thrust::raw_pointer_cast(narrow->data()), (int64_t)narrow->size(), 4};
    }
    void leave() const;
};

// The synapses of a pathway: the vectors in which Brian2CUDA keeps them, and the function `prepare`, which
// initialises their ring buffer. `current` are the present values of event-driven states, which `evaluate` computes if
// they are read.
struct Bundle {
    thrust::device_vector<int32_t>*pre, *post;
    int32_t* count;
    std::vector<Values> values;
    void (*prepare)(const Bundle&);
    std::vector<int32_t> sources, targets;
    std::vector<double> delays;
    std::vector<Values> current;
    void (*evaluate)();
};
inline std::vector<Bundle> bundles;  // filled by the generated function `start`

// The vectors of Brian2CUDA are global, so their destructors run after the driver has shut down; freeing then
// fails, and thrust aborts the program. Therefore their memory is left to the driver at every exit.
template <typename T> void leave(thrust::device_vector<T>& v) { v.swap(*new thrust::device_vector<T>); }
inline void Values::leave() const { if (wide) ds::leave(*wide); else ds::leave(*narrow); }
inline void leave_bundles()
{
    for (Bundle& b : bundles)
    {
        leave(*b.pre);
        leave(*b.post);
        for (const Values& v : b.values) v.leave();
        for (const Values& v : b.current) v.leave();
    }
}

inline void read_start(Reader& r, const Array& a, int64_t count)
{
    std::vector<char> raw(a.size*a.bytes);
    r.bytes(raw.data(), count*a.bytes);
    for (int64_t i = count; i < a.size; i++) std::memcpy(raw.data() + i*a.bytes, raw.data(), a.bytes);
    DS_CUDA(cudaMemcpy(a.data, raw.data(), raw.size(), cudaMemcpyHostToDevice));
}

inline void read_connections(Reader& r)
{
    if (r.integer()) fail("the task has sparse matrices");
}

inline void read_delays(Reader& r)
{
    if (r.integer()) fail("the task has projections with a delay");
}

inline void read_flying(Reader& r)
{
    for (size_t b = 0; b < bundles.size(); b++)
        for (int64_t queues = r.integer(); queues > 0; queues--)
            if (r.integer()) fail("the task continues another run");
}

inline void read_bundles(Reader& r)
{
    if (r.integer() != (int64_t)bundles.size()) fail("the task has synapses of other pathways");
    // In the list of arrays, present values come last, and before them the variables of all synapses.
    int64_t now = array_count;
    for (const Bundle& b : bundles) now -= b.current.size();
    int64_t id = now;
    for (const Bundle& b : bundles) id -= b.values.size();
    for (Bundle& b : bundles)
    {
        b.sources = r.list<int32_t>();
        b.targets = r.list<int32_t>();
        b.delays = r.list<double>();
        if (r.list<double>() != std::vector<double>{0.0}) fail("the task has delays of postsynaptic spikes");
        if (b.sources.size() != b.targets.size()) fail("the task has synapses without partners");
        if (b.delays.size() != 1 && b.delays.size() != b.sources.size()) fail("the task has too few delays");
        *b.pre = b.sources;
        *b.post = b.targets;
        *b.count = (int32_t)b.sources.size();
        for (Values& v : b.values)
        {
            std::vector<double> start = r.list<double>();
            start.resize(b.sources.size());  // an empty list stands for zeros
            v.set(start);
            arrays[id++] = v.array();
        }
        for (Values& v : b.current)
        {
            v.set(std::vector<double>(b.sources.size()));
            arrays[now++] = v.array();
        }
    }
}

inline DeviceMatrix uploaded(const Matrix& m) { return {m.rows, m.columns, upload(m.values)}; }

inline Fills uploaded(const std::vector<DeviceFill>& fills)
{
    Fills f{upload(fills), (int64_t)fills.size(), 0};
    for (const DeviceFill& one : fills) f.largest = std::max(f.largest, one.units*one.repeat);
    return f;
}

inline void upload_fills()
{
    std::vector<int64_t> samples;
    std::vector<DeviceTable> tables;
    for (const std::vector<Fill>& phase : task.fills)
    {
        std::vector<DeviceFill> fills, moving;
        for (const Fill& f : phase)
        {
            const Array& a = arrays[f.array];
            fills.push_back({a.data, a.bytes, (int64_t)f.constant.size(), f.repeat, upload(f.constant),
                (int64_t)samples.size(), (int64_t)f.samples.size(), (int64_t)tables.size(),
                (int64_t)f.tables.size()});
            if (!f.tables.empty()) moving.push_back(fills.back());
            samples.insert(samples.end(), f.samples.begin(), f.samples.end());
            for (const Table& t : f.tables) tables.push_back({uploaded(t.values), t.interval, t.linear});
        }
        gpu.fills.push_back(uploaded(fills));
        gpu.moving.push_back(uploaded(moving));
    }
    gpu.samples = upload(samples);
    gpu.tables = upload(tables);
    task.fills.clear();
}

inline int64_t rows_of(const Tape& t)
{
    const long here = std::ftell(t.plan);
    std::fseek(t.plan, 0, SEEK_END);
    const int64_t rows = std::ftell(t.plan)/8;
    std::fseek(t.plan, here, SEEK_SET);
    return rows;
}

// Read the rows that all trials show. They are copied to the GPU before the first step, so that no step has to
// copy rows.
inline std::vector<int32_t> whole_order()
{
    std::fseek(task.order, 0, SEEK_END);
    std::vector<int32_t> rows(std::ftell(task.order)/4);
    std::rewind(task.order);
    if (std::fread(rows.data(), 4, rows.size(), task.order) != rows.size()) fail("the order of rows cannot be read");
    return rows;
}

inline void load()
{
    read_task();
    std::vector<DeviceMatrix> data;
    for (const Matrix& m : task.data) data.push_back(uploaded(m));
    gpu.data = upload(data);
    gpu.order = upload(whole_order());
    for (Matrix& m : task.data) std::vector<double>().swap(m.values);
    upload_fills();
    const int64_t most = (int64_t)32 << 20;  // largest size of a recording's buffer, in bytes
    for (const Tape& t : task.tapes)
    {
        const Array& a = arrays[t.array];
        Rows rows{t.pick.empty() ? nullptr : upload(t.pick), t.pick.empty() ? a.size : (int64_t)t.pick.size()};
        rows.capacity = std::max<int64_t>(1, std::min<int64_t>(rows_of(t), most/std::max<int64_t>(1, rows.row*a.bytes)));
        rows.buffer = device<char>(rows.capacity*rows.row*a.bytes);
        gpu.rows.push_back(rows);
    }
    std::vector<DeviceNoise> noises;
    for (const Noise& n : task.noises) noises.push_back({(int64_t*)arrays[n.array].data, n.key});
    gpu.noises = upload(noises);
    for (const Reel& r : task.reels)
    {
        Catch c{r.kept.empty() ? nullptr : upload(r.kept)};
        c.count = upload(std::vector<unsigned long long>{0});
        gpu.catches.push_back(c);
    }
    gpu.bad = upload(std::vector<int>{0});
}

}  // namespace ds
