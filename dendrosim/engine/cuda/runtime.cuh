// What every generated program for the GPU shares: the dense products, spikes with delays, and the loop over a
// task that is data.
//
// The task file and what is left of a run are those of dendrosim/engine/cpp/runtime.h. All work is enqueued on the
// default stream; the host waits only to fetch recordings and spikes, a buffer at a time, and to look for
// non-finite numbers, every hundred steps. Whatever fails names the call and ends the program with code 70.

#pragma once

#include "random.cuh"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <thrust/device_vector.h>

#define DS_CUDA(call) ds::check((call), #call)
#define DS_LAUNCHED(kernel) ds::check(cudaGetLastError(), "launch of " kernel)

namespace ds {

[[noreturn]] inline void fail(const std::string& what)
{
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(70);
}

inline void check(cudaError_t status, const char* call)
{
    if (status == cudaErrorMemoryAllocation) fail(std::string("this needs more memory than the GPU has: ") + call);
    if (status != cudaSuccess) fail(std::string(call) + ": " + cudaGetErrorString(status));
}

inline void check(cublasStatus_t status, const char* call)
{
    if (status != CUBLAS_STATUS_SUCCESS) fail(std::string(call) + ": " + cublasGetStatusString(status));
}

constexpr int threads = 256;

// Blocks for a kernel that strides over `count` elements by the size of its grid.
inline unsigned blocks(int64_t count)
{
    return (unsigned)std::max<int64_t>(1, std::min<int64_t>((count + threads - 1)/threads, 1 << 20));
}

#define DS_EACH(i, count)                                                        \
    for (int64_t i = (int64_t)blockIdx.x*blockDim.x + threadIdx.x; i < (count);  \
         i += (int64_t)gridDim.x*blockDim.x)

template <typename T> T* device(int64_t count)
{
    T* data = nullptr;
    DS_CUDA(cudaMalloc((void**)&data, sizeof(T)*std::max<int64_t>(count, 1)));
    return data;
}

template <typename T> T* upload(const std::vector<T>& values)
{
    T* data = device<T>((int64_t)values.size());
    DS_CUDA(cudaMemcpy(data, values.data(), sizeof(T)*values.size(), cudaMemcpyHostToDevice));
    return data;
}

// ---------------------------------------------------------------------------------------------------
// Dense products. Activities are units x samples, row-major; matrices post x pre, row-major. cuBLAS reads columns,
// so it sees the transpose of each: activities as samples x units, matrices as pre x post.

inline cublasHandle_t blas = nullptr;

template <typename T> struct Blas;
template <> struct Blas<double> {
    static constexpr auto gemm = cublasDgemm;
    static constexpr auto gemv = cublasDgemv;
    static constexpr auto ger = cublasDger;
};
template <> struct Blas<float> {
    static constexpr auto gemm = cublasSgemm;
    static constexpr auto gemv = cublasSgemv;
    static constexpr auto ger = cublasSger;
};

// y = W x or y += W x, with the transpose of W if asked; W is rows x columns as stored.
template <typename T>
void product(bool transpose, int rows, int columns, int batch, const T* w, const T* x, T* y, bool add)
{
    const T one = 1, beta = add ? 1 : 0;
    if (batch == 1)
        check(Blas<T>::gemv(blas, transpose ? CUBLAS_OP_N : CUBLAS_OP_T, columns, rows, &one, w, columns, x, 1,
            &beta, y, 1), "cublas gemv of a projection");
    else
        check(Blas<T>::gemm(blas, CUBLAS_OP_N, transpose ? CUBLAS_OP_T : CUBLAS_OP_N, batch,
            transpose ? columns : rows, transpose ? rows : columns, &one, x, batch, w, columns, &beta, y, batch),
            "cublas gemm of a projection");
}

// w = alpha post pre^T or w += alpha post pre^T, summed over the batch.
template <typename T>
void outer(int rows, int columns, int batch, T alpha, const T* post, const T* pre, bool add, T* w)
{
    const T beta = add ? 1 : 0;
    if (batch == 1)
    {
        if (!add) DS_CUDA(cudaMemsetAsync(w, 0, sizeof(T)*(size_t)rows*columns));
        check(Blas<T>::ger(blas, columns, rows, &alpha, pre, 1, post, 1, w, columns), "cublas ger of a plasticity");
    }
    else
        check(Blas<T>::gemm(blas, CUBLAS_OP_T, CUBLAS_OP_N, columns, rows, batch, &alpha, pre, batch, post, batch,
            &beta, w, columns), "cublas gemm of a plasticity");
}

template <typename T> __global__ void set_decay(T dt, T alpha, const T* decay, T* values)
{
    values[0] = alpha;
    values[1] = 1 + dt*decay[0];
}

template <typename T> __global__ void scale_by(int64_t count, const T* factor, T* w)
{
    const T f = factor[0];
    DS_EACH(i, count) w[i] *= f;
}

// A decay of weights whose coefficient is known on the GPU only.
template <typename T> class Decay {
public:
    void refresh(T dt, T alpha, const T* decay)
    {
        if (!values) values = device<T>(2);
        set_decay<T><<<1, 1>>>(dt, alpha, decay, values);
        DS_LAUNCHED("set_decay");
    }

    void scale(int64_t count, T* w) const
    {
        scale_by<T><<<blocks(count), threads>>>(count, values + 1, w);
        DS_LAUNCHED("scale_by");
    }

    // w = keep w + alpha post pre^T
    void outer(int rows, int columns, int batch, T alpha, const T* post, const T* pre, T* w) const
    {
        if (batch == 1)
        {
            scale((int64_t)rows*columns, w);
            ds::outer<T>(rows, columns, batch, alpha, post, pre, true, w);
            return;
        }
        check(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_DEVICE), "cublasSetPointerMode");
        check(Blas<T>::gemm(blas, CUBLAS_OP_T, CUBLAS_OP_N, columns, rows, batch, values, pre, batch, post, batch,
            values + 1, w, columns), "cublas gemm of a plasticity with decay");
        check(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_HOST), "cublasSetPointerMode");
    }

