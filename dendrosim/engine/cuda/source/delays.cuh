// Spikes with delays. A ring buffer holds the spikes of the last steps, up to the longest delay. In each step, for
// every delay d that occurs, the spikes of d steps ago are looked up. Synapses are sorted by source, then by
// delay.

#pragma once

#include "device.cuh"

namespace ds {

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

// Delivers the spikes of one side of a pathway to its synapses.
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

}  // namespace ds
