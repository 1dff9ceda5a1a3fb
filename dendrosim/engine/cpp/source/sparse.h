// Sparse weight matrices: products, and updates of the weights that exist.
//
// Activities are units x samples, as in dense.h. Weights are sorted by row, then by column. Neighbouring rows with
// the same columns, such as the filters of one place in a locally connected layer, form a group: its kernel loads
// the activities of a column once for all its rows. Every number is added up in an order that depends neither on
// the group of its row nor on the thread that computes it.

#pragma once

#include "arrays.h"
#include "dense.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace ds {

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
            if (groups.empty() || row - groups.back() == tile_rows || !same(groups.back(), row)) groups.push_back(row);
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

// Activities in which each unit has a whole number of vectors: the given array, or a copy filled up with zeros.
template <typename T> struct Padded {
    const T* values;
    int64_t stride;
    Padded(const T* from, int64_t units, int64_t batch, std::vector<T>& space, T factor = 1)
        : values(from), stride((batch + Vector<T>::count - 1)/Vector<T>::count*Vector<T>::count)
    {
        if (stride == batch && factor == 1) return;
        space.resize(units*stride);
        values = space.data();
        for (int64_t i = 0; i < units; i++)
        {
            for (int64_t b = 0; b < batch; b++) space[i*stride + b] = factor*from[i*batch + b];
            for (int64_t b = batch; b < stride; b++) space[i*stride + b] = 0;
        }
    }
    const T* at(int64_t unit) const { return values + unit*stride; }
};

// Compute y = W x or y += W x for R rows of one group and N vectors of samples, of which `used` are stored.
template <typename T, int R, int N, bool Ordered>
__attribute__((noinline)) void sparse_tile(const Connections& of, int32_t row, const T* w, const T* x,
    int64_t stride, T* y, int64_t batch, int64_t used, bool add)
{
    using V = typename Vector<T>::type;
    constexpr int64_t count = Vector<T>::count;
    const int64_t* starts = of.starts.data() + row;
    const int64_t depth = starts[1] - starts[0];
    const int32_t* others = of.others.data() + starts[0];
    const int32_t* places = Ordered ? nullptr : of.weights.data();
    V sum[R][N] = {};
    for (int64_t k = 0; k < depth; k++)
    {
        const T* from = x + others[k]*stride;
        V part[N];
        #pragma GCC unroll 8
        for (int n = 0; n < N; n++) part[n] = *(const V*)(from + n*count);
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
        {
            const int64_t place = starts[r] + k;
            const V factor = V{} + w[Ordered ? place : places[place]];
            #pragma GCC unroll 8
            for (int n = 0; n < N; n++) sum[r][n] += factor*part[n];
        }
    }
    for (int r = 0; r < R; r++)
    {
        T values[N*count];
        for (int n = 0; n < N; n++) *(V*)(values + n*count) = sum[r][n];
        T* to = y + r*batch;
        for (int64_t i = 0; i < used; i++) to[i] = add ? to[i] + values[i] : values[i];
    }
}

// Call `sparse_tile` for R rows and all samples from the first one on, N vectors at a time.
template <typename T, int R, bool Ordered, int N = (R > 4 ? 2 : R > 2 ? 4 : 8)>
void sparse_row(const Connections& of, int32_t row, const T* w, const Padded<T>& x, T* y, int64_t batch,
    int64_t first, bool add)
{
    constexpr int64_t wide = N*Vector<T>::count;
    for (; first + wide <= x.stride; first += wide)
        sparse_tile<T, R, N, Ordered>(of, row, w, x.values + first, x.stride, y + row*batch + first, batch,
            std::min(batch - first, wide), add);
    if constexpr (N > 1)
        if (first < x.stride) sparse_row<T, R, Ordered, N/2>(of, row, w, x, y, batch, first, add);
}

