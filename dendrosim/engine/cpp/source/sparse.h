// Sparse weight matrices: products, and updates of the weights that exist.
//
// Activities are units x samples, as in dense.h. Weights are sorted by row, then by column. Neighbouring rows with
// the same columns, such as the filters of one place in a locally connected layer, form a group. Its weights are a
// dense block, and its kernels load the activities of a column once for several rows. Groups do not depend on
// threads, and each is computed by one thread, so that threads change no bit of a result.
//
// The transposed product reads the weights in their order if it can: groups are divided into bands, each of which adds
// up its columns in sums of its own. If the bands have many columns in common, as in a random matrix, it reads the
// weights column by column instead.

#pragma once

#include "arrays.h"
#include "dense.h"

#include <algorithm>
#include <cstdint>
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

// Neighbouring groups, the columns low .. high that they have, and the place of their sums among those of all bands.
struct Band { int32_t begin, end, low, high; int64_t place; };

constexpr int32_t most_bands = 16;      // they are the parts that threads share
constexpr int64_t most_columns = 4;     // as many times the columns of the matrix may the bands have in all
constexpr int64_t band_rows = 4;        // the least rows of a group, on average, for several samples

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

constexpr int32_t gather_from = 3;  // rows of a group from which gathering its activities pays

// What the runtime needs to know of a sparse matrix, whose connections it reads from the task.
struct SparseMatrix {
    // Return whether the numbers are places and columns of this matrix, in order; take them over if they are.
    virtual bool connect(std::vector<int64_t> starts, std::vector<int32_t> columns) = 0;
};
inline std::vector<SparseMatrix*> sparse_matrices;

// Sparse weights whose updates find numbers that are not finite, and whether one has. The guard need not read them.
inline std::vector<const void*> checked_weights;
inline bool checked_finite = true;

