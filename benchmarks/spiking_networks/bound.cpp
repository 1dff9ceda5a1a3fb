// The network in handwritten C++. It shows the speed that is possible in practice. All targets of a cell are in one
// row; plastic synapses are rows of their own, with the columns that postsynaptic spikes need. Traces of STDP decay in
// the loop over cells. Threads work on different cells and on different blocks of targets.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "../../dendrosim/engine/cpp/source/parallel.cpp"

enum Plasticity { fixed, stdp, tm };

static double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <typename F> static void spread(bool worth, int64_t count, int64_t size, const F& loop)
{
    if (worth) ds::share(count, size, ds::part_of<F>, &loop); else loop(0, count);
}

struct Rows {
    std::vector<int64_t> begin;
    std::vector<int32_t> target;
    std::vector<int32_t> cuts;
    int64_t blocks = 1;
    // Draw `inputs` inputs for each of `targets` cells from cells first .. last.
    void draw(std::mt19937_64& random, int64_t cells, int64_t first, int64_t last, int64_t from, int64_t to, int64_t inputs)
    {
        std::vector<int32_t> pre(inputs*(to - from));
        for (int32_t& p : pre) p = (int32_t)(first + random() % (last - first));
        if (begin.empty()) begin.assign(cells + 1, 0);
        for (const int32_t p : pre) begin[p + 1]++;
        drawn.push_back({std::move(pre), from, inputs});
    }
    void finish()
    {
        std::partial_sum(begin.begin(), begin.end(), begin.begin());
        target.resize(begin.back());
        std::vector<int64_t> next(begin.begin(), begin.end() - 1);
        for (const Drawn& d : drawn)
            for (size_t k = 0; k < d.pre.size(); k++) target[next[d.pre[k]]++] = (int32_t)(d.from + k/d.inputs);
        for (size_t p = 0; p + 1 < begin.size(); p++) std::sort(target.begin() + begin[p], target.begin() + begin[p + 1]);
        drawn.clear();
    }
    void cut(int64_t cells, int threads)
    {
        blocks = std::max<int64_t>(1, std::min<int64_t>(cells/2000, (int64_t)target.size()/cells/64));
        if (threads > 1 && blocks > 1) blocks = (blocks + 2*threads - 1)/(2*threads)*2*threads;
        cuts.resize(cells*(blocks + 1));
        for (int64_t p = 0; p < cells; p++)
            for (int64_t b = 0; b <= blocks; b++)
                cuts[p*(blocks + 1) + b] = std::lower_bound(target.begin() + begin[p], target.begin() + begin[p + 1],
                    b*cells/blocks) - target.begin() - begin[p];
    }
    int64_t at(int64_t pre, int64_t block) const { return begin[pre] + cuts[pre*(blocks + 1) + block]; }

private:
    struct Drawn { std::vector<int32_t> pre; int64_t from, inputs; };
    std::vector<Drawn> drawn;
};

template <typename V> static void fetch(const V* from, const V* to)
{
    for (const char* p = (const char*)from; p < (const char*)to; p += 64) __builtin_prefetch(p);
}