// Call `work` with rows of one group, and with their number as a template argument: R, or powers of two below.
template <int R = tile_rows, typename F> void divide_group(int32_t row, int32_t end, const F& work)
{
    for (; row + R <= end; row += R) work(row, std::integral_constant<int, R>());
    if constexpr (R > 1)
        if (row < end) divide_group<(R > 4 ? 4 : R/2)>(row, end, work);
}

// Return for each pair of neighbouring lanes its sum: first those of a, then those of b.
template <typename T, size_t... I>
typename Vector<T>::type add_neighbours(typename Vector<T>::type a, typename Vector<T>::type b, std::index_sequence<I...>)
{
#if defined __clang__
    return __builtin_shufflevector(a, b, 2*I...) + __builtin_shufflevector(a, b, (2*I + 1)...);
#else
    typedef std::conditional_t<sizeof(T) == 4, int32_t, int64_t> Mask __attribute__((vector_size(vector_bytes)));
    return __builtin_shuffle(a, b, Mask{2*I...}) + __builtin_shuffle(a, b, Mask{(2*I + 1)...});
#endif
}

// Replace the first of `count` vectors by the sums of the numbers in each of them.
template <typename T> void sum_lanes(typename Vector<T>::type* v)
{
    constexpr int64_t count = Vector<T>::count;
    #pragma GCC unroll 8
    for (int64_t n = count/2; n > 0; n /= 2)
        #pragma GCC unroll 8
        for (int64_t i = 0; i < n; i++)
            v[i] = add_neighbours<T>(v[2*i], v[2*i + 1], std::make_index_sequence<count>());
}

// Compute W = keep W + post pre^T, summed over the samples, for R rows of one group and C of its connections from
// number `first` on, of which `used` exist. With keep = 0, the old weights are not read.
template <typename T, int R, int C>
__attribute__((noinline)) void learn_tile(const Connections& of, int32_t row, int64_t first, int64_t used,
    const Padded<T>& post, const Padded<T>& pre, T keep, T* w)
{
    using V = typename Vector<T>::type;
    constexpr int64_t count = Vector<T>::count, sums = (R*C + count - 1)/count*count;
    const int64_t* starts = of.starts.data() + row;
    const T* columns[C];
    for (int64_t c = 0; c < C; c++) columns[c] = pre.at(of.others[starts[0] + first + std::min(c, used - 1)]);
    V sum[sums] = {};
    for (int64_t b = 0; b < post.stride; b += count)
    {
        V part[C];
        #pragma GCC unroll 8
        for (int c = 0; c < C; c++) part[c] = *(const V*)(columns[c] + b);
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
        {
            const V factor = *(const V*)(post.at(row + r) + b);
            #pragma GCC unroll 8
            for (int c = 0; c < C; c++) sum[r*C + c] += factor*part[c];
        }
    }
    T values[sums];
    for (int64_t i = 0; i < sums; i += count)
    {
        sum_lanes<T>(sum + i);
        *(V*)(values + i) = sum[i];
    }
    for (int r = 0; r < R; r++)
        for (int64_t c = 0; c < used; c++)
        {
            T& to = w[starts[r] + first + c];
            to = keep == 0 ? values[r*C + c] : keep*to + values[r*C + c];
        }
}

// What the runtime needs to know of a sparse matrix, whose connections it reads from the task.
struct SparseMatrix {
    virtual void connect(std::vector<int64_t> starts, std::vector<int32_t> columns) = 0;
};
inline std::vector<SparseMatrix*> sparse_matrices;