private:
    T* values = nullptr;  // alpha, and the factor that keeps a weight
};

template <typename T> __global__ void compare(int64_t count, const T* now, const T* before, int* changed)
{
    DS_EACH(i, count) if (!(now[i] == before[i])) *changed = 1;
}

template <typename T> __global__ void take(int64_t count, const T* now, T* before, double* w)
{
    DS_EACH(i, count)
    {
        before[i] = now[i];
        w[i] = (double)now[i];
    }
}

template <typename T> __global__ void give(int64_t count, const double* q, const int* singular, T* inverse)
{
    const bool good = singular[0] == 0 && singular[1] == 0;
    DS_EACH(i, count) inverse[i] = good ? (T)q[i] : (T)nan("");
}

// The inverse of a square matrix, made anew only where the matrix has changed. In double precision also for
// floats: it is the inverse of the numbers as they are stored. To learn whether the matrix has changed, the host
// waits: an inversion that is not needed would take far longer.
template <typename T> class Inverse {
public:
    explicit Inverse(int n) : n(n), count((int64_t)n*n) {}

    void refresh(const T* of, T* inverse)
    {
        if (!before)
            allocate();
        else
        {
            int changed = 0;
            DS_CUDA(cudaMemsetAsync(state, 0, sizeof(int)));
            compare<T><<<blocks(count), threads>>>(count, of, before, state);
            DS_LAUNCHED("compare");
            DS_CUDA(cudaMemcpy(&changed, state, sizeof(int), cudaMemcpyDeviceToHost));
            if (!changed) return;
        }
        take<T><<<blocks(count), threads>>>(count, of, before, w);
        DS_LAUNCHED("take");
        // cuBLAS reads columns: it sees the transpose of the matrix and returns the transpose of its inverse.
        check(cublasDgetrfBatched(blas, n, matrices, n, pivots, state + 1, 1), "cublasDgetrfBatched");
        check(cublasDgetriBatched(blas, n, (const double* const*)matrices, n, pivots, matrices + 1, n, state + 2, 1),
            "cublasDgetriBatched");
        give<T><<<blocks(count), threads>>>(count, q, state + 1, inverse);
        DS_LAUNCHED("give");
    }

private:
    const int n;
    const int64_t count;
    T* before = nullptr;
    double *w = nullptr, *q = nullptr;
    double** matrices = nullptr;  // on the GPU: where w and q are
    int *pivots = nullptr, *state = nullptr;  // state: whether changed, whether singular at either stage

    void allocate()
    {
        before = device<T>(count);
        w = device<double>(count);
        q = device<double>(count);
        matrices = upload(std::vector<double*>{w, q});
        pivots = device<int>(n);
        state = device<int>(3);
        DS_CUDA(cudaMemset(state, 0, 3*sizeof(int)));
    }
};

