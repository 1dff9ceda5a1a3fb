// The cells in handwritten C++. It shows the speed that is possible in practice. One loop without branches
// computes two normal numbers from one 64-bit hash (Box-Muller; both results are used), the state, threshold and
// reset; then the blocks in which a cell has spiked are searched. Threads wait for each other after each step.

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "../../dendrosim/engine/cpp/source/parallel.cpp"

constexpr int64_t chunk = 256;

// The errors of the polynomials are far below the resolution of 32 random bits, or of the precision of the run.
template <typename T> using Whole = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
template <typename T> constexpr int mantissa = sizeof(T) == 8 ? 52 : 23;
template <typename T> constexpr Whole<T> bias = sizeof(T) == 8 ? 1023 : 127;

template <typename To, typename From> inline To as(From x)
{
    To y;
    std::memcpy(&y, &x, sizeof x);
    return y;
}

template <typename T> inline T exponential(T x)
{
    x = x*(T)1.4426950408889634;
    x = x < -100 ? -100 : x > 100 ? 100 : x;
    const T whole = std::nearbyint(x);
    const T r = (x - whole)*(T)0.6931471805599453;
    T p = sizeof(T) == 8 ? (T)2.7557319e-6*r + (T)2.4801587302e-5 : (T)0;
    if (sizeof(T) == 8) p = (p*r + (T)1.9841269841e-4)*r + (T)1.3888888889e-3; else p = (T)1.3888888889e-3;
    p = ((((p*r + (T)8.3333333333e-3)*r + (T)4.16666666667e-2)*r + (T)1.66666666667e-1)*r + (T)0.5)*r*r + (r + 1);
    return p*as<T>((Whole<T>)(((Whole<T>)whole + bias<T>) << mantissa<T>));
}

// -2 log(u) for u in (0, 1).
template <typename T> inline T minus_twice_log(T u)
{
    const Whole<T> root = as<Whole<T>>((T)0.70710678118654752);
    const Whole<T> b = as<Whole<T>>(u) - root;
    const Whole<T> e = b >> mantissa<T>;
    const T m = as<T>((Whole<T>)(as<Whole<T>>(u) - (e << mantissa<T>))) - 1;  // in sqrt(1/2) - 1 .. sqrt(2) - 1
    const T s = m/(m + 2), q = s*s;
    T p = (T)(2.0/9);
    if (sizeof(T) == 8) p = ((T)(2.0/13)*q + (T)(2.0/11))*q + p;
    p = ((p*q + (T)(2.0/7))*q + (T)(2.0/5))*q + (T)(2.0/3);
    return -2*((T)e*(T)0.6931471805599453 + s*(p*q + 2));
}

// Two independent standard normal numbers: angles within 45 degrees of an axis that two bits choose.
template <typename T> inline void normals(uint64_t key, uint64_t i, T& x, T& y)
{
    uint64_t z = key + 0x9E3779B97F4A7C15ull*(i + 1);
    z = (z ^ (z >> 30))*0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27))*0x94D049BB133111EBull;
    z ^= z >> 31;
    const T u = ((T)(int64_t)(z >> 32) + (T)0.5)*(T)0x1p-32;
    const T radius = std::sqrt(minus_twice_log(sizeof(T) == 4 ? std::min(u, (T)0.99999994) : u));
    const T a = ((T)(int32_t)(uint32_t)z)*(T)(0.7853981633974483*0x1p-31), q = a*a;
    T s = (T)-1.9841269841e-4, c = (T)-1.3888888889e-3;
    if (sizeof(T) == 8)
    {
        s = ((T)-2.50521084e-8*q + (T)2.7557319224e-6)*q + s;
        c = ((T)-2.7557319e-7*q + (T)2.4801587302e-5)*q + c;
    }
    s = ((s*q + (T)8.3333333333e-3)*q - (T)1.66666666667e-1)*q*a + a;
    c = ((c*q + (T)4.16666666667e-2)*q - (T)0.5)*q + 1;
    const T sign = (z >> 33) & 1 ? radius : -radius;  // the lowest bits of the radius choose the axis
    const bool swap = (z >> 32) & 1;
    x = sign*(swap ? s : c);
    y = sign*(swap ? c : s);
}

struct Spikes { std::vector<int32_t> cells, steps; };

