// What is on its way at the end of a run, for a run that continues it: spikes, and values of delayed projections.

#pragma once

#include "glue.h"
#include "synapses.h"
#include "task.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace ds {

// A spike that has not reached all its synapses: how many steps before the step to come it was sent, and the element
// that sent it.
struct Sent {
    int64_t age, element;
    bool operator<(const Sent& other) const { return age != other.age ? age > other.age : element < other.element; }
    bool operator==(const Sent& other) const { return age == other.age && element == other.element; }
};

// Return the spikes in a queue of a pathway between two steps, those sent first coming first. What arrived in the
// step before is still in the slot of that step, which does not count.
inline std::vector<Sent> flying(const Rows& rows, const Arrivals& queue)
{
    const Groups& groups = queue.at_post ? rows.by_post : rows.by_pre;
    const int64_t longest = queue.slots.size() - 1;
    std::vector<Sent> found;
    for (int64_t left = 1; left <= longest; left++)
        for (const int64_t event : queue.slots[(queue.offset + left) % queue.slots.size()])
        {
            const int64_t group = event/rows.batch, delay = groups.delay_of.empty() ? longest : groups.delay_of[group];
            found.push_back({delay - left + 1, groups.unit(group)*rows.batch + event % rows.batch});
        }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

// Put a spike on its way again, after those that were sent before it; return false if it cannot be on its way.
inline bool send(const Rows& rows, Arrivals& queue, const Sent& spike)
{
    const Groups& groups = queue.at_post ? rows.by_post : rows.by_pre;
    const int64_t longest = queue.slots.size() - 1;
    const int64_t elements = (queue.at_post ? rows.targets : rows.sources)*rows.batch;
    if (spike.age < 1 || spike.age > longest || spike.element < 0 || spike.element >= elements) return false;
    if (groups.delay_of.empty())
    {
        queue.after(longest - spike.age + 1).push_back((int32_t)spike.element);
        return true;
    }
    const int64_t unit = spike.element/rows.batch, sample = spike.element % rows.batch;
    for (int64_t g = groups.first[unit]; g < groups.first[unit + 1]; g++)
        if (groups.delay_of[g] >= spike.age)
            queue.after(groups.delay_of[g] - spike.age + 1).push_back((int32_t)(g*rows.batch + sample));
    return true;
}

inline void read_flying(Reader& r)
{
    for (Bundle& b : bundles)
    {
        if (r.integer() != (int64_t)b.rows->queues.size()) fail("the task has spikes of other events");
        for (Arrivals& queue : b.rows->queues)
            for (int64_t n = r.integer(); n > 0; n--)
            {
                const int64_t age = r.integer(), element = r.integer();
                if (!send(*b.rows, queue, {age, element})) fail("the task has spikes that cannot be on their way");
            }
    }
}

// Write what a run that continues this one takes over and what is no array: the values of delayed projections, the
// oldest one first, then for each queue of spikes the number of spikes on their way, with age and element of each.
inline void write_flying()
{
    FILE* const file = open(task.folder + "/flying.bin");
    bool good = true;
    for (DelayLine& d : delay_lines)
        for (int64_t k = 0; k < d.steps; k++)
            good &= (int64_t)std::fwrite(d.slot(task.step + k), 1, d.bytes, file) == d.bytes;
    for (const Bundle& b : bundles)
        for (const Arrivals& queue : b.rows->queues)
        {
            const std::vector<Sent> spikes = flying(*b.rows, queue);
            const int64_t count = spikes.size();
            good &= std::fwrite(&count, 8, 1, file) == 1;
            good &= (int64_t)std::fwrite(spikes.data(), sizeof(Sent), count, file) == count;
        }
    good &= std::fclose(file) == 0;
    if (!good) fail("cannot write the results: is the disk full?");
}

}  // namespace ds
