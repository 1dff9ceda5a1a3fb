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
#include "sparse_tiles.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace ds {

// Neighbouring groups, the columns low .. high that they have, and the place of their sums among those of all bands.
struct Band { int32_t begin, end, low, high; int64_t place; };

constexpr int32_t most_bands = 16;      // they are the parts that threads share
constexpr int64_t most_columns = 4;     // as many times the columns of the matrix may the bands have in all
constexpr int64_t band_rows = 4;        // the least rows of a group, on average, for several samples

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
