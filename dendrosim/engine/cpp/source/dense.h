// Dense products and outer products, and the weight matrices that take part in them.
//
// Activities are units x samples, row-major; matrices are post x pre, row-major. A batch of at most `most_samples`
// uses the kernels of tiles.h if the processor has the vector instructions that they need. Larger batches use the
// BLAS, which is optimised for large matrices.

#pragma once

#include "blas.h"
#include "halves.h"
#include "inverse.h"
#include "tiles.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <vector>

namespace ds {

constexpr int64_t most_samples = 256;

// Smallest number of multiplications for which a product uses several threads; with fewer multiplications, waking
// the threads takes longer than they save. With a single sample the limit is lower, because each multiplication
// has to wait for its weight from memory.
constexpr int64_t work_from = 1 << 19, work_from_of_one = 1 << 16;

// Call work(begin, end) for parts of 0 .. count, whose sizes are multiples of `block`, in several threads if `shared`.
template <typename F> void in_parallel(bool shared, int64_t count, int64_t block, const F& work)
{
    if (shared) share(count, block, part_of<F>, &work); else work(0, count);
}

// Return whether all numbers are zero. The search ends at the first block with another number.
template <typename T> bool zero(const T* values, int64_t count)
{
    for (int64_t begin = 0; begin < count; begin += block)
    {
        std::conditional_t<sizeof(T) == 4, int32_t, int64_t> some = 0;
        for (int64_t i = begin; i < std::min(begin + block, count); i++) some |= values[i] != 0;
        if (some) return false;
    }
    return true;
}

// Return whether outer products are all zero because a gate is closed, which makes `alpha` or the factors `post` zero.
// A factor that is not finite gives NaN even then.
template <typename T> bool add_nothing(T alpha, const T* post, int64_t posts, const T* pre, int64_t pres)
{
    return (alpha == 0 ? Finite<T>::all(post, posts) : zero(post, posts)) && Finite<T>::all(pre, pres);
}

// Largest number of multiply-adds per weight for which additional products take less time than a second matrix: of a
// matrix that fits into the cache with a second one, and of larger ones. Measured with 16 to 100 samples.
constexpr int64_t few_until = 12, few_until_of_large = 40, large_bytes = 1 << 19;

constexpr int64_t gemv_columns = 64;    // a multiple of the column blocks of BLAS kernels

// A weight matrix whose update may be postponed until `settle` is called.
struct Patient {
    virtual const void* values() const = 0;
    virtual void settle() = 0;
};
inline std::vector<Patient*> patients;

// Whether a postponed update made weights non-finite. The update belongs to the previous step. It is applied
// before anything else in the current step changes the state, so the state is still that at the end of the
// previous step.
inline bool diverged = false;

inline void settle() { for (Patient* p : patients) p->settle(); }

// A weight matrix. It is `patient` if one outer product per step is its only change and its weights are not needed
// before the next step. Then the update is postponed until the next product, and one pass over the rows does
// update and product, so that each weight is read from memory once per step.
//
// With Heun's method, such a matrix also keeps its weights during the first half of a step. If there are few samples,
// what the first half adds, P Q^T, is added to the products of the second half, W x + P (Q^T x), and both halves are
// one postponed update. Otherwise the pass of the next product writes the predicted weights to a second matrix.
template <typename T> class Weights : Patient {
public:
    T* w = nullptr;  // set after Brian2 has allocated the array

    Weights(int rows, int columns, int batch, bool patient, bool heun = false)
        : rows(rows), columns(columns), batch(batch), patient(patient && narrow()), heun(this->patient && heun),
          few(this->heun && has_few_samples()), rank(few ? 2*batch : batch)
    {
        if (this->patient) patients.push_back(this);
        if (!narrow()) blas_works = true;
        factors.resize((size_t)rows*rank);
        if (batch == 1 || few) partners.resize((size_t)columns*rank);
        if (this->heun && !few) predicted.resize((size_t)rows*columns);
        spare.resize(columns);
    }

    const void* values() const override { return w; }

    // These methods are defined outside of the class, so that programs can use the instances in kernels.cpp, which
    // is compiled once for all programs.
    void product(const T* x, T* y, bool add);     // y = W x or y += W x
    void transposed(const T* x, T* y, bool add);  // y = W^T x or y += W^T x
    void learn(T alpha, const T* post, const T* pre, T keep);  // W = keep W + alpha post pre^T, summed over the batch
    void settle() override;

    void scale(T factor) { Blas<T>::scal((int64_t)rows*columns, factor, w, 1); }
    void clip(T low, T high) { set_limits(w, (int64_t)rows*columns, low, high); }

    // Begin and end the update in one half of a step of Heun's method.
    void begin(bool second)
    {
        if (patient) halves.second = second; else halves.begin(second, w, (int64_t)rows*columns);
    }
    void end(T low = -INFINITY, T high = INFINITY)
    {
        if (!patient) halves.end(w, (int64_t)rows*columns, low, high);
    }

private:
    const int rows, columns, batch;
    const bool patient, heun, few;
    const int rank;            // number of outer products in a postponed update
    // What is postponed: an update, or with Heun's method that of the first half (prediction) or of a whole step.
    enum class Waits { nothing, update, prediction, correction } waits = Waits::nothing;
    bool predicts = false;     // whether products are those of predicted weights
    T keep = 1;
    std::vector<T> factors, partners;  // of a postponed update: alpha post and pre, as units x rank
    std::vector<T> spare, predicted;
    Halves<T> halves;
    Panels<T> updates;                 // pre of several samples
    static inline Panels<T> panels;

    bool narrow() const { return tiles && batch <= most_samples; }

    // Whether the additional products of Heun's method take less time than a second matrix.
    bool has_few_samples() const
    {
        const int64_t weights = (int64_t)rows*columns;
        const int64_t most = sizeof(T)*weights > large_bytes ? few_until_of_large : few_until;
        return (int64_t)batch*batch*(rows + columns) <= most*weights;
    }

    void learn_in_halves(T alpha, const T* post, const T* pre, T keep, bool nothing);
    void learn_of_few_in_halves(T alpha, const T* post, const T* pre, T keep, bool nothing);

    void postpone(Waits what, T alpha, const T* post, const T* pre, T keep)
    {
        set_factors(post, rows, 0, alpha, factors.data());
        if (batch == 1) std::copy(pre, pre + columns, partners.begin()); else updates.pack(pre, batch, columns, true);
        this->keep = keep;
        waits = what;
    }

    // Set the factors of a postponed update from product `first` on. Those of a single sample follow each other for
    // each product.
    void set_factors(const T* from, int64_t units, int64_t first, T alpha, T* to) const
    {
        if (batch == 1)
            for (int64_t i = 0; i < units; i++) to[first*units + i] = alpha*from[i];
        else
            for (int64_t i = 0; i < units; i++)
                for (int64_t b = 0; b < batch; b++) to[i*rank + first + b] = alpha*from[i*batch + b];
    }

    // The weights that products use.
    const T* current() const { return predicts && !few ? predicted.data() : w; }

    // Return x times the decay of the first half of a step.
    const T* kept(const T* x, int64_t count) const
    {
        if (!predicts || !few || keep == 1) return x;
        static std::vector<T> scaled;
        scaled.resize(count*batch);
        for (int64_t i = 0; i < count*batch; i++) scaled[i] = keep*x[i];
        return scaled.data();
    }

    // Compute y += P (Q^T x) with the factors P of `to` units and Q of `from` units of the first half of a step. The
    // activities x are packed if no decay has scaled them.
    void add_predicted(const T* p, int64_t to, const T* q, int64_t from, const T* x, T* y)
    {
        if (!predicts || !few) return;
        if (batch == 1)
        {
            T sum = 0;
            for (int64_t j = 0; j < from; j++) sum += q[j]*x[j];
            for (int64_t i = 0; i < to; i++) y[i] += sum*p[i];
            return;
        }
        static std::vector<T> overlaps;
        overlaps.resize((size_t)batch*batch);
        if (keep != 1) panels.pack(x, from, batch, false);
        multiply_transposed(q, rank, from, batch, overlaps.data(), false);
        panels.pack(overlaps.data(), batch, batch, false);
        in_parallel(worth_sharing(to, batch), to, tile_rows, [=](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; i += tile_rows)
                strip<T, Kind::product>(std::min<int64_t>(end - i, tile_rows), batch, p + i*rank, rank, panels, 0, 0,
                    batch, 1, y + i*batch, batch);
        });
    }

