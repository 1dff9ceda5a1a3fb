// What all generated programs for the GPU share: dense products, spikes with delays, and the functions of a step.
//
// Programs read the same task as those of the back end cpp and leave the same files. All work is enqueued on the
// default stream. The host waits only to fetch a full buffer of recordings or spikes, to look for non-finite
// numbers in every hundredth step, and to find out whether a matrix has to be inverted (`Inverse`). A failed call
// ends the program with code 70 and a message that names it.

#pragma once

#include "random.h"
#include "task.h"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
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

inline void use_folder(const std::string& folder) { task.folder = folder; }

DS_BOTH double normal(int64_t base, int64_t i)
{
    const uint64_t z = bits(base, i & ~partner);
    const double radius = sqrt(-2*log(((double)(z >> 32) + 0.5)*0x1p-32));
    const double angle = (double)(z & 0xffffffffu)*(6.283185307179586*0x1p-32);
    return radius*(i & partner ? sin(angle) : cos(angle));
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

// Number of blocks for a kernel that loops over `count` elements with the stride of its grid (`DS_EACH`).
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
    if (!values.empty())
        DS_CUDA(cudaMemcpy(data, values.data(), sizeof(T)*values.size(), cudaMemcpyHostToDevice));
    return data;
}

// ---------------------------------------------------------------------------------------------------
// Dense products. Activities are units x samples, row-major; matrices are post x pre, row-major. cuBLAS is
// column-major, so it reads the transpose of each: activities as samples x units, matrices as pre x post.

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

// y = W x or y += W x, with the transpose of W if `transpose`; `rows` and `columns` are those of W as stored.
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

// A decay of weights. Its coefficient is computed on the GPU, so it stays there.
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
    T* values = nullptr;  // alpha, and the factor 1 + dt decay of the weights
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