template <typename T> class Sparse : SparseMatrix {
public:
    // Brian2's arrays with a number for each connection; the first one has the weights. `connect` allocates them.
    std::vector<T**> arrays_of_weights;
    int64_t array = -1;  // the number of the weights in `arrays`
    Connections by_row;

    Sparse(int rows, int columns, int batch) : rows(rows), columns(columns), batch(batch)
    {
        sparse_matrices.push_back(this);
    }

    // These methods are defined outside of the class, so that programs can use the instances in kernels.cpp.
    void connect(std::vector<int64_t> starts, std::vector<int32_t> others) override;
    void product(const T* x, T* y, bool add);     // y = W x or y += W x
    void transposed(const T* x, T* y, bool add);  // y = W^T x or y += W^T x
    // to = keep to + alpha post pre^T, summed over the batch, where there are connections
    void outer(T alpha, const T* post, const T* pre, T keep, T* to);
    void learn(T alpha, const T* post, const T* pre, T keep);  // the same for the weights
    void scale(T factor);

private:
    const int rows, columns, batch;
    T* w = nullptr;
    Connections by_column;
    static inline std::vector<T> space, factors;

    int64_t work() const { return by_row.starts[rows]*batch; }

    template <bool Ordered> void multiply(const Connections& of, const T* x, int64_t units, T* y, bool add)
    {
        if (batch == 1) return multiply_one<Ordered>(of, x, y, add);
        const Padded<T> padded(x, units, batch, space);
        in_parallel(work() >= work_from, (int64_t)of.groups.size() - 1, 1, [&, padded](int64_t begin, int64_t end) {
            for (int64_t g = begin; g < end; g++)
                divide_group(of.groups[g], of.groups[g + 1], [&](int32_t row, auto count) {
                    sparse_row<T, decltype(count)::value, Ordered>(of, row, w, padded, y, batch, 0, add);
                });
        });
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

template <typename T> void Sparse<T>::connect(std::vector<int64_t> starts, std::vector<int32_t> others)
{
    by_row.starts = std::move(starts);
    by_row.others = std::move(others);
    by_row.find_groups();
    const int64_t count = (int64_t)by_row.others.size();
    for (T** of : arrays_of_weights) *of = new T[count + 1]();  // as Brian2's own arrays, they are never freed
    w = *arrays_of_weights[0];
    arrays[array].data = w;
    arrays[array].size = count;
}

template <typename T> void Sparse<T>::product(const T* x, T* y, bool add)
{
    multiply<true>(by_row, x, columns, y, add);
}

template <typename T> void Sparse<T>::transposed(const T* x, T* y, bool add)
{
    if (by_column.starts.empty()) by_column = by_row.transposed(columns);
    multiply<false>(by_column, x, rows, y, add);
}

template <typename T> void Sparse<T>::outer(T alpha, const T* post, const T* pre, T keep, T* to)
{
    const Connections& of = by_row;
    if (batch == 1)
        return in_parallel(work() >= work_from_of_one, rows, 64, [=, &of](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; row++)
            {
                const T factor = alpha*post[row];
                const int32_t* others = of.others.data();
                for (int64_t k = of.starts[row]; k < of.starts[row + 1]; k++)
                    to[k] = keep == 0 ? factor*pre[others[k]] : keep*to[k] + factor*pre[others[k]];
            }
        });
    const Padded<T> left(post, rows, batch, factors, alpha), right(pre, columns, batch, space);
    in_parallel(work() >= work_from, (int64_t)of.groups.size() - 1, 1, [=, &of](int64_t begin, int64_t end) {
        for (int64_t g = begin; g < end; g++)
            divide_group<4>(of.groups[g], of.groups[g + 1], [&](int32_t row, auto count) {
                constexpr int R = decltype(count)::value, C = R > 1 ? 4 : 8;
                const int64_t depth = of.starts[row + 1] - of.starts[row];
                for (int64_t k = 0; k < depth; k += C)
                    learn_tile<T, R, C>(of, row, k, std::min<int64_t>(depth - k, C), left, right, keep, to);
            });
    });
}

template <typename T> void Sparse<T>::learn(T alpha, const T* post, const T* pre, T keep)
{
    // A closed gate makes all factors zero; see Weights::learn.
    if (zero(post, (int64_t)rows*batch) && Finite<T>::all(pre, (int64_t)columns*batch)) return scale(keep);
    outer(alpha, post, pre, keep, w);
}

template <typename T> void Sparse<T>::scale(T factor)
{
    if (factor == 1) return;
    T* const weights = w;
    parallel((int64_t)by_row.others.size(), [=](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; k++) weights[k] *= factor;
    });
}

}  // namespace ds