// `numbers`: dt/tau_m, dt/tau_g, decay of both traces per step, weight, inhibitory weight, largest weight, a_plus and
// a_minus times the largest weight, full weight, U, dt/tau_d, dt/tau_f, refractory steps, steps of delay.
template <typename T> static double run(int64_t cells, int64_t excitatory, int64_t inputs_e, int64_t inputs_i, int64_t steps,
    int plasticity, uint64_t seed, int threads, const double* all_drives, const double* numbers, int64_t* spikes)
{
    const T leak = numbers[0], decay = 1 - numbers[1], x_decay = numbers[2], y_decay = numbers[3], weight = numbers[4],
        inhibition = numbers[5], top = numbers[6], up = numbers[7], down = numbers[8], full = numbers[9], use = numbers[10];
    const double recover = numbers[11], relax = numbers[12];
    const int32_t refractory = (int32_t)numbers[13];
    const int64_t delay = (int64_t)numbers[14];
    std::mt19937_64 random(seed);
    Rows rows, plastic;
    const bool learns = plasticity != fixed;
    if (!learns) rows.draw(random, cells, 0, excitatory, 0, excitatory, inputs_e);
    rows.draw(random, cells, 0, excitatory, excitatory, cells, inputs_e);
    rows.draw(random, cells, excitatory, cells, 0, cells, inputs_i);
    rows.finish();
    rows.cut(cells, threads);
    std::vector<T> w;
    std::vector<int64_t> column(excitatory + 1, 0);
    std::vector<int32_t> position, source;
    if (learns)
    {
        plastic.draw(random, cells, 0, excitatory, 0, excitatory, inputs_e);
        plastic.finish();
        plastic.cut(cells, threads);
    }
    if (plasticity == stdp)
    {
        w.resize(plastic.target.size());
        for (T& x : w) x = top*(random() >> 11)*0x1p-53;
        for (const int32_t t : plastic.target) column[t + 1]++;
        std::partial_sum(column.begin(), column.end(), column.begin());
        std::vector<int64_t> next(column.begin(), column.end() - 1);
        position.resize(w.size() + 32);
        source.resize(w.size());
        for (int64_t p = 0; p < cells; p++)
            for (int64_t k = plastic.begin[p]; k < plastic.begin[p + 1]; k++)
            {
                const int64_t to = next[plastic.target[k]]++;
                position[to] = (int32_t)k;
                source[to] = (int32_t)p;
            }
    }
    std::vector<T> v(cells), ge(cells), gi(cells), drive(all_drives, all_drives + cells), x(cells), y(cells);
    std::vector<double> u(cells), resources(cells, 1);
    std::vector<int32_t> last(cells, -(1 << 30)), arrived(cells, 0);
    std::vector<T> released(cells);
    std::vector<char> fired(cells);
    std::vector<std::vector<int32_t>> ring(delay + 1);
    spikes[0] = spikes[1] = 0;
    const double begun = now();
    for (int32_t step = 0; step < steps; step++)
    {
        T *__restrict V = v.data(), *__restrict E = ge.data(), *__restrict I = gi.data(), *__restrict X = x.data(), *__restrict Y = y.data();
        const T* __restrict D = drive.data();
        int32_t* __restrict L = last.data();
        char* __restrict F = fired.data();
        const bool traces = plasticity == stdp;
        spread(threads > 1 && cells >= 8192, cells, 256, [=](int64_t a, int64_t b) {
            #pragma GCC ivdep
            for (int64_t k = a; k < b; k++)
            {
                const bool free = step - L[k] >= refractory;
                const T next = V[k] + (free ? leak*(D[k] - V[k] + E[k] - I[k]) : 0);
                const bool spike = next > 1 && free;
                E[k] *= decay;
                I[k] *= decay;
                V[k] = spike ? 0 : next;
                L[k] = spike ? step : L[k];
                F[k] = spike;
            }
            if (traces) for (int64_t k = a; k < b; k++) { X[k] *= x_decay; Y[k] *= y_decay; }
        });
        std::vector<int32_t>& sent = ring[(step + delay) % ring.size()];
        sent.clear();
        for (int64_t k = 0; k < cells; k += 8)
        {
            if (!*(const uint64_t*)(F + k)) continue;
            for (int64_t i = k; i < k + 8; i++) if (F[i]) sent.push_back((int32_t)i);
        }
        const int64_t of_e = std::lower_bound(sent.begin(), sent.end(), excitatory) - sent.begin();
        spikes[0] += of_e;
        spikes[1] += sent.size() - of_e;
        const std::vector<int32_t>& due = ring[step % ring.size()];
        const int64_t many = due.size();
        const bool worth = threads > 1 && many*(inputs_e + inputs_i) >= 4096;
        if (plasticity == tm)
            for (const int32_t p : due)
            {
                if (p >= excitatory) continue;
                const double pause = step - arrived[p];
                u[p] *= std::exp(-pause*relax);
                resources[p] = 1 + (resources[p] - 1)*std::exp(-pause*recover);
                arrived[p] = step;
                u[p] += use*(1 - u[p]);
                released[p] = full*u[p]*resources[p];
                resources[p] -= u[p]*resources[p];
            }
        if (plasticity == stdp) for (const int32_t p : due) if (p < excitatory) x[p] += 1;
        const Rows *const r = &rows, *const q = &plastic;
        const int32_t* const who = due.data();
        T* const W = w.data();
        const T* const R = released.data();
        spread(worth, rows.blocks, 1, [=](int64_t first, int64_t end) {
            for (int64_t b = first; b < end; b++)
                for (int64_t n = 0; n < many; n++)
                {
                    const int32_t p = who[n];
                    const int32_t* __restrict const t = r->target.data();
                    if (n + 1 < many) fetch(t + r->at(who[n + 1], b), t + r->at(who[n + 1], b + 1));
                    T* __restrict const g = p < excitatory ? E : I;
                    const T add = p < excitatory ? weight : inhibition;
                    for (int64_t k = r->at(p, b), e = r->at(p, b + 1); k < e; k++) g[t[k]] += add;
                }
        });
        if (learns)
            spread(worth, plastic.blocks, 1, [=](int64_t first, int64_t end) {
                T* __restrict const g = E;
                const T* __restrict const trace = Y;
                T* __restrict const weights = W;
                const int32_t* __restrict const t = q->target.data();
                for (int64_t b = first; b < end; b++)
                    for (int64_t n = 0; n < many; n++)
                    {
                        const int32_t p = who[n];
                        if (p >= excitatory) break;
                        const int64_t from = q->at(p, b), to = q->at(p, b + 1);
                        if (n + 1 < many)
                        {
                            fetch(t + q->at(who[n + 1], b), t + q->at(who[n + 1], b + 1));
                            if (plasticity == stdp) fetch(weights + q->at(who[n + 1], b), weights + q->at(who[n + 1], b + 1));
                        }
                        if (plasticity == tm) { const T add = R[p]; for (int64_t k = from; k < to; k++) g[t[k]] += add; continue; }
                        for (int64_t k = from; k < to; k++)
                        {
                            const T old = weights[k];
                            g[t[k]] += old;
                            const T changed = old - down*trace[t[k]];
                            weights[k] = changed < 0 ? 0 : changed;
                        }
                    }
            });
        if (plasticity == stdp)
        {
            const int32_t *const answering = sent.data(), *const at = position.data(), *const from = source.data();
            const int64_t* const of = column.data();
            spread(threads > 1 && of_e*inputs_e >= 4096, of_e, 1, [=](int64_t first, int64_t end) {
                const T* __restrict const trace = X;
                T* __restrict const weights = W;
                for (int64_t n = first; n < end; n++)
                {
                    Y[answering[n]] += 1;
                    for (int64_t k = of[answering[n]], e = of[answering[n] + 1]; k < e; k++)
                    {
                        __builtin_prefetch(weights + at[k + 16], 1);
                        const T changed = weights[at[k]] + up*trace[from[k]];
                        weights[at[k]] = changed > top ? top : changed;
                    }
                }
            });
        }
    }
    return now() - begun;
}