// ---------------------------------------------------------------------------------------------------
// Spikes on their way. A ring keeps the spikes of as many steps as the longest delay; in each step, for every delay
// that occurs, the spikes of so many steps ago are looked up. Synapses are sorted by source, then by delay.

struct Spikes { int count; const int32_t* sources; };
struct Range { int begin, end; };

struct Arrivals {
    const int32_t *ring, *counts;
    int64_t sources, slots, step;
    const int32_t* distinct;
    int ages;
    const int32_t *starts, *synapses, *delays;

    __device__ Spikes spikes(int age) const
    {
        const int64_t delay = distinct[age];
        if (delay > step) return {0, ring};
        const int64_t slot = (step - delay)%slots;
        return {counts[slot], ring + slot*sources};
    }

    __device__ Range synapses_of(int32_t source, int age) const
    {
        const int begin = starts[source], end = starts[source + 1];
        if (ages == 1) return {begin, end};
        return {first_from(begin, end, distinct[age]), first_from(begin, end, distinct[age] + 1)};
    }

    __device__ int first_from(int begin, int end, int delay) const
    {
        while (begin < end)
        {
            const int middle = begin + (end - begin)/2;
            if (delays[middle] < delay) begin = middle + 1; else end = middle;
        }
        return begin;
    }
};

inline __global__ void push_spikes(const int32_t* events, int64_t sources, int32_t* list, int32_t* count)
{
    const int64_t fired = events[sources];
    DS_EACH(i, fired) list[i] = events[i];
    if (blockIdx.x == 0 && threadIdx.x == 0) *count = (int32_t)fired;
}

// One direction of a pathway.
class Path {
public:
    int64_t count = 0;  // of synapses

    void prepare(int64_t sources, const std::vector<int32_t>& source, const std::vector<double>& seconds, double dt)
    {
        count = (int64_t)source.size();
        if (!count) return;
        std::vector<int32_t> steps(count), order(count), starts(sources + 1), sorted(count);
        for (int64_t i = 0; i < count; i++)
        {
            if (source[i] < 0 || source[i] >= sources) fail("a synapse has a source out of range");
            steps[i] = (int32_t)(seconds[seconds.size() == 1 ? 0 : i]/dt + 0.5);
            order[i] = (int32_t)i;
            starts[source[i] + 1]++;
        }
        for (int64_t i = 0; i < sources; i++) starts[i + 1] += starts[i];
        std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
            if (source[a] != source[b]) return source[a] < source[b];
            return steps[a] != steps[b] ? steps[a] < steps[b] : a < b;
        });
        for (int64_t i = 0; i < count; i++) sorted[i] = steps[order[i]];
        std::vector<int32_t> distinct(steps);
        std::sort(distinct.begin(), distinct.end());
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        a.sources = sources;
        a.slots = (int64_t)distinct.back() + 1;
        a.ages = (int)distinct.size();
        ring = device<int32_t>(a.slots*sources);
        counts = device<int32_t>(a.slots);
        DS_CUDA(cudaMemset(counts, 0, sizeof(int32_t)*a.slots));
        a.ring = ring;
        a.counts = counts;
        a.distinct = upload(distinct);
        a.starts = upload(starts);
        a.synapses = upload(order);
        a.delays = upload(sorted);
    }

    void push(const int32_t* events, int64_t step)
    {
        if (!count) return;
        const int64_t slot = step%a.slots;
        const unsigned grid = std::min(ds::blocks(a.sources), 128u);
        push_spikes<<<grid, threads>>>(events, a.sources, ring + slot*a.sources, counts + slot);
        DS_LAUNCHED("push_spikes");
    }

    Arrivals arrivals(int64_t step) const
    {
        Arrivals now = a;
        now.step = step;
        return now;
    }

    dim3 blocks() const
    {
        const int64_t groups = threads/32;
        return dim3((unsigned)std::min<int64_t>((a.sources + groups - 1)/groups, 256), std::min(a.ages, 1024));
    }

private:
    Arrivals a{};
    int32_t *ring = nullptr, *counts = nullptr;
};

// ---------------------------------------------------------------------------------------------------
// The task, as dendrosim/engine/cpp/task.py writes it.

struct Array { void* data; int64_t size; int bytes; };
extern Array arrays[];  // generated, on the GPU, in the order of the program's manifest
extern const int64_t array_count;
void start();           // generated: names the arrays, then loads the task
void loop();            // generated: runs the network for as many steps as the task says

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