// A sparse weight matrix. It is `checked` if `learn` alone changes its weights.
template <typename T> class Sparse : SparseMatrix {
public:
    // Brian2's arrays with a number for each connection; the first one has the weights. `connect` allocates them.
    std::vector<T**> arrays_of_weights;
    int64_t array = -1;  // the number of the weights in `arrays`
    Connections by_row;

    Sparse(int rows, int columns, int batch, bool checked)
        : rows(rows), columns(columns), batch(batch), checked(checked)
    {
        sparse_matrices.push_back(this);
    }

    // These methods are defined outside of the class, so that programs can use the instances in kernels.cpp.
    bool connect(std::vector<int64_t> starts, std::vector<int32_t> others) override;
    void product(const T* x, T* y, bool add);     // y = W x or y += W x
    void transposed(const T* x, T* y, bool add);  // y = W^T x or y += W^T x
    // to = keep to + alpha post pre^T, summed over the batch, where there are connections; returns whether it is finite
    bool outer(T alpha, const T* post, const T* pre, T keep, T* to);
    void learn(T alpha, const T* post, const T* pre, T keep);  // the same for the weights
    void scale(T factor);
    void clip(T low, T high) { set_limits(w, (int64_t)by_row.others.size(), low, high); }
    void begin(bool second) { halves.begin(second, w, (int64_t)by_row.others.size()); }
    void end(T low = -INFINITY, T high = INFINITY) { halves.end(w, (int64_t)by_row.others.size(), low, high); }

private:
    const int rows, columns, batch;
    const bool checked;
    T* w = nullptr;
    Halves<T> halves;
    bool small_groups = false;
    Connections by_column;    // for the transposed product, unless there are bands
    std::vector<Band> bands;
    std::vector<T> sums;      // columns of all bands x samples
    static inline std::vector<T> factors, partners;
    static inline Panels<T> panels;

    // Whether a group has so many rows that gathering its activities pays.
    static bool gathers(int32_t count) { return count >= gather_from && tiles; }
    static bool learn_group(int32_t count, int64_t depth, const int32_t* others, T alpha, const T* post, const T* pre,
        int64_t samples, int64_t wide, T keep, T* w);
    int64_t work() const { return by_row.starts[rows]*batch; }

    template <bool Ordered> void multiply(const Connections& of, const T* x, int64_t units, T* y, bool add)
    {
        if (batch == 1) return multiply_one<Ordered>(of, x, y, add);
        panels.pack(x, units, batch, false);
        in_parallel(work() >= work_from, (int64_t)of.groups.size() - 1, 1, [this, &of, y, add](int64_t begin, int64_t end) {
            for (int64_t g = begin; g < end; g++)
                divide_group(of.groups[g], of.groups[g + 1], [&](int32_t row, auto count) {
                    sparse_row<T, decltype(count)::value, Ordered>(of, row, w, panels, y, 0, add);
                });
        });
    }

    // Find bands for the transposed product, if they pay.
    void find_bands()
    {
        const int64_t groups = (int64_t)by_row.groups.size() - 1;
        if (batch > 1 && (!tiles || rows < band_rows*groups)) return;
        int64_t place = 0;
        for (int64_t b = 0; b < most_bands; b++)
        {
            const int32_t begin = b*groups/most_bands, end = (b + 1)*groups/most_bands;
            const auto first = by_row.others.begin() + by_row.starts[by_row.groups[begin]];
            const auto last = by_row.others.begin() + by_row.starts[by_row.groups[end]];
            if (first == last) continue;
            const int32_t low = *std::min_element(first, last), high = *std::max_element(first, last) + 1;
            bands.push_back({begin, end, low, high, place});
            place += high - low;
        }
        if (place > most_columns*columns) bands.clear(); else sums.resize(place*batch);
    }

    // Add up W^T x for the groups of a band.
    void add_band(const Band& band, const T* x)
    {
        T* const to = sums.data() + (band.place - band.low)*batch;
        std::fill_n(to + band.low*batch, (band.high - band.low)*batch, (T)0);
        for (int32_t g = band.begin; g < band.end; g++)
        {
            const int32_t row = by_row.groups[g], count = by_row.groups[g + 1] - row;
            const int64_t start = by_row.starts[row], depth = by_row.starts[row + 1] - start;
            const int32_t* others = by_row.others.data() + start;
            for (int64_t k = 0, used; k < depth; k += used)
            {
                // Neighbouring columns have neighbouring sums.
                for (used = 1; k + used < depth && others[k + used] == others[k] + used; used++) {}
                if (batch == 1)
                    add_rows(count, used, w + start + k, depth, x + row, to + others[k]);
                else
                    for (int64_t c = 0; c < used; c += tile_rows)
                        strip<T, Kind::transposed>(std::min<int64_t>(used - c, tile_rows), count, w + start + k + c,
                            depth, panels, row, 0, batch, 1, to + (others[k] + c)*batch, batch);
            }
        }
    }

    static void add_rows(int32_t rows, int64_t columns, const T* w, int64_t stride, const T* x, T* __restrict to)
    {
        for (int32_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) to[c] += w[r*stride + c]*x[r];
    }

    template <bool Ordered> void multiply_one(const Connections& of, const T* x, T* y, bool add)
    {
        in_parallel(work() >= work_from_of_one, of.rows(), 64, [&, x, y, add](int64_t begin, int64_t end) {
            constexpr int64_t lanes = 8;  // sums side by side, so that additions need not wait for each other
            for (int64_t row = begin; row < end; row++)
            {
                const auto weight = [&](int64_t k) { return w[Ordered ? k : of.weights[k]]; };
                const int64_t stop = of.starts[row + 1];
                int64_t k = of.starts[row];
                T part[lanes] = {}, sum = 0;
                for (; k + lanes <= stop; k += lanes)
                    for (int64_t i = 0; i < lanes; i++) part[i] += weight(k + i)*x[of.others[k + i]];
                for (; k < stop; k++) sum += weight(k)*x[of.others[k]];
                for (int64_t i = 0; i < lanes; i++) sum += part[i];
                y[row] = add ? y[row] + sum : sum;
            }
        });
    }
};

template <typename T> bool Sparse<T>::connect(std::vector<int64_t> starts, std::vector<int32_t> others)
{
    if ((int64_t)starts.size() != rows + 1 || starts[0] != 0 || starts[rows] != (int64_t)others.size()
        || !std::is_sorted(starts.begin(), starts.end()))
        return false;
    for (int32_t column : others) if (column < 0 || column >= columns) return false;
    by_row.starts = std::move(starts);
    by_row.others = std::move(others);
    by_row.find_groups();
    for (size_t g = 1; g < by_row.groups.size(); g++)
        small_groups |= !gathers(by_row.groups[g] - by_row.groups[g - 1]);
    const int64_t count = (int64_t)by_row.others.size();
    for (T** of : arrays_of_weights) *of = new T[count + 1]();  // as Brian2's own arrays, they are never freed
    w = *arrays_of_weights[0];
    arrays[array].data = w;
    arrays[array].size = count;
    if (checked) checked_weights.push_back(w);
    find_bands();
    return true;
}

template <typename T> void Sparse<T>::product(const T* x, T* y, bool add)
{
    multiply<true>(by_row, x, columns, y, add);
}