    // Compute y = A^T x or y += A^T x for the packed activities and a matrix of `from` rows at distance `stride`.
    void multiply_transposed(const T* a, int64_t stride, int64_t from, int64_t to, T* y, bool add) const
    {
        in_parallel(worth_sharing(to, from), to, tile_rows, [=](int64_t begin, int64_t end) {
            for (int64_t first = 0; first < from; first += depth_block)
                for (int64_t j = begin; j < end; j += tile_rows)
                    strip<T, Kind::transposed>(std::min<int64_t>(end - j, tile_rows),
                        std::min<int64_t>(from - first, depth_block), a + first*stride + j, stride, panels,
                        first, 0, batch, add || first ? 1 : 0, y + j*batch, batch);
        });
    }

    void blas(CBLAS_TRANSPOSE transpose, int to, int from, const T* x, T* y, bool add)
    {
        if (batch == 1)
            Blas<T>::gemv(CblasRowMajor, transpose, rows, columns, 1, w, columns, x, 1, add, y, 1);
        else
            Blas<T>::gemm(CblasRowMajor, transpose, CblasNoTrans, to, batch, from, 1, w, columns, x, batch, add,
                y, batch);
    }

    bool worth_sharing(int64_t count, int64_t depth) const
    {
        return count*depth*batch >= (batch > 1 ? work_from : work_from_of_one);
    }