// Numbers on the GPU: rows x columns.
struct Matrix { int64_t rows, columns; const double* values; };
struct Table { Matrix values; double interval; bool linear; };

// What an array holds during a phase; samples and tables are ranges of lists that all fills share.
struct Fill {
    void* target;
    int bytes;
    int64_t units, repeat;
    const double* constant;
    int64_t first_sample, samples, first_table, tables;
};
struct Fills { std::vector<Fill> host; Fill* device; int64_t largest; };  // of one kind of phase
struct Noise { int64_t* target; int64_t key; };

// Rows of a recording wait on the GPU until the buffer is full.
struct Tape {
    int64_t array, due;  // the step in which to record next, -1 after the last
    const int64_t* pick;
    int64_t row, capacity, waiting;
    char* buffer;
    FILE *plan, *file;
    void look_ahead() { if (std::fread(&due, 8, 1, plan) != 1) due = -1; }
};

struct Spike { int64_t step; int64_t element; };
struct Reel {
    std::vector<int64_t> windows;
    const char* kept;
    FILE *steps, *elements;
    size_t next;
    int64_t capacity, most;  // of the buffer; how many may be in it by now
    Spike* buffer;
    unsigned long long* count;
};

// The synapses of a pathway: where Brian2CUDA keeps them, and how their ring of spikes is prepared.
struct Values {
    thrust::device_vector<double>* wide;
    thrust::device_vector<float>* narrow;
    Values(thrust::device_vector<double>* v) : wide(v), narrow(nullptr) {}
    Values(thrust::device_vector<float>* v) : wide(nullptr), narrow(v) {}
    void set(const std::vector<double>& v)
    {
        if (wide) *wide = v; else *narrow = std::vector<float>(v.begin(), v.end());
    }
};
struct Bundle {
    thrust::device_vector<int32_t>*pre, *post;
    int32_t* count;
    std::vector<Values> values, blank;
    void (*prepare)(const Bundle&);
    std::vector<int32_t> sources, targets;
    std::vector<double> delays;
};
inline std::vector<Bundle> bundles;  // filled by the generated `start`

struct Task {
    std::string folder;
    double dt;
    int64_t steps, time_phase, time_block;
    std::vector<int64_t> starts, kinds, rows, block_starts;
    const int64_t* order;  // on the GPU, like all pointers here
    const Matrix* data;
    const int64_t* samples;
    const Table* tables;
    std::vector<Fills> fills, moving;  // by kind of phase: all, and those with tables
    std::vector<Tape> tapes;
    std::vector<int64_t> watched, finals;
    const Noise* noises;
    int64_t noise_count;
    std::vector<Reel> reels;
    int* bad;
    int64_t step = 0, segment = -1, spikes_left = 0;
    bool broken = false, full = false;
    std::chrono::steady_clock::time_point shown;
};
inline Task task;

inline Matrix read_matrix(Reader& r)
{
    Matrix m;
    m.rows = r.integer();
    m.columns = r.integer();
    std::vector<double> values(m.rows*m.columns);
    r.bytes(values.data(), 8*values.size());
    m.values = upload(values);
    return m;
}

inline Array& array_at(int64_t id)
{
    if (id < 0 || id >= array_count) fail("the task names an array that the program does not have");
    return arrays[id];
}

inline FILE* open(const std::string& path)
{
    FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) fail("cannot write " + path);
    return file;
}

inline void load_values(Reader& r)
{
    for (int64_t n = r.integer(); n > 0; n--)
    {
        const Array& a = array_at(r.integer());
        const int64_t count = r.integer();
        if (count != a.size && count != 1) fail("the task has a start value of the wrong size");
        std::vector<char> raw(count*a.bytes);
        r.bytes(raw.data(), raw.size());
        if (count == 1 && a.size != 1)
        {
            std::vector<char> all(a.size*a.bytes);
            for (int64_t i = 0; i < a.size; i++) std::memcpy(all.data() + i*a.bytes, raw.data(), a.bytes);
            raw.swap(all);
        }
        DS_CUDA(cudaMemcpy(a.data, raw.data(), raw.size(), cudaMemcpyHostToDevice));
    }
}

inline Fills fills_of(const std::vector<Fill>& host)
{
    Fills f{host, upload(host), 0};
    for (const Fill& one : host) f.largest = std::max(f.largest, one.units*one.repeat);
    return f;
}

