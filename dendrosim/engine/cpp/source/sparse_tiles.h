// Register tiles of sparse matrices, and the connections that they go through.

#pragma once

#include "tiles.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace ds {

constexpr int32_t group_rows = 4*tile_rows;  // the most rows of a group, so that threads can share a layer

// The connections of a matrix by row, or by column for the transposed product.
struct Connections {
    std::vector<int64_t> starts;   // place of each row's first connection, and the number of connections
    std::vector<int32_t> others;   // the column of each connection
    std::vector<int32_t> weights;  // where the weight of each connection is; empty if in the same order
    std::vector<int32_t> groups;   // first row of each group, and the number of rows

    int32_t rows() const { return (int32_t)starts.size() - 1; }

    bool same(int32_t row, int32_t other) const
    {
        const auto begin = others.begin();
        return std::equal(begin + starts[row], begin + starts[row + 1], begin + starts[other], begin + starts[other + 1]);
    }

    void find_groups()
    {
        for (int32_t row = 0; row < rows(); row++)
            if (groups.empty() || row - groups.back() == group_rows || !same(groups.back(), row)) groups.push_back(row);
        groups.push_back(rows());
    }

    // The same connections by column.
    Connections transposed(int32_t columns) const
    {
        Connections t;
        t.starts.assign(columns + 1, 0);
        for (int32_t column : others) t.starts[column + 1]++;
        for (int32_t column = 0; column < columns; column++) t.starts[column + 1] += t.starts[column];
        std::vector<int64_t> next(t.starts.begin(), t.starts.end() - 1);
        t.others.resize(others.size());
        t.weights.resize(others.size());
        for (int32_t row = 0; row < rows(); row++)
            for (int64_t k = starts[row]; k < starts[row + 1]; k++)
            {
                const int64_t to = next[others[k]]++;
                t.others[to] = row;
                t.weights[to] = (int32_t)k;
            }
        t.find_groups();
        return t;
    }
};

// Compute y = W x or y += W x for R rows of one group and for P panels of activities (see `Panels`), each of W
// vectors. `used` numbers of the result are stored in each row.
template <typename T, int R, int P, int W, bool Ordered>
__attribute__((noinline)) void sparse_tile(const Connections& of, int32_t row, const T* w, const Panels<T>& x,
    int64_t first, T* y, int64_t batch, int64_t used, bool add)
{
    using V = typename Vector<T>::type;
    constexpr int64_t count = Vector<T>::count;
    constexpr int N = P*W;
    const int64_t* starts = of.starts.data() + row;
    const int64_t depth = starts[1] - starts[0];
    const int32_t* others = of.others.data() + starts[0];
    const int32_t* places = Ordered ? nullptr : of.weights.data();
    const T* const activities = x.at(first, 0);
    const int64_t next_panel = x.rows*Vector<T>::panel;
    V sum[R][N] = {};
    // All loops over vectors are unrolled, so that the compiler keeps the sums in registers.
    for (int64_t k = 0; k < depth; k++)
    {
        const T* from = activities + others[k]*W*count;
        V part[N];
        #pragma GCC unroll 8
        for (int n = 0; n < N; n++) part[n] = *(const V*)(from + n/W*next_panel + n % W*count);
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
        {
            const int64_t place = starts[r] + k;
            const V factor = V{} + w[Ordered ? place : places[place]];
            #pragma GCC unroll 8
            for (int n = 0; n < N; n++) sum[r][n] += factor*part[n];
        }
    }
    if (used == N*count)
    {
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
            #pragma GCC unroll 8
            for (int n = 0; n < N; n++)
            {
                V* to = (V*)(y + r*batch + n*count);
                *to = add ? *to + sum[r][n] : sum[r][n];
            }
        return;
    }
    #pragma GCC unroll 8
    for (int r = 0; r < R; r++)
    {
        T values[N*count];
        #pragma GCC unroll 8
        for (int n = 0; n < N; n++) *(V*)(values + n*count) = sum[r][n];
        T* to = y + r*batch;
        for (int64_t i = 0; i < used; i++) to[i] = add ? to[i] + values[i] : values[i];
    }
}

