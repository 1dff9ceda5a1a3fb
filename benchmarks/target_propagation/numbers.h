// Numbers of one network or of several: transfer functions, products and noise for `loop.cpp`.
//
// A number (`Real`) is a double, or a pack of them: single samples leave a vector unit idle, so LANES networks, which
// differ in all that a seed draws, are trained side by side.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

constexpr int LANES = 8;
typedef double Pack __attribute__((vector_size(8*LANES)));

// Number of networks in a number, and the part of one of them.
static constexpr int lanes(const double&) { return 1; }
static constexpr int lanes(const Pack&) { return LANES; }
static double get(double x, int) { return x; }
static double get(const Pack& x, int k) { return x[k]; }
static void set(double& x, int, double value) { x = value; }
static void set(Pack& x, int k, double value) { x[k] = value; }

static double root(double x) { return std::sqrt(x); }
static Pack root(Pack x)
{
    for (int k = 0; k < LANES; k++) x[k] = std::sqrt(x[k]);
    return x;
}
static double slope(double x) { return x > 0 ? 1.0 : 0.1; }
static Pack slope(Pack x)
{
    const Pack one = Pack{} + 1.0;
    return x > 0 ? one : 0.1*one;
}
static double clipped(double x, double span) { return std::min(std::max(x, -span), span); }
static Pack clipped(Pack x, double span)
{
    const Pack most = Pack{} + span;
    x = x > most ? most : x;
    return x < -most ? -most : x;
}
static double size(double x) { return std::fabs(x); }
static Pack size(Pack x) { return x < 0 ? -x : x; }

struct Identity {
    template <class Real> static Real s(Real x) { return x; }
    template <class Real> static Real ds(Real x) { return 0*x + 1; }
    template <class Real> static Real inv(Real h) { return h; }
};

struct Smooth {
    template <class Real> static Real s(Real x) { return 0.75*x + 0.25*(root(x*x + 1) - 1); }
    template <class Real> static Real ds(Real x) { return 0.75 + 0.25*x/root(x*x + 1); }
    template <class Real> static Real inv(Real h)
    {
        const Real v = h + 0.25;
        return (0.75*v - 0.25*root(v*v + 0.5))/0.5;
    }
};

struct Leaky {
    template <class Real> static Real s(Real x) { return 0.55*x + 0.45*size(x); }
    template <class Real> static Real ds(Real x) { return slope(x); }
    template <class Real> static Real inv(Real h) { return 5.5*h - 4.5*size(h); }
};

static uint64_t split_mix(uint64_t key, uint64_t number)
{
    uint64_t z = key + 0x9E3779B97F4A7C15ull*(number + 1);
    z = (z ^ (z >> 30))*0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27))*0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

// Normal number of a unit (below 128) of a sample, by Box and Muller.
static double normal(uint64_t key, uint64_t unit, uint64_t sample)
{
    const uint64_t z = split_mix(key, unit + (sample << 32));
    const double radius = std::sqrt(-2*std::log(((double)(z >> 32) + 0.5)*0x1p-32));
    return radius*std::cos((double)(z & 0xFFFFFFFFull)*(2*M_PI*0x1p-32));
}

// y = m x, where m is rows x columns, or stored as its transpose.
template <class Real, int B> static void multiply(
    const std::vector<Real>& m, int rows, int columns, const std::vector<Real>& x, std::vector<Real>& y, bool transposed = false)
{
    constexpr int K = B < 32 ? B : 32;
    const int along = transposed ? 1 : columns, across = transposed ? rows : 1;
    for (int start = 0; start < B; start += K)
        for (int r = 0; r < rows; r++) {
            Real sum[K] = {};
            for (int c = 0; c < columns; c++) {
                const Real weight = m[r*along + c*across];
                const Real* row = &x[c*B + start];
                for (int b = 0; b < K; b++) sum[b] += weight*row[b];
            }
            std::copy(sum, sum + K, &y[r*B + start]);
        }
}

// m += factor times the outer product of a and b, averaged over samples.
template <class Real, int B> static void add_outer(
    std::vector<Real>& m, const std::vector<Real>& a, const std::vector<Real>& b, double factor)
{
    const int rows = a.size()/B, columns = b.size()/B;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            Real sum = {};
            for (int k = 0; k < B; k++) sum += a[r*B + k]*b[c*B + k];
            m[r*columns + c] += factor*sum/B;
        }
}

// Inverse of an n x n matrix by Gauss-Jordan elimination with pivots.
static std::vector<double> inverted(std::vector<double> a, int n)
{
    std::vector<double> q(n*n);
    for (int i = 0; i < n; i++) q[i*n + i] = 1;
    for (int c = 0; c < n; c++) {
        int pivot = c;
        for (int r = c; r < n; r++) if (std::fabs(a[r*n + c]) > std::fabs(a[pivot*n + c])) pivot = r;
        for (auto* m : {&a, &q}) std::swap_ranges(&(*m)[pivot*n], &(*m)[pivot*n] + n, &(*m)[c*n]);
        for (int r = 0; r <= n; r++) {  // the row of the pivot comes last
            const int row = r == n ? c : r;
            if (r == c) continue;
            const double d = a[c*n + c], f = row == c ? 1 - 1/d : a[row*n + c]/d;
            for (auto* m : {&a, &q}) for (int k = 0; k < n; k++) (*m)[row*n + k] -= f*(*m)[c*n + k];
        }
    }
    return q;
}

template <class Real> static std::vector<Real> inverted(const std::vector<Real>& a, int n)
{
    std::vector<Real> q(n*n);
    std::vector<double> one(n*n);
    for (int lane = 0; lane < lanes(Real{}); lane++) {
        for (int k = 0; k < n*n; k++) one[k] = get(a[k], lane);
        const std::vector<double> found = inverted(one, n);
        for (int k = 0; k < n*n; k++) set(q[k], lane, found[k]);
    }
    return q;
}