    // Apply the postponed update, if there is one, then compute y = W x, if y is given, row by row.
    void pass(const T* x, T* y, bool add)
    {
        static std::atomic<bool> good;
        good = true;
        in_parallel(worth_sharing(rows, columns), rows, batch > 1 ? tile_rows : dot_rows, [=](int64_t begin, int64_t end) {
            if (!(batch == 1 ? one(x, y, add, begin, end) : several(y, add, begin, end))) good = false;
        });
        // A prediction that is not finite makes the update of the whole step so.
        if (patient && !good && waits != Waits::prediction) diverged = true;
        waits = Waits::nothing;
    }

    bool one(const T* x, T* y, bool add, int64_t begin, int64_t end)
    {
        bool good = true;
        for (int64_t i = begin; i < end; i += dot_rows)
        {
            // After the last row, a spare row of zeros fills the group, so that the same code runs for each row
            // and the sum of a row is the same to the last bit whichever group the row is in.
            T *row[dot_rows], post[2*dot_rows], sum[dot_rows];
            for (int r = 0; r < dot_rows; r++)
            {
                row[r] = i + r < end ? w + (i + r)*columns : spare.data();
                for (int k = 0; k < rank; k++) post[k*dot_rows + r] = i + r < end ? factors[k*rows + i + r] : 0;
            }
            const T *const pre = partners.data(), *const from = x ? x : pre;
            if (waits != Waits::nothing)
                good &= rank == 1 ? dot<T, 1>(columns, row, keep, post, pre, from, sum)
                    : dot<T, 2>(columns, row, keep, post, pre, from, sum);
            else
                dot<T, 0>(columns, row, 1, post, nullptr, x, sum);
            for (int64_t r = 0; r < std::min<int64_t>(dot_rows, end - i) && y; r++)
                y[i + r] = add ? y[i + r] + sum[r] : sum[r];
        }
        return good;
    }

    bool several(T* y, bool add, int64_t begin, int64_t end)
    {
        bool good = true;
        T* const to = waits == Waits::prediction ? predicted.data() : w;
        for (int64_t first = 0; first < columns; first += depth_block)
        {
            const int64_t depth = std::min<int64_t>(columns - first, depth_block);
            for (int64_t i = begin; i < end; i += tile_rows)
            {
                const int64_t count = std::min<int64_t>(end - i, tile_rows);
                for (int64_t r = i; r < i + count; r++) prepare(r*columns + first, depth);
                if (waits != Waits::nothing)
                    good &= strip<T, Kind::learning>(count, rank, &factors[i*rank], rank, updates, 0, first,
                        first + depth, waits == Waits::correction ? 1 : keep, to + i*columns, columns);
                if (y)
                    strip<T, Kind::product>(count, depth, current() + i*columns + first, columns, panels, first, 0,
                        batch, add || first ? 1 : 0, y + i*batch, batch);
            }
        }
        return good;
    }