// The panels of a tile of R rows: as many as leave its sums in the registers, of which there are 16 or 32.
constexpr int panels_of(int R)
{
    constexpr int most = vector_bytes == 64 ? 16 : 12;
    return 8*R <= most ? 4 : 4*R <= most ? 2 : 1;
}

// Call `sparse_tile` for R rows and the samples from `first` on, P panels at a time.
template <typename T, int R, bool Ordered, int P = panels_of(R)>
void sparse_row(const Connections& of, int32_t row, const T* w, const Panels<T>& x, T* y, int64_t first, bool add)
{
    constexpr int64_t count = Vector<T>::count, wide = P*Vector<T>::panel;
    const int64_t batch = x.columns;
    for (; first < batch && first + wide - batch < count; first += wide)
        sparse_tile<T, R, P, 2, Ordered>(of, row, w, x, first, y + row*batch + first, batch,
            std::min(batch - first, wide), add);
    if (first >= batch) return;
    if constexpr (P > 1)
        sparse_row<T, R, Ordered, P/2>(of, row, w, x, y, first, add);
    else
        sparse_tile<T, R, 1, 1, Ordered>(of, row, w, x, first, y + row*batch + first, batch, batch - first, add);
}

// Call `work` with rows of one group, and with their number as a template argument: R or less.
template <int R = tile_rows, typename F> void divide_group(int32_t row, int32_t end, const F& work)
{
    for (; row + R <= end; row += R) work(row, std::integral_constant<int, R>());
    if constexpr (R > 1)
        if (row < end) divide_group<fewer_rows(R)>(row, end, work);
}

// Return for each pair of neighbouring lanes its sum: first those of a, then those of b.
template <typename T, size_t... I>
__attribute__((always_inline)) inline typename Vector<T>::type add_neighbours(typename Vector<T>::type a,
    typename Vector<T>::type b, std::index_sequence<I...>)
{
    return choose<T>(a, b, std::index_sequence<2*I...>()) + choose<T>(a, b, std::index_sequence<(2*I + 1)...>());
}

// Return the sums of the numbers in each of `Count` vectors, as many as a vector has numbers.
template <typename T, int64_t Count = Vector<T>::count>
__attribute__((always_inline)) inline typename Vector<T>::type sum_lanes(const typename Vector<T>::type* v)
{
    if constexpr (Count == 1)
        return v[0];
    else
        return add_neighbours<T>(sum_lanes<T, Count/2>(v), sum_lanes<T, Count/2>(v + Count/2),
            std::make_index_sequence<Vector<T>::count>());
}

// Compute W = keep W + post pre^T, summed over the samples, for C connections of a row from number `first` on, of
// which `used` exist. With keep = 0, the old weights are not read. Both factors have `wide` samples. Return false if a
// weight is not finite.
template <typename T, int C>
__attribute__((noinline)) bool learn_tile(const T* post, const T* pre, const int32_t* others, int64_t used,
    int64_t wide, T keep, T* w)
{
    using V = typename Vector<T>::type;
    constexpr int64_t count = Vector<T>::count, sums = (C + count - 1)/count*count;
    const T* columns[C];
    for (int64_t c = 0; c < C; c++) columns[c] = pre + others[std::min(c, used - 1)]*wide;
    V sum[sums] = {};
    for (int64_t b = 0; b < wide; b += count)
    {
        const V factor = *(const V*)(post + b);
        #pragma GCC unroll 16
        for (int c = 0; c < C; c++) sum[c] += factor**(const V*)(columns[c] + b);
    }
    T values[sums];
    #pragma GCC unroll 16
    for (int64_t i = 0; i < sums; i += count) *(V*)(values + i) = sum_lanes<T>(sum + i);
    for (int64_t c = 0; c < used; c++) w[c] = keep == 0 ? values[c] : keep*w[c] + values[c];
    return Finite<T>::all(w, used);
}

// Copy activities, times a factor, so that each unit has `wide` samples; additional samples are zero.
template <typename T>
void widen(const T* from, int64_t units, int64_t batch, int64_t wide, T factor, std::vector<T>& to)
{
    to.resize(units*wide);
    for (int64_t i = 0; i < units; i++)
    {
        for (int64_t b = 0; b < batch; b++) to[i*wide + b] = factor*from[i*batch + b];
        for (int64_t b = batch; b < wide; b++) to[i*wide + b] = 0;
    }
}

}  // namespace ds