// The inverse of a square matrix, computed again if the matrix may have changed. It is computed in double
// precision also for floats, so that it is as close as possible to the inverse of the stored numbers. While the
// matrix changes, it is inverted in every step, and the host checks in every hundredth step whether it still does.
// While it does not change, the host checks, and waits, in every step: an unnecessary inversion would take far
// longer.
template <typename T> class Inverse {
public:
    explicit Inverse(int n) : n(n), count((int64_t)n*n) {}

    void refresh(const T* of, T* inverse)
    {
        if (!before)
            allocate();
        else if (unasked > 0)
            unasked--;
        else if (changed(of))
            unasked = 99;
        else
            return;
        take<T><<<blocks(count), threads>>>(count, of, before, w);
        DS_LAUNCHED("take");
        // cuBLAS is column-major: it reads the transpose of the matrix and returns the transpose of its inverse.
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
    double** matrices = nullptr;  // an array on the GPU with the pointers w and q
    int *pivots = nullptr, *state = nullptr;  // state: whether changed; whether singular, after each of two calls
    int unasked = 0;  // inversions before the host checks again

    bool changed(const T* of)
    {
        int found = 0;
        DS_CUDA(cudaMemsetAsync(state, 0, sizeof(int)));
        compare<T><<<blocks(count), threads>>>(count, of, before, state);
        DS_LAUNCHED("compare");
        DS_CUDA(cudaMemcpy(&found, state, sizeof(int), cudaMemcpyDeviceToHost));
        return found;
    }

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
// Spikes with delays. A ring buffer holds the spikes of the last steps, up to the longest delay. In each step, for
// every delay d that occurs, the spikes of d steps ago are looked up. Synapses are sorted by source, then by
// delay.

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
    int64_t count = 0;  // number of synapses

    void prepare(int64_t sources, const std::vector<int32_t>& source, const std::vector<double>& seconds, double dt)
    {
        count = (int64_t)source.size();
        if (!count) return;
        if (count > INT32_MAX) fail("a pathway has more synapses than can be counted in 32 bits");
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
// The task on the GPU.

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
struct Fills { const DeviceFill* list; int64_t count, largest; };  // of one phase of a block
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
    std::vector<Fills> fills, moving;  // by phase of a block: all, and those with tables
    std::vector<Rows> rows;            // by recording
    std::vector<Catch> catches;        // by recording of spikes
    const DeviceNoise* noises;
    int* bad;
};
inline Device gpu;

// The synapses of a pathway: where Brian2CUDA keeps them, and how their ring buffer is initialised (`prepare`).
struct Values {
    thrust::device_vector<double>* wide;
    thrust::device_vector<float>* narrow;
    Values(thrust::device_vector<double>* v) : wide(v), narrow(nullptr) {}
    Values(thrust::device_vector<float>* v) : wide(nullptr), narrow(v) {}
    void set(const std::vector<double>& v)
    {
        if (wide) *wide = v; else *narrow = std::vector<float>(v.begin(), v.end());
    }
    void leave() const;
};
struct Bundle {
    thrust::device_vector<int32_t>*pre, *post;
    int32_t* count;
    std::vector<Values> values, blank;
    void (*prepare)(const Bundle&);
    std::vector<int32_t> sources, targets;
    std::vector<double> delays;
};
inline std::vector<Bundle> bundles;  // filled by the generated function `start`

// The vectors of Brian2CUDA are global, so their destructors run after the driver has shut down; freeing then
// fails, and thrust aborts the program. Therefore at every exit their memory is left to the driver.
template <typename T> void leave(thrust::device_vector<T>& v) { v.swap(*new thrust::device_vector<T>); }
inline void Values::leave() const { if (wide) ds::leave(*wide); else ds::leave(*narrow); }
inline void leave_bundles()
{
    for (Bundle& b : bundles)
    {
        leave(*b.pre);
        leave(*b.post);
        for (const Values& v : b.values) v.leave();
        for (const Values& v : b.blank) v.leave();
    }
}

inline void read_start(Reader& r, const Array& a, int64_t count)
{
    std::vector<char> raw(a.size*a.bytes);
    r.bytes(raw.data(), count*a.bytes);
    for (int64_t i = count; i < a.size; i++) std::memcpy(raw.data() + i*a.bytes, raw.data(), a.bytes);
    DS_CUDA(cudaMemcpy(a.data, raw.data(), raw.size(), cudaMemcpyHostToDevice));
}

inline void read_bundles(Reader& r)
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
    for (const std::vector<Fill>& kind : task.fills)
    {
        std::vector<DeviceFill> fills, moving;
        for (const Fill& f : kind)
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

// Read the rows that all trials show. They are copied to the GPU at once, so that no step copies any.
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
    const int64_t most = (int64_t)32 << 20;  // bytes of a recording's buffer
    for (const Tape& t : task.tapes)
    {
        const Array& a = arrays[t.array];
        Rows rows{t.pick.empty() ? nullptr : upload(t.pick), t.pick.empty() ? a.size : (int64_t)t.pick.size()};
        rows.capacity = std::max<int64_t>(1, std::min<int64_t>(rows_of(t), most/(rows.row*a.bytes)));
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

// ---------------------------------------------------------------------------------------------------
// What runs in every step.

__device__ inline void store(void* to, int bytes, int64_t i, double value)
{
    if (bytes == 4) ((float*)to)[i] = (float)value; else ((double*)to)[i] = value;
}

__device__ inline double look_up(const DeviceTable& t, double position, int64_t unit)
{
    const int64_t column = t.values.columns == 1 ? 0 : unit, last = t.values.rows - 1;
    int64_t index = (int64_t)(position + 1e-9);
    if (index > last) index = last;
    const double here = t.values.values[index*t.values.columns + column];
    if (!t.linear || index == last) return here;
    return here + (position - index)*(t.values.values[(index + 1)*t.values.columns + column] - here);
}

// Evaluate all fills of a phase; blockIdx.y is the number of the fill.
inline __global__ void fill_arrays(const DeviceFill* fills, const int64_t* samples, const DeviceMatrix* data,
    const DeviceTable* tables, const int32_t* rows, double elapsed)
{
    const DeviceFill f = fills[blockIdx.y];
    DS_EACH(i, f.units*f.repeat)
    {
        const int64_t unit = i/f.repeat, sample = i%f.repeat;
        double value = f.constant[unit];
        for (int64_t k = f.first_sample; k < f.first_sample + f.samples; k++)
        {
            const DeviceMatrix& set = data[samples[k]];
            value += set.values[rows[sample]*set.columns + unit];
        }
        for (int64_t k = f.first_table; k < f.first_table + f.tables; k++)
            value += look_up(tables[k], elapsed/tables[k].interval, unit);
        store(f.target, f.bytes, i, value);
    }
}

inline __global__ void set_times(double phase, double block, void* at_phase, int phase_bytes, void* at_block,
    int block_bytes, const DeviceNoise* noises, int64_t count, int64_t step)
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

// Set `bad` if a number is not finite, by its exponent bits: no compiler flag can optimise this test away.
template <typename U> __global__ void find_non_finite(int64_t count, const U* bits, U exponent, int* bad)
{
    DS_EACH(i, count) if ((bits[i] & exponent) == exponent) *bad = 1;
}

inline void fill(const Fills& fills)
{
    if (!fills.count) return;
    const dim3 grid(std::min(blocks(fills.largest), 4096u), (unsigned)fills.count);
    fill_arrays<<<grid, threads>>>(fills.list, gpu.samples, gpu.data, gpu.tables,
        gpu.order + task.now.row, (task.step - task.now.start)*task.dt);
    DS_LAUNCHED("fill_arrays");
}

inline void feed()
{
    if (task.next.start == task.step)
    {
        enter(task.segment + 1);
        fill(gpu.fills[task.now.kind]);
    }
    else
        fill(gpu.moving[task.now.kind]);
    const Array &phase = arrays[task.time_phase], &block = arrays[task.time_block];
    set_times<<<1, threads>>>((task.step - task.now.start)*task.dt,
        (task.step - task.now.block_start)*task.dt, phase.data, phase.bytes, block.data, block.bytes,
        gpu.noises, (int64_t)task.noises.size(), task.step);
    DS_LAUNCHED("set_times");
    if (task.step % 16 == 0) tell(false);
}

// Write the buffered rows of a recording to its file.
inline void flush(const Tape& t, Rows& rows)
{
    if (!rows.waiting) return;
    std::vector<char> raw(rows.waiting*rows.row*arrays[t.array].bytes);
    DS_CUDA(cudaMemcpy(raw.data(), rows.buffer, raw.size(), cudaMemcpyDeviceToHost));
    if (std::fwrite(raw.data(), 1, raw.size(), t.file) != raw.size())
        fail("cannot write a recording: is the disk full?");
    rows.waiting = 0;
}

inline void record()
{
    for (size_t k = 0; k < task.tapes.size(); k++)
    {
        Tape& t = task.tapes[k];
        if (t.due != task.step) continue;
        t.look_ahead();
        Rows& rows = gpu.rows[k];
        const Array& a = arrays[t.array];
        char* to = rows.buffer + rows.waiting*rows.row*a.bytes;
        if (a.bytes == 4)
            gather<uint32_t><<<blocks(rows.row), threads>>>(rows.row, rows.pick, (const uint32_t*)a.data,
                (uint32_t*)to);
        else
            gather<uint64_t><<<blocks(rows.row), threads>>>(rows.row, rows.pick, (const uint64_t*)a.data,
                (uint64_t*)to);
        DS_LAUNCHED("gather");
        if (++rows.waiting == rows.capacity) flush(t, rows);
    }
}

// Write the buffered spikes to their files, sorted by step and element. Returns true if there are more spikes than
// may be kept; then the first step that does not fit and all later ones are left out as a whole.
inline bool flush(const Reel& reel, Catch& caught)
{
    caught.most = 0;
    if (!caught.buffer) return false;
    unsigned long long count = 0;
    DS_CUDA(cudaMemcpy(&count, caught.count, sizeof(count), cudaMemcpyDeviceToHost));
    if (!count) return false;
    if ((int64_t)count > caught.capacity) fail("a buffer of spikes was too small");
    std::vector<Spike> spikes(count);
    DS_CUDA(cudaMemcpy(spikes.data(), caught.buffer, sizeof(Spike)*count, cudaMemcpyDeviceToHost));
    DS_CUDA(cudaMemset(caught.count, 0, sizeof(count)));
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

// Buffer the spikes of a population of `size` elements in this step; returns whether to stop.
inline bool keep(size_t index, const int32_t* events, int64_t size)
{
    Reel& reel = task.reels[index];
    Catch& caught = gpu.catches[index];
    if (!reel.runs(task.step)) return false;
    if (!caught.buffer)
    {
        caught.capacity = std::max<int64_t>(size, std::min<int64_t>(256*size, (int64_t)1 << 26));
        caught.buffer = device<Spike>(caught.capacity);
    }
    if (caught.most + size > caught.capacity && flush(reel, caught)) return true;
    caught.most += size;
    keep_spikes<<<std::min(blocks(size), 128u), threads>>>(events, size, caught.kept, task.step, caught.buffer,
        (unsigned long long)caught.capacity, caught.count);
    DS_LAUNCHED("keep_spikes");
    return false;
}

// Look for non-finite numbers in every hundredth step and in the last one; returns whether to stop.
inline bool guard()
{
    task.step++;
    if (task.step % 100 != 0 && task.step != task.steps) return false;
    for (int64_t id : task.watched_rarely)
    {
        const Array& a = arrays[id];
        if (a.bytes == 4)
            find_non_finite<uint32_t><<<blocks(a.size), threads>>>(a.size, (const uint32_t*)a.data, 0x7f800000u,
                gpu.bad);
        else
            find_non_finite<uint64_t><<<blocks(a.size), threads>>>(a.size, (const uint64_t*)a.data,
                (uint64_t)0x7ff0000000000000ull, gpu.bad);
        DS_LAUNCHED("find_non_finite");
    }
    int bad = 0;
    DS_CUDA(cudaMemcpy(&bad, gpu.bad, sizeof(bad), cudaMemcpyDeviceToHost));
    task.broken = bad != 0;
    return task.broken;
}

inline void begin()
{
    std::atexit(leave_bundles);
    check(cublasCreate(&blas), "cublasCreate");
    check(cublasSetMathMode(blas, CUBLAS_DEFAULT_MATH), "cublasSetMathMode");  // no TF32
    load();
}

inline int finish()
{
    for (size_t k = 0; k < task.tapes.size(); k++) flush(task.tapes[k], gpu.rows[k]);
    for (size_t k = 0; k < task.reels.size(); k++) flush(task.reels[k], gpu.catches[k]);
    return conclude([](const Array& a, std::vector<char>& space) {
        space.resize(a.size*a.bytes);
        DS_CUDA(cudaMemcpy(space.data(), a.data, space.size(), cudaMemcpyDeviceToHost));
        return space.data();
    });
}

}  // namespace ds