template <typename T> struct Cells {
    T *soma, *apical, *adaptation, *recovery, *z_soma, *z_apical, *last;

    void part(int64_t begin, int64_t end, int64_t step, uint64_t key, const T* k, char* mask, char* any) const
    {
        T *__restrict v = soma, *__restrict d = apical, *__restrict w = adaptation, *__restrict r = recovery;
        T *__restrict zs = z_soma, *__restrict za = z_apical, *__restrict l = last;
        const T leak = k[1], threshold = k[2], half = k[3], slope = k[4], g_s = k[5], g_d = k[6],
            bap = k[7], jump = k[8], a = k[9], rate_s = k[10], rate_d = k[11], rate_w = k[12], rate_r = k[13],
            in_s = k[14], in_d = k[15], mean_s = k[16], mean_d = k[17], sigma = k[18], keep = k[19], spread = k[20];
        const T now = (T)step;
        for (int64_t first = begin; first < end; first += chunk)
        {
            const int64_t past = std::min(first + chunk, end);
            char hit = 0;
            #pragma GCC ivdep
            for (int64_t i = first; i < past; i++)
            {
                T n, m;
                normals<T>(key, i, n, m);
                const T xs = keep*zs[i] + spread*n, xa = keep*za[i] + spread*m;
                zs[i] = xs;
                za[i] = xa;
                const T since = now - l[i];
                const T open = 1/(1 + exponential<T>((half - d[i])*slope));
                const T seen = (since > (T)5.5) & (since < (T)25.5) ? bap : 0;
                const bool free = since >= (T)29.999;
                const T change = (leak - v[i])*rate_s + (g_s*open + (mean_s + sigma*xs) + w[i])*in_s;
                const T next = free ? v[i] + change : v[i];
                const T down = d[i];
                d[i] = down + (leak - down)*rate_d + (g_d*open + seen + (mean_d + sigma*xa) + r[i])*in_d;
                r[i] += (a*(down - leak) - r[i])*rate_r;
                const bool spike = (next > threshold) & free;
                w[i] = w[i] - w[i]*rate_w + (spike ? jump : 0);
                v[i] = spike ? leak : next;
                l[i] = spike ? now : l[i];
                mask[i] = spike;
                hit |= (char)spike;
            }
            any[first/chunk] = hit;
        }
    }

    double run(int64_t steps, int64_t n, uint64_t seed, const T* k, Spikes& spikes)
    {
        std::vector<char> mask(n), any(n/chunk + 1);
        const auto begin = std::chrono::steady_clock::now();
        for (int64_t step = 0; step < steps; step++)
        {
            const uint64_t key = (seed + (uint64_t)step*0xD1342543DE82EF95ull)*0x2545F4914F6CDD1Dull;
            char *m = mask.data(), *h = any.data();
            const auto all = [=](int64_t from, int64_t to) { part(from, to, step, key, k, m, h); };
            if (ds::pool) ds::pool->run(n, chunk, all); else all(0, n);
            for (int64_t first = 0; first < n; first += chunk)
                if (h[first/chunk])
                    for (int64_t i = first; i < std::min(first + chunk, n); i++)
                        if (m[i])
                        {
                            spikes.cells.push_back((int32_t)i);
                            spikes.steps.push_back((int32_t)step);
                        }
        }
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
};

static Spikes found;

template <typename T> double run(int64_t steps, int64_t cells, uint64_t seed, const T* numbers, T** state)
{
    found.cells.clear();
    found.steps.clear();
    Cells<T> all{state[0], state[1], state[2], state[3], state[4], state[5], state[6]};
    return all.run(steps, cells, seed, numbers, found);
}

extern "C" void threads(int count) { ds::use_threads(count); }
extern "C" int64_t spikes() { return found.cells.size(); }
extern "C" const int32_t* cells() { return found.cells.data(); }
extern "C" const int32_t* steps() { return found.steps.data(); }
extern "C" double run_double(int64_t steps, int64_t cells, uint64_t seed, const double* numbers, double** state)
{
    return run<double>(steps, cells, seed, numbers, state);
}
extern "C" double run_single(int64_t steps, int64_t cells, uint64_t seed, const float* numbers, float** state)
{
    return run<float>(steps, cells, seed, numbers, state);
}