inline void load_fills(Reader& r, const std::vector<Matrix>& data, const std::vector<int64_t>& order)
{
    std::vector<int64_t> all_samples;
    std::vector<Table> all_tables;
    for (int64_t n = r.integer(); n > 0; n--)
    {
        std::vector<Fill> fills, moving;
        for (int64_t m = r.integer(); m > 0; m--)
        {
            const Array& a = array_at(r.integer());
            Fill f{};
            f.target = a.data;
            f.bytes = a.bytes;
            f.repeat = r.integer();
            const std::vector<double> constant = r.list<double>();
            f.units = (int64_t)constant.size();
            f.constant = upload(constant);
            if (f.units*f.repeat != a.size) fail("a fill has the wrong size");
            const std::vector<int64_t> samples = r.list<int64_t>();
            for (int64_t s : samples)
            {
                if (s < 0 || s >= (int64_t)data.size()) fail("a fill names a data set out of range");
                if (data[s].columns < f.units) fail("a data set has fewer columns than a fill has units");
            }
            f.first_sample = (int64_t)all_samples.size();
            f.samples = (int64_t)samples.size();
            all_samples.insert(all_samples.end(), samples.begin(), samples.end());
            f.first_table = (int64_t)all_tables.size();
            f.tables = r.integer();
            for (int64_t k = 0; k < f.tables; k++)
            {
                Table t;
                t.interval = r.number();
                t.linear = r.integer() != 0;
                t.values = read_matrix(r);
                if (t.values.columns != 1 && t.values.columns < f.units) fail("a table has too few columns");
                all_tables.push_back(t);
            }
            fills.push_back(f);
            if (f.tables) moving.push_back(f);
        }
        task.fills.push_back(fills_of(fills));
        task.moving.push_back(fills_of(moving));
    }
    task.samples = upload(all_samples);
    task.tables = upload(all_tables);
    for (size_t i = 0; i < task.starts.size(); i++)
        for (const Fill& f : task.fills.at(task.kinds.at(i)).host)
            for (int64_t s = 0; s < f.samples; s++)
                for (int64_t b = 0; b < f.repeat; b++)
                {
                    const int64_t row = order.at(task.rows[i] + b);
                    if (row < 0 || row >= data[all_samples[f.first_sample + s]].rows)
                        fail("a trial shows a row out of range");
                }
}

inline void load_tapes(Reader& r)
{
    const int64_t most = (int64_t)32 << 20;  // bytes of a buffer
    for (int64_t n = r.integer(), k = 0; k < n; k++)
    {
        Tape t{};
        t.array = r.integer();
        const Array& a = array_at(t.array);
        const std::vector<int64_t> pick = r.list<int64_t>();
        for (int64_t i : pick) if (i < 0 || i >= a.size) fail("a recording picks an element out of range");
        t.pick = pick.empty() ? nullptr : upload(pick);
        t.row = pick.empty() ? a.size : (int64_t)pick.size();
        const std::string plan = task.folder + "/steps" + std::to_string(k) + ".bin";
        if (!(t.plan = std::fopen(plan.c_str(), "rb"))) fail("cannot open " + plan);
        std::fseek(t.plan, 0, SEEK_END);
        const int64_t rows = std::ftell(t.plan)/8;
        std::rewind(t.plan);
        t.look_ahead();
        t.capacity = std::max<int64_t>(1, std::min<int64_t>(rows, most/(t.row*a.bytes)));
        t.buffer = device<char>(t.capacity*t.row*a.bytes);
        t.file = open(task.folder + "/trace" + std::to_string(k) + ".bin");
        task.tapes.push_back(t);
    }
}

inline void load_bundles(Reader& r)
{
    if (r.integer() != (int64_t)bundles.size()) fail("the task has synapses of other pathways");
    for (Bundle& b : bundles)
    {
        b.sources = r.list<int32_t>();
        b.targets = r.list<int32_t>();
        b.delays = r.list<double>();
        if (b.sources.size() != b.targets.size()) fail("the task has synapses without partners");
        if (b.delays.size() != 1 && b.delays.size() != b.sources.size()) fail("the task has too few delays");
        *b.pre = b.sources;
        *b.post = b.targets;
        *b.count = (int32_t)b.sources.size();
        for (Values& v : b.values) v.set(r.list<double>());
        for (Values& v : b.blank) v.set(std::vector<double>(b.sources.size()));
    }
}

