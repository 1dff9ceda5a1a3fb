// Reading of synapses from a task: connections become rows, and values go where the program keeps them.

#pragma once

#include "glue.h"
#include "parallel.h"
#include "task.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

namespace ds {

// Read a list piece by piece, so that no second copy of it is in memory, and call use(index, value) for each number.
template <typename T, typename F> int64_t each(Reader& r, const F& use)
{
    const int64_t count = r.integer();
    std::vector<T> piece;
    for (int64_t done = 0; done < count; done += piece.size())
    {
        piece.resize(std::min<int64_t>(count - done, 1 << 16));
        r.bytes(piece.data(), sizeof(T)*piece.size());
        for (size_t k = 0; k < piece.size(); k++) use(done + (int64_t)k, piece[k]);
    }
    return count;
}

// Read the pairs of units that are connected; they are ordered by presynaptic unit.
inline void read_pairs(Reader& r, Rows& rows)
{
    std::vector<int64_t>& begin = rows.by_pre.begin;
    begin.assign(rows.sources + 1, 0);
    int64_t before = 0;
    const int64_t count = each<int32_t>(r, [&](int64_t k, int32_t element) {
        if (k % rows.batch) return;
        const int64_t unit = element/rows.batch;
        if (unit < before || unit >= rows.sources) fail("the synapses of a task are not in order");
        begin[(before = unit) + 1]++;
    });
    if (count >= INT32_MAX) fail("a pathway has more synapses than a program can count");
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    rows.target.resize(count/rows.batch);
    const int64_t targets = each<int32_t>(r, [&](int64_t k, int32_t element) {
        if (k >= count || element < 0 || element >= rows.targets*rows.batch) fail("a synapse of a task has no target");
        if (k % rows.batch == 0) rows.target[k/rows.batch] = (int32_t)(element/rows.batch);
    });
    if (targets != count) fail("the synapses of a task are incomplete");
}

inline int32_t steps_of(double delay) { return (int32_t)(delay/task.dt + 0.5); }

// Divide the synapses of each unit, which begin at `groups.begin`, into groups by their delays. Return the order in
// which the synapses are to be put; it is empty if they stay where they are, because there is one delay.
inline std::vector<int32_t> divide(Groups& groups, const std::vector<int32_t>& delays, bool uniform)
{
    const std::vector<int64_t> unit_begin = groups.begin;
    const int64_t units = (int64_t)unit_begin.size() - 1;
    groups.first.resize(units + 1);
    std::iota(groups.first.begin(), groups.first.end(), 0);
    if (uniform) return {};
    std::vector<int32_t> order(delays.size());
    std::iota(order.begin(), order.end(), 0);
    groups.begin.clear();
    for (int64_t unit = 0; unit < units; unit++)
    {
        const int64_t from = unit_begin[unit], to = unit_begin[unit + 1];
        std::stable_sort(order.begin() + from, order.begin() + to, [&](int32_t a, int32_t b) { return delays[a] < delays[b]; });
        for (int64_t k = from; k < to; k++)
        {
            if (k > from && delays[order[k]] == groups.delay_of.back()) continue;
            groups.begin.push_back(k);
            groups.delay_of.push_back(delays[order[k]]);
            groups.unit_of.push_back((int32_t)unit);
        }
        groups.first[unit + 1] = groups.begin.size();
    }
    groups.begin.push_back(delays.size());
    return order;
}

// Return values in another order.
template <typename T> std::vector<T> reordered(const std::vector<T>& values, const std::vector<int32_t>& order)
{
    std::vector<T> found(values.size());
    for (size_t k = 0; k < order.size(); k++) found[k] = values[order[k]];
    return found;
}

// Read the delays of the spikes of one end in steps, one for each synapse or one for all, and make room in the queues.
inline std::vector<int32_t> read_delays(Reader& r, Rows& rows, bool at_post)
{
    const bool uniform = at_post ? rows.uniform_post : rows.uniform;
    const int64_t count = rows.target.size()*rows.batch;
    std::vector<int32_t> delays(uniform ? 1 : rows.target.size());
    int32_t longest = 0;
    const int64_t found = each<double>(r, [&](int64_t k, double delay) {
        if (uniform ? k > 0 : k >= count) fail("the delays of a task are not those of its synapses");
        delays[uniform ? 0 : k/rows.batch] = steps_of(delay);
        longest = std::max(longest, steps_of(delay));
    });
    if (found != (uniform ? 1 : count)) fail("the delays of a task are incomplete");
    for (Arrivals& queue : rows.queues) if (queue.at_post == at_post) queue.slots.resize(longest + 1);
    return delays;
}

// Order each row by delay, and divide it into groups.
inline void make_rows(Rows& rows, const std::vector<int32_t>& delays)
{
    std::vector<int32_t> order = divide(rows.by_pre, delays, rows.uniform);
    if (order.empty()) return;
    rows.target = reordered(rows.target, order);
    rows.place.resize(order.size());
    for (size_t k = 0; k < order.size(); k++) rows.place[order[k]] = (int32_t)k;
    if (rows.numbered) rows.number.swap(order);
}

// Divide the postsynaptic units into blocks. A block has about 2000 elements, whose numbers fit into the cache
// nearest to the processor, and at least 64 synapses of a group on average, so that short loops cost little. Several
// threads need at least one block each; for them, groups are divided into smaller parts.
inline void cut(Rows& rows)
{
    const int64_t groups = rows.by_pre.count(), count = rows.target.size();
    if (!groups) return;
    int64_t blocks = std::min(rows.targets*rows.batch/2048, count/groups/64);
    if (threads() > 1)
    {
        const int64_t each = threads(), most = count/groups/(rows.uniform ? 32 : 8);
        const int64_t wanted = (std::max<int64_t>(blocks, 1) + each - 1)/each*each;
        if (wanted <= most) blocks = wanted;
    }
    rows.blocks = std::max<int64_t>(1, std::min(blocks, rows.targets));
    // Borders are those of element-wise loops where there are enough elements, so that a thread finds in its cache what
    // it has worked on there (`run_loops` in parallel.cpp).
    const int64_t steps = (rows.targets*rows.batch + block - 1)/block;
    const auto border = [&](int64_t b) {
        return steps < rows.blocks ? b*rows.targets/rows.blocks : b*steps/rows.blocks*block/rows.batch;
    };
    rows.cuts.resize(groups*(rows.blocks - 1));
    for (int64_t g = 0; g < groups; g++)
    {
        const Piece all = rows.by_pre.whole(g);
        const auto from = rows.target.begin() + all.begin, to = rows.target.begin() + all.end;
        for (int64_t b = 1; b < rows.blocks; b++)
            rows.cuts[g*(rows.blocks - 1) + b - 1] = std::lower_bound(from, to, border(b)) - from;
    }
}

// Make the columns, by which postsynaptic spikes find their synapses, in the order of the task, and divide them into
// groups. `delays` are those of postsynaptic spikes, in the order of the task.
inline void make_columns(Rows& rows, const std::vector<int32_t>& delays)
{
    const int64_t count = rows.target.size();
    const Groups& by_pre = rows.by_pre;
    std::vector<int64_t>& begin = rows.by_post.begin;
    begin.assign(rows.targets + 1, 0);
    for (const int32_t t : rows.target) begin[t + 1]++;
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<int64_t> next(begin.begin(), begin.end() - 1);
    rows.position.reserve(count + ahead);  // so that the padding below needs no second copy
    rows.position.resize(count);
    rows.source.resize(count);
    std::vector<int32_t> own(rows.uniform_post ? 0 : count);
    for (int64_t unit = 0; unit < rows.sources; unit++)
        for (int64_t k = by_pre.begin[by_pre.first[unit]]; k < by_pre.begin[by_pre.first[unit + 1]]; k++)
        {
            const int64_t at = rows.at(k), to = next[rows.target[at]]++;
            rows.position[to] = (int32_t)at;
            rows.source[to] = (int32_t)unit;
            if (!own.empty()) own[to] = delays[k];
        }
    if (const std::vector<int32_t> order = divide(rows.by_post, own, rows.uniform_post); !order.empty())
    {
        rows.position = reordered(rows.position, order);
        rows.source = reordered(rows.source, order);
    }
    rows.position.resize(count + ahead);
}

// Read the start values of a variable; without any, it starts at zero. If it is hoisted, all synapses of a unit have
// the same value.
inline void read_variable(Reader& r, const Rows& rows, Variable& v)
{
    const int64_t count = rows.target.size()*rows.batch;
    int64_t row = 0;
    if (v.end == Variable::synapse) v.values.resize(count);
    const int64_t found = each<double>(r, [&](int64_t k, double value) {
        if (k >= count) fail("a task has too many values of synapses");
        const int64_t at = rows.at(k/rows.batch), sample = k % rows.batch;
        if (v.end == Variable::synapse) { v.values.set(at*rows.batch + sample, value); return; }
        if (v.end == Variable::pre) while (at >= rows.by_pre.begin[row + 1]) row++;  // only pathways with one delay have variables hoisted to this end
        const int64_t unit = v.end == Variable::pre ? row : rows.target[at], i = unit*rows.batch + sample;
        if (v.units.bytes == 4) ((float*)v.units.data)[i] = (float)value; else ((double*)v.units.data)[i] = value;
    });
    if (found && found != count) fail("a task has too few values of synapses");
}

inline void read_bundles(Reader& r)
{
    members.clear();
    if (r.integer() != (int64_t)bundles.size()) fail("the task has synapses of other pathways");
    for (Bundle& b : bundles)
    {
        Rows& rows = *b.rows;
        read_pairs(r, rows);
        make_rows(rows, read_delays(r, rows, false));
        const std::vector<int32_t> post_delays = read_delays(r, rows, true);
        for (Variable& v : b.variables) read_variable(r, rows, v);
        if (rows.columns) make_columns(rows, post_delays);
        const int64_t count = rows.target.size();
        rows.mean_row = count/std::max<int64_t>(1, rows.by_pre.count());
        rows.mean_column = count/std::max<int64_t>(1, rows.by_post.count());
    }
    for (const Bundle& b : bundles) for (const Variable& v : b.variables) members.push_back({b.rows, &v});
    const size_t kept_count = members.size();
    for (const Bundle& b : bundles) for (const Variable& v : b.current) members.push_back({b.rows, &v});
    for (size_t k = 0; k < members.size(); k++)
    {
        const auto& [rows, variable] = members[k];
        const bool in_order = k < kept_count && variable->end == Variable::synapse && rows->place.empty();
        const Array kept = variable->native();
        arrays[array_count - members.size() + k]
            = {in_order ? kept.data : nullptr, (int64_t)rows->target.size()*rows->batch, kept.bytes};
    }
}

// Return the array in which the program keeps the numbers of array `id`.
inline Array native(int64_t id)
{
    const int64_t k = id - (array_count - (int64_t)members.size());
    return k < 0 ? arrays[id] : members[k].variable->native();
}

// Return the numbers of array `id`, those of synapses in the order of the task; this may copy them into `space`.
inline const void* ordered(int64_t id, std::vector<char>& space)
{
    const Array& a = arrays[id];
    if (a.data || !a.size) return a.data;
    const auto& [rows, variable] = members[id - (array_count - members.size())];
    const char* const kept = (const char*)variable->native().data;
    space.resize(a.size*a.bytes);
    for (int64_t k = 0, row = 0; k < (int64_t)rows->target.size(); k++)
    {
        int64_t from = rows->at(k);
        if (variable->end == Variable::post) from = rows->target[from];
        if (variable->end == Variable::pre)
        {
            while (k >= rows->by_pre.begin[row + 1]) row++;
            from = row;
        }
        std::memcpy(space.data() + k*rows->batch*a.bytes, kept + from*rows->batch*a.bytes, rows->batch*a.bytes);
    }
    return space.data();
}

}  // namespace ds
