// Code that all generated programs for the GPU share: dense products, spikes with delays, and the functions of a
// step.
//
// Programs read the same task file and write the same files as programs of back end cpp. All work is enqueued on
// the default stream. The host waits only to fetch a full buffer of recordings or spikes, to look for non-finite
// numbers in every hundredth step, and to find out whether a matrix has to be inverted (`Inverse`). A failed call
// ends the program with code 70 and a message that names the call.

#pragma once

#include "delays.cuh"
#include "dense.cuh"
#include "state.cuh"

namespace ds {

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

// Set arrays for a moment that is `ahead` steps after the beginning of the step.
inline void fill(const Fills& fills, int64_t ahead = 0)
{
    if (!fills.count) return;
    const dim3 grid(std::min(blocks(fills.largest), 4096u), (unsigned)fills.count);
    fill_arrays<<<grid, threads>>>(fills.list, gpu.samples, gpu.data, gpu.tables,
        gpu.order + task.now.row, (task.step + ahead - task.now.start)*task.dt);
    DS_LAUNCHED("fill_arrays");
}

// Set the times since phase and block have begun, and in the first half of a step the keys of random numbers.
inline void set_time(int64_t ahead)
{
    const Array &phase = arrays[task.time_phase], &block = arrays[task.time_block];
    set_times<<<1, threads>>>((task.step + ahead - task.now.start)*task.dt,
        (task.step + ahead - task.now.block_start)*task.dt, phase.data, phase.bytes, block.data, block.bytes,
        gpu.noises, ahead ? 0 : (int64_t)task.noises.size(), task.step);
    DS_LAUNCHED("set_times");
}

inline void feed()
{
    if (task.next.start == task.step)
    {
        enter(task.segment + 1);
        fill(gpu.fills[task.now.phase]);
    }
    else
        fill(gpu.moving[task.now.phase]);
    set_time(0);
    if (task.step % 16 == 0) tell(false);
}

// The second half of a step of Heun's method: the objects of a step that it runs again, and whether it has begun.
inline std::vector<void (*)()> again;
inline bool second = false;

// Evaluate the vector field and update the matrices again, with inputs and gates at the end of the step. `time` is
// that of Brian2's clock.
inline void repeat(double* time)
{
    fill(gpu.moving[task.now.phase], 1);
    set_time(1);
    *time = (task.step + 1)*task.dt;
    second = true;
    for (const auto object : again) object();
    second = false;
}

// Write the buffered rows of a recording to its file.
inline void flush(Tape& t, Rows& rows)
{
    if (!rows.waiting) return;
    std::vector<char> raw(rows.waiting*rows.row*arrays[t.array].bytes);
    DS_CUDA(cudaMemcpy(raw.data(), rows.buffer, raw.size(), cudaMemcpyDeviceToHost));
    t.rows.add(raw.data(), raw.size());
    rows.waiting = 0;
}

// Compute the present values of event-driven states that are recorded in this step, or all of them at the end.
inline void evaluate(bool all)
{
    int64_t first = array_count;
    for (const Bundle& b : bundles) first -= b.current.size();
    for (const Bundle& b : bundles)
    {
        const int64_t last = first + (int64_t)b.current.size();
        const bool read = std::any_of(task.tapes.begin(), task.tapes.end(), [=](const Tape& t) {
            return t.due == task.step && t.array >= first && t.array < last;
        });
        if (first < last && !b.sources.empty() && (all || read)) b.evaluate();
        first = last;
    }
}

inline void record()
{
    evaluate(false);
    for (size_t k = 0; k < task.tapes.size(); k++)
    {
        Tape& t = task.tapes[k];
        if (t.due != task.step) continue;
        t.look_ahead();
        Rows& rows = gpu.rows[k];
        const Array& a = arrays[t.array];
        if (!rows.row) continue;  // a pathway without synapses
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

// Write the buffered spikes to their files, sorted by step and element. Return true if there are more spikes than
// may be kept; then those of the first step whose spikes do not all fit, and of all later steps, are left out.
inline bool flush(Reel& reel, Catch& caught)
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
    reel.elements.add(elements.data(), 4*fits);
    reel.steps.add(steps.data(), 8*fits);
    return task.full;
}

// Buffer the spikes of a population of `size` elements in this step; return whether the run must stop.
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

// Look for non-finite numbers in every hundredth step and in the last one; return whether the run must stop.
inline bool guard()
{
    task.step++;
    if (task.step % 100 != 0 && task.step != task.steps) return false;
    std::vector<int64_t> watched = task.watched;
    if (task.step % task.synapses_every == 0 || task.step == task.steps)
        watched.insert(watched.end(), task.watched_synapses.begin(), task.watched_synapses.end());
    for (int64_t id : watched)
    {
        const Array& a = arrays[id];
        if (!a.size) continue;  // a pathway without synapses
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
    evaluate(true);
    for (size_t k = 0; k < task.tapes.size(); k++) flush(task.tapes[k], gpu.rows[k]);
    for (size_t k = 0; k < task.reels.size(); k++) flush(task.reels[k], gpu.catches[k]);
    return conclude([](const Array& a, std::vector<char>& space) {
        space.resize(a.size*a.bytes);
        DS_CUDA(cudaMemcpy(space.data(), a.data, space.size(), cudaMemcpyDeviceToHost));
        return space.data();
    });
}

}  // namespace ds