inline void load_reels(Reader& r)
{
    task.spikes_left = r.integer();
    for (int64_t n = r.integer(), k = 0; k < n; k++)
    {
        Reel reel{};
        reel.windows = r.list<int64_t>();
        const std::vector<char> kept = r.list<char>();
        reel.kept = kept.empty() ? nullptr : upload(kept);
        reel.steps = open(task.folder + "/spikes" + std::to_string(k) + ".steps.bin");
        reel.elements = open(task.folder + "/spikes" + std::to_string(k) + ".elements.bin");
        reel.count = upload(std::vector<unsigned long long>{0});
        task.reels.push_back(reel);
    }
}

inline void load()
{
    Reader r(task.folder + "/task.bin");
    if (r.integer() != 0x6473696d31) fail("not a task file of this program");
    r.integer();  // threads, of no use here
    r.integer();
    task.dt = r.number();
    r.number();   // seconds from one checkpoint to the next: there are none here
    task.steps = r.integer();
    task.time_phase = r.integer();
    task.time_block = r.integer();
    array_at(task.time_phase);
    array_at(task.time_block);
    load_values(r);
    std::vector<Matrix> data;
    for (int64_t n = r.integer(); n > 0; n--) data.push_back(read_matrix(r));
    task.data = upload(data);
    task.starts = r.list<int64_t>();
    task.kinds = r.list<int64_t>();
    task.rows = r.list<int64_t>();
    task.block_starts = r.list<int64_t>();
    const std::vector<int64_t> order = r.list<int64_t>();
    task.order = upload(order);
    load_fills(r, data, order);
    load_tapes(r);
    r.list<int64_t>();  // what the other back end watches in every step
    task.watched = r.list<int64_t>();
    task.finals = r.list<int64_t>();
    for (int64_t id : task.watched) array_at(id);
    for (int64_t id : task.finals) array_at(id);
    std::vector<Noise> noises;
    for (int64_t n = r.integer(); n > 0; n--)
    {
        Noise noise;
        noise.target = (int64_t*)array_at(r.integer()).data;
        noise.key = r.integer();
        noises.push_back(noise);
    }
    task.noises = upload(noises);
    task.noise_count = (int64_t)noises.size();
    load_bundles(r);
    load_reels(r);
    r.end();
    task.bad = upload(std::vector<int>{0});
}

// ---------------------------------------------------------------------------------------------------
// What runs in every step.

__device__ inline void store(void* to, int bytes, int64_t i, double value)
{
    if (bytes == 4) ((float*)to)[i] = (float)value; else ((double*)to)[i] = value;
}

__device__ inline double look_up(const Table& t, double position, int64_t unit)
{
    const int64_t column = t.values.columns == 1 ? 0 : unit, last = t.values.rows - 1;
    int64_t index = (int64_t)(position + 1e-9);
    if (index > last) index = last;
    const double here = t.values.values[index*t.values.columns + column];
    if (!t.linear || index == last) return here;
    return here + (position - index)*(t.values.values[(index + 1)*t.values.columns + column] - here);
}

// One row of blocks for each fill.
inline __global__ void fill_arrays(const Fill* fills, const int64_t* samples, const Matrix* data,
    const Table* tables, const int64_t* rows, double elapsed)
{
    const Fill f = fills[blockIdx.y];
    DS_EACH(i, f.units*f.repeat)
    {
        const int64_t unit = i/f.repeat, sample = i%f.repeat;
        double value = f.constant[unit];
        for (int64_t k = f.first_sample; k < f.first_sample + f.samples; k++)
        {
            const Matrix& set = data[samples[k]];
            value += set.values[rows[sample]*set.columns + unit];
        }
        for (int64_t k = f.first_table; k < f.first_table + f.tables; k++)
            value += look_up(tables[k], elapsed/tables[k].interval, unit);
        store(f.target, f.bytes, i, value);
    }
}

inline __global__ void set_times(double phase, double block, void* at_phase, int phase_bytes, void* at_block,
    int block_bytes, const Noise* noises, int64_t count, int64_t step)
{
    if (blockIdx.x == 0 && threadIdx.x == 0)
    {
        store(at_phase, phase_bytes, 0, phase);
        store(at_block, block_bytes, 0, block);
    }
    DS_EACH(i, count) *noises[i].target = (int64_t)bits(noises[i].key, step);
}