extern "C" {
void threads(int count) { ds::use_threads(count); }

double run_double(int64_t cells, int64_t e, int64_t in_e, int64_t in_i, int64_t steps, int plasticity, uint64_t seed,
    int threads, const double* drive, const double* numbers, int64_t* spikes)
{
    return run<double>(cells, e, in_e, in_i, steps, plasticity, seed, threads, drive, numbers, spikes);
}

double run_single(int64_t cells, int64_t e, int64_t in_e, int64_t in_i, int64_t steps, int plasticity, uint64_t seed,
    int threads, const double* drive, const double* numbers, int64_t* spikes)
{
    return run<float>(cells, e, in_e, in_i, steps, plasticity, seed, threads, drive, numbers, spikes);
}

// Bytes per second at which the threads read 512 MB.
double bandwidth(int threads)
{
    static std::vector<double> values((size_t)1 << 26, 1.0);
    double best = 0;
    for (int repetition = 0; repetition < 5; repetition++)
    {
        const double begun = now();
        const double* const from = values.data();
        spread(threads > 1, values.size(), 256, [=](int64_t a, int64_t b) {
            double sums[8] = {};
            for (int64_t k = a; k < b; k += 8) for (int i = 0; i < 8; i++) sums[i] += from[k + i];
            volatile double sink = std::accumulate(sums, sums + 8, 0.0);
            (void)sink;
        });
        best = std::max(best, 8.0*values.size()/(now() - begun));
    }
    return best;
}
}
