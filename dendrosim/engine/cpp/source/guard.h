// The guard: it finds numbers that are not finite.

#pragma once

#include "arrays.h"
#include "bundles.h"
#include "dense.h"
#include "glue.h"
#include "parallel.h"
#include "sparse.h"
#include "task.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <vector>

namespace ds {

static bool finite(const Array& a, int64_t begin, int64_t end)
{
    return a.bytes == 4 ? Finite<float>::all((const float*)a.data + begin, end - begin)
        : Finite<double>::all((const double*)a.data + begin, end - begin);
}

// Return whether all numbers of an array are finite; threads share the work.
static bool finite(const Array& a)
{
    std::atomic<bool> good{true}, *const all = &good;
    parallel(a.size, [=](int64_t begin, int64_t end) { if (!finite(a, begin, end)) *all = false; });
    return good;
}

// The arrays that the guard checks in every step, grouped by their number of elements.
static std::map<int64_t, std::vector<int64_t>> watched_by_size;

// Let the guard check arrays. Weights whose updates check them are left out: patient ones (dense.h), whose updates
// set `diverged`, and checked ones (sparse.h).
static void watch(const std::vector<int64_t>& ids)
{
    for (const int64_t id : ids)
    {
        const void* data = arrays[id].data;
        const auto same = [=](Patient* p) { return p->values() == data; };
        if (std::none_of(patients.begin(), patients.end(), same)
            && std::find(checked_weights.begin(), checked_weights.end(), data) == checked_weights.end())
            watched_by_size[arrays[id].size].push_back(id);
    }
}

static std::atomic<bool> all_finite{true};

static void check(const void* ids, int64_t begin, int64_t end)
{
    for (const int64_t id : *(const std::vector<int64_t>*)ids) if (!finite(arrays[id], begin, end)) all_finite = false;
}

// Return whether all numbers of these arrays are finite. The elements are divided among threads as in element-wise
// loops, so that each thread finds in its cache what it has just written.
static bool watched_are_finite()
{
    for (const auto& [count, ids] : watched_by_size) postpone(count, {check, &ids}, count);
    flush();
    return all_finite && checked_finite;
}

// End the program if a number of synapses that no step changes, and that the guard therefore does not check, has come
// from a checkpoint and is not finite.
static void check_constants()
{
    const std::vector<int64_t>& checked = task.watched_synapses;
    for (int64_t id = array_count - (int64_t)members.size(); id < array_count; id++)
        if (std::find(checked.begin(), checked.end(), id) == checked.end() && !finite(native(id)))
            fail_damaged("its checkpoint is damaged: a number of a synapse is not finite");
}

}  // namespace ds