template <typename T> __global__ void gather(int64_t count, const int64_t* pick, const T* from, T* to)
{
    DS_EACH(i, count) to[i] = from[pick ? pick[i] : i];
}

inline __global__ void keep_spikes(const int32_t* events, int64_t size, const char* kept, int64_t step,
    Spike* buffer, unsigned long long capacity, unsigned long long* count)
{
    const int64_t fired = events[size];
    DS_EACH(i, fired)
    {
        const int64_t element = events[i];
        if (kept && !kept[element]) continue;
        const unsigned long long place = atomicAdd(count, 1ull);
        if (place < capacity) buffer[place] = {step, element};
    }
}

// Whether all numbers are finite, by their exponent bits: no compiler flag can fold this away.
template <typename U> __global__ void find_non_finite(int64_t count, const U* bits, U exponent, int* bad)
{
    DS_EACH(i, count) if ((bits[i] & exponent) == exponent) *bad = 1;
}

inline void tell(bool always)
{
    const auto now = std::chrono::steady_clock::now();
    if (!always && now - task.shown < std::chrono::milliseconds(200)) return;
    task.shown = now;
    std::printf("P %lld %lld\n", (long long)task.step, (long long)task.segment);
    std::fflush(stdout);
}

inline void fill(const Fills& fills)
{
    if (fills.host.empty()) return;
    const dim3 grid(std::min(blocks(fills.largest), 4096u), (unsigned)fills.host.size());
    fill_arrays<<<grid, threads>>>(fills.device, task.samples, task.data, task.tables,
        task.order + task.rows[task.segment], (task.step - task.starts[task.segment])*task.dt);
    DS_LAUNCHED("fill_arrays");
}

inline void feed()
{
    const size_t next = task.segment + 1;
    if (next < task.starts.size() && task.starts[next] == task.step)
    {
        task.segment = (int64_t)next;
        fill(task.fills[task.kinds[next]]);
    }
    else
        fill(task.moving[task.kinds[task.segment]]);
    const Array &phase = arrays[task.time_phase], &block = arrays[task.time_block];
    set_times<<<1, threads>>>((task.step - task.starts[task.segment])*task.dt,
        (task.step - task.block_starts[task.segment])*task.dt, phase.data, phase.bytes, block.data, block.bytes,
        task.noises, task.noise_count, task.step);
    DS_LAUNCHED("set_times");
    if (task.step % 16 == 0) tell(false);
}

// Write the rows that wait on the GPU.
inline void flush(Tape& t)
{
    if (!t.waiting) return;
    std::vector<char> rows(t.waiting*t.row*arrays[t.array].bytes);
    DS_CUDA(cudaMemcpy(rows.data(), t.buffer, rows.size(), cudaMemcpyDeviceToHost));
    if (std::fwrite(rows.data(), 1, rows.size(), t.file) != rows.size())
        fail("cannot write a recording: is the disk full?");
    t.waiting = 0;
}

inline void record()
{
    for (Tape& t : task.tapes)
    {
        if (t.due != task.step) continue;
        t.look_ahead();
        const Array& a = arrays[t.array];
        char* to = t.buffer + t.waiting*t.row*a.bytes;
        if (a.bytes == 4)
            gather<uint32_t><<<blocks(t.row), threads>>>(t.row, t.pick, (const uint32_t*)a.data, (uint32_t*)to);
        else
            gather<uint64_t><<<blocks(t.row), threads>>>(t.row, t.pick, (const uint64_t*)a.data, (uint64_t*)to);
        DS_LAUNCHED("gather");
        if (++t.waiting == t.capacity) flush(t);
    }
}

