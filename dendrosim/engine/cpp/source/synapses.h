// Synapses of a pathway in rows, and the queues of spikes on their way to them.
//
// Row r has the synapses of presynaptic unit r, ordered by delay, then by postsynaptic unit. A group is the part of
// a row with one delay; if all synapses have the same delay, each row is one group. Columns have the synapses of
// postsynaptic units, and groups by the delay of postsynaptic spikes. Connections are those of units:
// in a batch, every sample of a unit has the same ones. The numbers of a synapse are at synapse*batch + sample.
//
// The postsynaptic units are divided into blocks. `cuts` says where in a group each block begins, so that threads can
// work on different blocks without sharing a unit, and so that the numbers of a block's units stay in the cache.
// Effects on one postsynaptic unit come in the same order with any number of blocks and threads.

#pragma once

#include "parallel.h"

#include <vector>

namespace ds {

struct Piece { int64_t begin, end; };

// Groups that spikes reach after their delays, as group*batch + sample. Slot `offset` has those of the present step.
struct Arrivals {
    bool at_post;  // whether these are events of postsynaptic units
    std::vector<std::vector<int32_t>> slots{1};
    int offset = 0;
    const std::vector<int32_t>& due() const { return slots[offset]; }
    // Begin a step: the slot of the step before is free for a later one.
    void advance()
    {
        slots[offset].clear();
        if (++offset == (int)slots.size()) offset = 0;
    }
    std::vector<int32_t>& after(int64_t delay) { return slots[(offset + delay) % slots.size()]; }
    // Add spikes that all arrive after the longest delay.
    void push(const int32_t* events, int64_t count)
    {
        std::vector<int32_t>& slot = after(slots.size() - 1);
        slot.insert(slot.end(), events, events + count);
    }
};

// The groups of synapses of one end of a pathway: those of a unit that its spikes reach after one delay.
struct Groups {
    std::vector<int64_t> first{};  // the first group of each unit
    std::vector<int64_t> begin{};  // the first synapse of each group
    std::vector<int32_t> unit_of{}, delay_of{};  // unit and delay (steps) of each group; empty if there is one delay

    int64_t count() const { return (int64_t)begin.size() - 1; }
    int64_t unit(int64_t group) const { return unit_of.empty() ? group : unit_of[group]; }
    Piece whole(int64_t group) const { return {begin[group], begin[group + 1]}; }
    // Add spikes of elements; each reaches the groups of its unit after their delays.
    void push(Arrivals& queue, const int32_t* events, int64_t count, int64_t batch) const
    {
        if (delay_of.empty()) { queue.push(events, count); return; }
        for (int64_t k = 0; k < count; k++)
        {
            const int64_t unit = events[k]/batch, sample = events[k] % batch;
            for (int64_t g = first[unit]; g < first[unit + 1]; g++)
                queue.after(delay_of[g]).push_back((int32_t)(g*batch + sample));
        }
    }
};

struct Rows {
    const int64_t sources, targets, batch;  // presynaptic and postsynaptic units, samples
    const bool uniform, uniform_post;  // whether spikes of each end reach all synapses after one delay
    const bool columns;                // whether postsynaptic spikes have effects
    const bool numbered;           // whether texts draw random numbers, whose indices follow the order of the task
    std::vector<Arrivals> queues;  // one for each event with an effect
    Groups by_pre{}, by_post{};    // the groups of rows and of columns
    std::vector<int32_t> target{};  // postsynaptic unit of each synapse
    std::vector<int32_t> place{};  // if there are several delays: synapse in rows, for each in the order of the task
    std::vector<int32_t> number{};  // if there are several delays and `numbered`: the inverse of `place`
    int64_t blocks = 1;
    std::vector<int32_t> cuts{};  // for each group, where blocks 1, 2, ... begin, from the beginning of the group
    // Column c has the synapses of postsynaptic unit c, ordered by delay, then in the order of the task.
    std::vector<int32_t> position{}, source{};  // where the synapse is in the rows, and its presynaptic unit
    int64_t mean_row = 0, mean_column = 0;      // mean number of synapses of a group

    int64_t at(int64_t synapse) const { return place.empty() ? synapse : place[synapse]; }
    int64_t number_of(int64_t position) const { return number.empty() ? position : number[position]; }
    Piece part(int64_t group, int64_t block) const
    {
        const int32_t* const own = cuts.data() + group*(blocks - 1);
        const auto [from, to] = by_pre.whole(group);
        return {block ? from + own[block - 1] : from, block + 1 < blocks ? from + own[block] : to};
    }
};

constexpr int64_t parts_ahead = 4;  // parts of rows between the one that is fetched and the one in use
constexpr int64_t ahead = 16;  // synapses of a column between which a number is fetched and used

// Fetch a piece of an array into the cache.
template <typename T> inline void fetch(const T* from, int64_t count)
{
    for (const char *p = (const char*)from, *end = (const char*)(from + count); p < end; p += 64) __builtin_prefetch(p);
}

}  // namespace ds
