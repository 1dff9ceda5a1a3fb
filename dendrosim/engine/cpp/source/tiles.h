// Matrix products with few columns, by register tiles.
//
// With a batch, matrices of some hundred rows are multiplied by activities of some dozen columns. A BLAS is
// optimised for large matrices: it copies the weights into its own order before every product, and it does not
// always use the widest vectors of the processor. The kernels here read the weights in place and reorder only the
// activities, which are few. One tile of the result stays in registers during the whole sum.
//
// If the processor has no vectors of 256 or 512 bits, `tiles` is false and dense.h uses the BLAS.

#pragma once

#include "parallel.h"

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace ds {

#if defined __AVX512F__
constexpr bool tiles = true;
constexpr const char* kernels = "register tiles of 512-bit vectors";
constexpr int vector_bytes = 64, tile_rows = 8, dot_rows = 8;
#elif defined __AVX2__ && defined __FMA__
constexpr bool tiles = true;
constexpr const char* kernels = "register tiles of 256-bit vectors";
constexpr int vector_bytes = 32, tile_rows = 6, dot_rows = 4;
#else
constexpr bool tiles = false;
constexpr const char* kernels = "BLAS";
constexpr int vector_bytes = 16, tile_rows = 4, dot_rows = 4;
#endif

constexpr int64_t depth_block = 512;  // columns that are updated, then multiplied while they are in the cache

template <typename T> struct Vector {
    typedef T type __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
    static constexpr int64_t count = vector_bytes/sizeof(T), panel = 2*count;
};

// Return chosen numbers of two vectors, as if the second followed the first.
template <typename T, size_t... I>
__attribute__((always_inline)) inline typename Vector<T>::type choose(typename Vector<T>::type a,
    typename Vector<T>::type b, std::index_sequence<I...>)
{
#if defined __clang__
    return __builtin_shufflevector(a, b, I...);
#else
    typedef std::conditional_t<sizeof(T) == 4, int32_t, int64_t> Mask __attribute__((vector_size(vector_bytes)));
    return __builtin_shuffle(a, b, Mask{I...});
#endif
}

// Return numbers of two vectors in turn, from number First on.
template <size_t First, typename T, size_t... I>
__attribute__((always_inline)) inline typename Vector<T>::type interleave(typename Vector<T>::type a,
    typename Vector<T>::type b, std::index_sequence<I...>)
{
    return choose<T>(a, b, std::index_sequence<(First + I/2 + I % 2*sizeof...(I))...>());
}

// The second factor of a product, reordered into panels of columns. A panel is two vectors wide; the last one is
// one vector wide if that is enough. Each panel contains its part of every row, row after row, padded with zeros.
template <typename T> class Panels {
public:
    using V = Vector<T>;

    // Pack a matrix of rows x columns. `from` is that matrix, row-major, or its transpose if `transposed`.
    void pack(const T* from, int64_t rows, int64_t columns, bool transposed)
    {
        this->rows = rows;
        this->columns = columns;
        values.resize((columns + V::count - 1)/V::count*V::count*rows);
        for (int64_t first = 0; first < columns; first += V::panel)
        {
            T* to = values.data() + first*rows;
            const int64_t width = this->width(first), used = std::min(width, columns - first);
            if (transposed)
            {
                for (int64_t k = 0; k < rows; k++)
                    for (int64_t i = 0; i < used; i++) to[k*width + i] = from[(first + i)*rows + k];
            }
            else
            {
                for (int64_t k = 0; k < rows; k++)
                    for (int64_t i = 0; i < used; i++) to[k*width + i] = from[k*columns + first + i];
            }
            if (used < width)
                for (int64_t k = 0; k < rows; k++)
                    for (int64_t i = used; i < width; i++) to[k*width + i] = 0;
        }
    }

    // Pack the rows `which` of another matrix, transposed and times a factor. `from` has `stride` numbers in each
    // row, whole vectors, of which the first `rows` are taken.
    void gather(const T* from, const int32_t* which, int64_t rows, int64_t columns, int64_t stride, T factor)
    {
        this->rows = rows;
        this->columns = columns;
        values.resize((columns + V::count - 1)/V::count*V::count*rows);
        for (int64_t first = 0; first < columns; first += V::panel)
            for (int64_t i = 0; i < width(first); i += V::count)
            {
                const T* row[V::count];
                for (int64_t c = 0; c < V::count; c++)
                    row[c] = from + which[std::min(first + i + c, columns - 1)]*stride;
                for (int64_t k = 0; k < rows; k += V::count)
                    transpose(row, k, std::min(rows - k, V::count), factor, values.data() + first*rows + k*width(first) + i,
                        width(first));
            }
    }

    int64_t width(int64_t first) const { return columns - first <= V::count ? V::count : V::panel; }
    const T* at(int64_t first, int64_t row) const { return values.data() + first*rows + row*width(first); }

    int64_t rows = 0, columns = 0;

private:
    std::vector<T> values;

    // Store numbers k, k + 1, ... of as many rows as a vector has numbers: `used` vectors at distance `width`.
    static void transpose(const T* const* row, int64_t k, int64_t used, T factor, T* to, int64_t width)
    {
        using Numbers = typename V::type;
        Numbers v[V::count];
        #pragma GCC unroll 16
        for (int64_t i = 0; i < V::count; i++) v[i] = factor**(const Numbers*)(row[i] + k);
        // To interleave the first half of the rows with the second half is one step of a transposition.
        #pragma GCC unroll 4
        for (int64_t step = 1; step < V::count; step *= 2)
        {
            Numbers w[V::count];
            #pragma GCC unroll 8
            for (int64_t i = 0; i < V::count/2; i++)
            {
                w[2*i] = interleave<0, T>(v[i], v[i + V::count/2], std::make_index_sequence<V::count>());
                w[2*i + 1] = interleave<V::count/2, T>(v[i], v[i + V::count/2], std::make_index_sequence<V::count>());
            }
            #pragma GCC unroll 16
            for (int64_t i = 0; i < V::count; i++) v[i] = w[i];
        }
        #pragma GCC unroll 16
        for (int64_t i = 0; i < V::count; i++)
            if (i < used) *(Numbers*)(to + i*width) = v[i];
    }
};

// Detects non-finite numbers by their bits: a number is infinite or NaN if its exponent bits are all ones, and
// adding one to such an exponent overflows into the sign bit. No compiler flag can optimise this test away.
template <typename T> struct Finite {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    static constexpr Bits exponent = sizeof(T) == 4 ? (Bits)0x7f800000u : (Bits)0x7ff0000000000000ull;
    static constexpr Bits one = exponent & -exponent, sign = exponent + one;
    typedef Bits type __attribute__((vector_size(vector_bytes)));

    static bool all(const T* from, int64_t count)
    {
        constexpr int64_t wide = Vector<T>::count;
        Finite seen, other;
        int64_t i = 0;
        for (; i + 4*wide <= count; i += 4*wide)
        {
            const auto* at = (const typename Vector<T>::type*)(from + i);
            seen.look(at[0]);
            other.look(at[1]);
            seen.look(at[2]);
            other.look(at[3]);
        }
        seen.bad |= other.bad;
        for (; i < count; i++) seen.look(from[i]);
        return seen.good();
    }
    void look(typename Vector<T>::type value) { bad |= ((type)value & exponent) + one; }
    void look(T value)
    {
        Bits bits;
        std::memcpy(&bits, &value, sizeof bits);
        scalar &= !(((bits & exponent) + one) & sign);
    }
    bool good() const
    {
        Bits any = 0;
        for (size_t i = 0; i < vector_bytes/sizeof(T); i++) any |= bad[i];
        return scalar && !(any & sign);
    }

    type bad = {};
    bool scalar = true;
};

// Computations by tiles. `product` is y = beta y + W x, and `transposed` is y = beta y + W^T x. `learning` is
// W = beta W + post pre^T, with a check whether the weights are finite.
enum class Kind { product, transposed, learning };

// Compute c = beta c + a b for R rows and N vectors of columns, of which the first `used` columns are stored. `a`
// has R rows of `depth` numbers (transposed: `depth` rows of R numbers), b is a panel. Return false if a
// non-finite number was found.
template <typename T, Kind K, int R, int N>
__attribute__((noinline)) bool tile(int64_t depth, const T* __restrict a, int64_t a_row, const T* __restrict b,
    T beta, T* __restrict c, int64_t c_row, int64_t used)
{
    using V = typename Vector<T>::type;
    constexpr int64_t count = Vector<T>::count;
    V sum[R][N] = {};
    for (int64_t k = 0; k < depth; k++, b += N*count)
    {
        V part[N];
        #pragma GCC unroll 8
        for (int n = 0; n < N; n++) part[n] = *(const V*)(b + n*count);
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
        {
            const V factor = V{} + (K == Kind::transposed ? a[k*a_row + r] : a[r*a_row + k]);
            #pragma GCC unroll 8
            for (int n = 0; n < N; n++) sum[r][n] += factor*part[n];
        }
    }
    Finite<T> seen;
    #pragma GCC unroll 8
    for (int n = 0; n < N; n++)
    {
        const int64_t rest = std::min(used - n*count, count);
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
        {
            T* const to = c + r*c_row + n*count;
            if (rest == count)
            {
                *(V*)to = beta == 0 ? sum[r][n] : beta**(V*)to + sum[r][n];
                if (K == Kind::learning) seen.look(*(V*)to);
                continue;
            }
            T values[count];
            *(V*)values = sum[r][n];
            for (int64_t i = 0; i < rest; i++)
            {
                to[i] = beta == 0 ? values[i] : beta*to[i] + values[i];
                if (K == Kind::learning) seen.look(to[i]);
            }
        }
    }
    return seen.good();
}

// The rows of the next smaller tile, for rows that do not fill one of R rows.
constexpr int fewer_rows(int R) { return R > 4 ? 4 : R - 1; }

// Call `tile` for `rows` <= R rows of a, and for the columns begin .. end and the rows first .. first + depth of
// b.
template <typename T, Kind K, int R = tile_rows>
bool strip(int64_t rows, int64_t depth, const T* a, int64_t a_row, const Panels<T>& b, int64_t first,
    int64_t begin, int64_t end, T beta, T* c, int64_t c_row)
{
    if constexpr (R > 1)
    {
        if (rows < R)
        {
            constexpr int fewer = fewer_rows(R);
            const int64_t part = std::min<int64_t>(rows, fewer), step = K == Kind::transposed ? 1 : a_row;
            bool good = strip<T, K, fewer>(part, depth, a, a_row, b, first, begin, end, beta, c, c_row);
            if (part < rows)
                good &= strip<T, K, fewer>(rows - part, depth, a + part*step, a_row, b, first, begin, end, beta,
                    c + part*c_row, c_row);
            return good;
        }
    }
    bool good = true;
    for (int64_t column = begin; column < end; column += Vector<T>::panel)
    {
        const int64_t used = std::min(b.columns - column, Vector<T>::panel);
        const auto call = used > Vector<T>::count ? tile<T, K, R, 2> : tile<T, K, R, 1>;
        good &= call(depth, a, a_row, b.at(column, first), beta, c + column, c_row, used);
    }
    return good;
}

// Load the first `bytes` bytes of a vector; the remaining bytes are zero.
template <typename T> typename Vector<T>::type load(const T* from, int64_t bytes)
{
    using V = typename Vector<T>::type;
    if (bytes == vector_bytes) return *(const V*)from;
    V values = {};
    std::memcpy(&values, from, bytes);
    return values;
}

// Return the sum of the numbers of a vector, by adding its halves recursively.
template <typename T, int Bytes = vector_bytes> T halved(const T* values)
{
    constexpr int half = Bytes/2;
    typedef T Half __attribute__((vector_size(half), aligned(sizeof(T)), may_alias));
    const Half sum = *(const Half*)values + *(const Half*)(values + half/sizeof(T));
    if constexpr (half == sizeof(T))
        return sum[0];
    else
        return halved<T, half>((const T*)&sum);
}

// Return the sum of the numbers of a vector. The function is not inlined, so that the order of summation is the
// same in all calls.
template <typename T> __attribute__((noinline)) T sum_of(typename Vector<T>::type values)
{
    return halved<T>((const T*)&values);
}

// For one sample and `dot_rows` rows, add `Rank` outer products to the weights, W = keep W + post pre^T + ..., then
// compute sum = W x. `post` has `dot_rows` numbers for each product, `pre` has `columns`. The speed is limited by
// reading the weights from memory, so each row is read once. Return false if an updated weight is not finite.
template <typename T, int Rank>
bool dot(int64_t columns, T* const* rows, T keep, const T* post, const T* pre, const T* x, T* sum)
{
    using V = typename Vector<T>::type;
    constexpr int64_t count = Vector<T>::count;
    constexpr int R = dot_rows;
    T* w[R];
    constexpr bool Learns = Rank > 0;
    V total[R] = {}, factor[Rank + 1][R];
    #pragma GCC unroll 8
    for (int r = 0; r < R; r++)
    {
        w[r] = rows[r];
        for (int k = 0; k < Rank; k++) factor[k][r] = V{} + post[k*R + r];
    }
    Finite<T> seen;
    int64_t j = 0;
    for (; j + count <= columns; j += count)
    {
        const V source = *(const V*)(x + j);
        V partner[Rank + 1];
        for (int k = 0; k < Rank; k++) partner[k] = *(const V*)(pre + k*columns + j);
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
        {
            V value = *(const V*)(w[r] + j);
            if (Learns)
            {
                value = keep*value;
                for (int k = 0; k < Rank; k++) value += factor[k][r]*partner[k];
                *(V*)(w[r] + j) = value;
                seen.look(value);
            }
            total[r] += value*source;
        }
    }
    if (j < columns)
    {
        // The last numbers of a row do not fill a vector: load them together with numbers that have already been
        // processed. The mask `fresh` is true only for the last numbers, and excludes all others from the result.
        const int64_t from = std::max<int64_t>(columns - count, 0), size = std::min(columns, count)*sizeof(T);
        typename Finite<T>::type fresh = {};
        for (int64_t i = j; i < columns; i++) fresh[i - from] = -1;
        const V source = fresh ? load<T>(x + from, size) : V{};
        V partner[Rank + 1];
        for (int k = 0; k < Rank; k++) partner[k] = load<T>(pre + k*columns + from, size);
        #pragma GCC unroll 8
        for (int r = 0; r < R; r++)
        {
            V value = load<T>(w[r] + from, size);
            if (Learns)
            {
                V changed = keep*value;
                for (int k = 0; k < Rank; k++) changed += factor[k][r]*partner[k];
                value = fresh ? changed : value;
                if (size == vector_bytes) *(V*)(w[r] + from) = value; else std::memcpy(w[r] + from, &value, size);
                seen.look(value);
            }
            total[r] += value*source;
        }
    }
    #pragma GCC unroll 8
    for (int r = 0; r < R; r++) sum[r] = sum_of<T>(total[r]);
    return seen.good();
}

}  // namespace ds