// Write the spikes that wait on the GPU, in the order of steps and units; returns whether there are more than may be
// kept. Then whole steps are left out.
inline bool flush(Reel& reel)
{
    reel.most = 0;
    if (!reel.buffer) return false;
    unsigned long long count = 0;
    DS_CUDA(cudaMemcpy(&count, reel.count, sizeof(count), cudaMemcpyDeviceToHost));
    if (!count) return false;
    if ((int64_t)count > reel.capacity) fail("a buffer of spikes was too small");
    std::vector<Spike> spikes(count);
    DS_CUDA(cudaMemcpy(spikes.data(), reel.buffer, sizeof(Spike)*count, cudaMemcpyDeviceToHost));
    DS_CUDA(cudaMemset(reel.count, 0, sizeof(count)));
    std::sort(spikes.begin(), spikes.end(), [](const Spike& a, const Spike& b) {
        return a.step != b.step ? a.step < b.step : a.element < b.element;
    });
    size_t fits = spikes.size();
    if ((int64_t)fits > task.spikes_left)
    {
        task.full = true;
        fits = (size_t)std::max<int64_t>(task.spikes_left, 0);
        const int64_t first_left_out = spikes[fits].step;
        while (fits > 0 && spikes[fits - 1].step == first_left_out) fits--;
    }
    std::vector<int64_t> steps(fits);
    std::vector<int32_t> elements(fits);
    for (size_t i = 0; i < fits; i++)
    {
        steps[i] = spikes[i].step;
        elements[i] = (int32_t)spikes[i].element;
    }
    task.spikes_left -= (int64_t)fits;
    if (std::fwrite(elements.data(), 4, fits, reel.elements) != fits
        || std::fwrite(steps.data(), 8, fits, reel.steps) != fits)
        fail("cannot write spikes: is the disk full?");
    return task.full;
}

// Keep the spikes of this step of a population of `size` elements; returns whether to stop.
inline bool keep(size_t index, const int32_t* events, int64_t size)
{
    Reel& reel = task.reels[index];
    while (reel.next < reel.windows.size() && reel.windows[reel.next + 1] <= task.step) reel.next += 2;
    if (reel.next >= reel.windows.size() || reel.windows[reel.next] > task.step) return false;
    if (!reel.buffer)
    {
        reel.capacity = std::max<int64_t>(size, std::min<int64_t>(256*size, (int64_t)1 << 26));
        reel.buffer = device<Spike>(reel.capacity);
    }
    if (reel.most + size > reel.capacity && flush(reel)) return true;
    reel.most += size;
    keep_spikes<<<std::min(blocks(size), 128u), threads>>>(events, size, reel.kept, task.step, reel.buffer,
        (unsigned long long)reel.capacity, reel.count);
    DS_LAUNCHED("keep_spikes");
    return false;
}

// Every hundred steps and at the end, look for non-finite numbers; returns whether to stop.
inline bool guard()
{
    task.step++;
    if (task.step % 100 != 0 && task.step != task.steps) return false;
    for (int64_t id : task.watched)
    {
        const Array& a = arrays[id];
        if (a.bytes == 4)
            find_non_finite<uint32_t><<<blocks(a.size), threads>>>(a.size, (const uint32_t*)a.data, 0x7f800000u,
                task.bad);
        else
            find_non_finite<uint64_t><<<blocks(a.size), threads>>>(a.size, (const uint64_t*)a.data,
                (uint64_t)0x7ff0000000000000ull, task.bad);
        DS_LAUNCHED("find_non_finite");
    }
    int bad = 0;
    DS_CUDA(cudaMemcpy(&bad, task.bad, sizeof(bad), cudaMemcpyDeviceToHost));
    task.broken = bad != 0;
    return task.broken;
}

inline void begin()
{
    check(cublasCreate(&blas), "cublasCreate");
    check(cublasSetMathMode(blas, CUBLAS_DEFAULT_MATH), "cublasSetMathMode");  // no TF32
    load();
}

// Write what is left and return the exit code: 0 done, 3 non-finite, 4 interrupted, 5 too many spikes.
inline int finish()
{
    DS_CUDA(cudaDeviceSynchronize());
    for (Tape& t : task.tapes) flush(t);
    for (Reel& r : task.reels) flush(r);
    bool good = true;
    for (Tape& t : task.tapes) good &= std::fclose(t.file) == 0;
    for (Reel& r : task.reels) good &= std::fclose(r.steps) == 0 && std::fclose(r.elements) == 0;
    FILE* file = std::fopen((task.folder + "/final.bin").c_str(), "wb");
    if (!file) fail("cannot write the final state");
    for (int64_t id : task.finals)
    {
        const Array& a = arrays[id];
        std::vector<char> raw(a.size*a.bytes);
        DS_CUDA(cudaMemcpy(raw.data(), a.data, raw.size(), cudaMemcpyDeviceToHost));
        good &= std::fwrite(raw.data(), 1, raw.size(), file) == raw.size();
    }
    good &= std::fclose(file) == 0;
    if (!good) fail("cannot write the results: is the disk full?");
    tell(true);
    return task.broken ? 3 : task.full ? 5 : task.step < task.steps ? 4 : 0;
}

}  // namespace ds