    // Set weights to those from which an outer product makes a prediction, or the weights at the end of a step.
    void prepare(int64_t begin, int64_t count)
    {
        T* const other = predicted.data() + begin;
        T* const own = w + begin;
        if (waits == Waits::prediction)
            std::copy(own, own + count, other);
        else if (waits == Waits::correction)
            for (int64_t i = 0; i < count; i++) own[i] = (T)0.5*(own[i] + keep*other[i]);
    }
};

template <typename T> void Weights<T>::product(const T* x, T* y, bool add)
{
    if (!narrow()) return blas(CblasNoTrans, rows, columns, x, y, add);
    const T* const from = kept(x, columns);
    if (batch > 1) panels.pack(from, columns, batch, false);
    pass(from, y, add);
    add_predicted(factors.data(), rows, partners.data(), columns, x, y);
}

template <typename T> void Weights<T>::transposed(const T* x, T* y, bool add)
{
    settle();  // before the product, which is divided by columns, while updates are divided by rows
    if (!narrow()) return blas(CblasTrans, columns, rows, x, y, add);
    const T* const from = kept(x, rows);
    if (batch == 1)
        in_parallel(worth_sharing(columns, rows), columns, gemv_columns, [=](int64_t begin, int64_t end) {
            Blas<T>::gemv(CblasRowMajor, CblasTrans, rows, end - begin, 1, w + begin, columns, from, 1, add,
                y + begin, 1);
        });
    else
    {
        panels.pack(from, rows, batch, false);
        multiply_transposed(current(), columns, rows, columns, y, add);
    }
    add_predicted(partners.data(), columns, factors.data(), rows, x, y);
}

template <typename T> void Weights<T>::learn(T alpha, const T* post, const T* pre, T keep)
{
    const bool nothing = add_nothing(alpha, post, (int64_t)rows*batch, pre, (int64_t)columns*batch);
    if (heun)
        return few ? learn_of_few_in_halves(alpha, post, pre, keep, nothing && keep == 1)
            : learn_in_halves(alpha, post, pre, keep, nothing && keep == 1);
    // Patient weights that decay are not left out: the pass over them is their guard.
    if ((keep == 1 || !patient) && nothing)
    {
        if (keep != 1) scale(keep);
        return;
    }
    if (!narrow()) return outer<T>(rows, columns, batch, alpha, post, pre, keep, w);
    postpone(Waits::update, alpha, post, pre, keep);
    if (!patient) settle();
}

// With W' = k W + P Q^T after the first half, the weights at the end are (W + k' W' + P' Q'^T)/2.
template <typename T> void Weights<T>::learn_in_halves(T alpha, const T* post, const T* pre, T keep, bool nothing)
{
    if (!halves.second)
    {
        predicts = !nothing;
        if (predicts) postpone(Waits::prediction, alpha, post, pre, keep);
        return;
    }
    settle();
    if (predicts)
        postpone(Waits::correction, alpha/2, post, pre, keep);
    else if (!nothing)
        postpone(Waits::update, alpha/2, post, pre, (1 + keep)/2);
    predicts = false;
}

// The same without a second matrix, by outer products of both halves.
template <typename T>
void Weights<T>::learn_of_few_in_halves(T alpha, const T* post, const T* pre, T keep, bool nothing)
{
    if (!halves.second)
    {
        predicts = !nothing;
        if (nothing) return;
        set_factors(post, rows, 0, alpha, factors.data());
        set_factors(pre, columns, 0, 1, partners.data());
        this->keep = keep;
        return;
    }
    if (!predicts && nothing) return;
    const int64_t count = batch == 1 ? 1 : rows, length = batch == 1 ? rows : batch;
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < length; k++)
        {
            T& factor = factors[i*rank + k];
            factor = predicts ? factor*keep/2 : 0;
        }
    set_factors(post, rows, batch, alpha/2, factors.data());
    set_factors(pre, columns, batch, 1, partners.data());
    if (batch > 1) updates.pack(partners.data(), rank, columns, true);
    this->keep = (1 + (predicts ? this->keep : 1)*keep)/2;
    predicts = false;
    waits = Waits::update;
}

template <typename T> void Weights<T>::settle()
{
    if (waits != Waits::nothing) pass(nullptr, nullptr, false);
}

}  // namespace ds