template <typename T> void Sparse<T>::transposed(const T* x, T* y, bool add)
{
    if (bands.empty())
    {
        if (by_column.starts.empty()) by_column = by_row.transposed(columns);
        return multiply<false>(by_column, x, rows, y, add);
    }
    if (batch > 1) panels.pack(x, rows, batch, false);
    const bool shared = work() >= (batch > 1 ? work_from : work_from_of_one);
    in_parallel(shared, (int64_t)bands.size(), 1, [this, x](int64_t begin, int64_t end) {
        for (int64_t b = begin; b < end; b++) add_band(bands[b], x);
    });
    in_parallel(shared, columns, 64, [this, y, add](int64_t begin, int64_t end) {
        if (!add) std::fill(y + begin*batch, y + end*batch, (T)0);
        for (const Band& band : bands)
        {
            const T* from = sums.data() + (band.place - band.low)*batch;
            const int64_t first = std::max<int64_t>(begin, band.low)*batch, last = std::min<int64_t>(end, band.high)*batch;
            for (int64_t i = first; i < last; i++) y[i] += from[i];
        }
    });
}

template <typename T> bool Sparse<T>::outer(T alpha, const T* post, const T* pre, T keep, T* to)
{
    const Connections& of = by_row;
    std::atomic<bool> good{true}, *const all = &good;
    if (batch == 1)
    {
        in_parallel(work() >= work_from_of_one, rows, 64, [=, &of](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; row++)
            {
                const T factor = alpha*post[row];
                const int32_t* others = of.others.data();
                for (int64_t k = of.starts[row]; k < of.starts[row + 1]; k++)
                    to[k] = keep == 0 ? factor*pre[others[k]] : keep*to[k] + factor*pre[others[k]];
                if (!Finite<T>::all(to + of.starts[row], of.starts[row + 1] - of.starts[row])) *all = false;
            }
        });
        return good;
    }
    const int64_t samples = batch, wide = (samples + Vector<T>::count - 1)/Vector<T>::count*Vector<T>::count;
    if (small_groups) widen(post, rows, samples, wide, alpha, factors);
    if (wide > samples) widen(pre, columns, samples, wide, (T)1, partners);
    const T *const left = factors.data(), *const right = wide > samples ? partners.data() : pre;
    in_parallel(work() >= work_from, (int64_t)of.groups.size() - 1, 1, [=, &of](int64_t begin, int64_t end) {
        constexpr int C = Vector<T>::count > 8 ? 16 : 8;
        for (int64_t g = begin; g < end; g++)
        {
            const int32_t row = of.groups[g], count = of.groups[g + 1] - row;
            const int64_t start = of.starts[row], depth = of.starts[row + 1] - start;
            const int32_t* others = of.others.data() + start;
            bool finite = true;
            if (gathers(count))
                finite = learn_group(count, depth, others, alpha, post + row*samples, right, samples, wide, keep, to + start);
            else
                for (int32_t r = 0; r < count; r++)
                    for (int64_t k = 0; k < depth; k += C)
                        finite &= learn_tile<T, C>(left + (row + r)*wide, right, others + k,
                            std::min<int64_t>(depth - k, C), wide, keep, to + start + r*depth + k);
            if (!finite) *all = false;
        }
    });
    return good;
}

// The weights of a group are a dense block of count x depth, so that dense tiles update it. The activities of its
// columns are gathered first.
template <typename T>
bool Sparse<T>::learn_group(int32_t count, int64_t depth, const int32_t* others, T alpha, const T* post, const T* pre,
    int64_t samples, int64_t wide, T keep, T* w)
{
    static thread_local Panels<T> gathered;
    gathered.gather(pre, others, samples, depth, wide, alpha);
    bool good = true;
    for (int32_t r = 0; r < count; r += tile_rows)
        good &= strip<T, Kind::learning>(std::min<int32_t>(count - r, tile_rows), samples, post + r*samples, samples,
            gathered, 0, 0, depth, keep, w + r*depth, depth);
    return good;
}

template <typename T> void Sparse<T>::learn(T alpha, const T* post, const T* pre, T keep)
{
    if (add_nothing(alpha, post, (int64_t)rows*batch, pre, (int64_t)columns*batch)) return scale(keep);
    checked_finite &= outer(alpha, post, pre, keep, w);
}

template <typename T> void Sparse<T>::scale(T factor)
{
    if (factor == 1) return;
    T* const weights = w;
    std::atomic<bool> good{true}, *const all = &good;
    parallel((int64_t)by_row.others.size(), [=](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; k++) weights[k] *= factor;
        if (!Finite<T>::all(weights + begin, end - begin)) *all = false;
    });
    checked_finite &= good;
}

}  // namespace ds
