// Target propagation in a chain of layers: a loop of its own over trials, phases and forward Euler steps, written
// from the equations of the models dynamical_tp, two_phase_dtp and multiplexed_dtp.
//
// An array of a layer has `units` rows of B samples. Layer 0 is the input; layer i has the basal weights w[i]
// (n_i x n_(i-1)) and the apical weights q[i] (n_i x n_(i+1)).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

typedef std::vector<double> Array;
typedef std::vector<Array> Layers;

enum Model { SINGLE, TWO_PHASE, MULTIPLEXED };
enum Inverse { EXACT, LEARNED, DRL, TRANSPOSE };
enum Decoder { INVERSE, LINEAR, ERROR };
enum Kind { FREE, NUDGED, LEARN, REST, SLEEP, NOISE };  // NOISE + i perturbs layer i

struct Plan {
    int32_t model, inverse, decoder, bounded, batch, layers, transfer, samples, trials, thin, kept, fresh, phases;
    int32_t sizes[9], kinds[9], steps[9];
    double mu, eta_hat, eta, reach, eta_q, decay_q, sigma, tau, dt, span, half;  // half: time after which eta has halved
};

struct Identity {
    static double s(double x) { return x; }
    static double ds(double) { return 1; }
    static double inv(double h) { return h; }
};

struct Smooth {
    static double s(double x) { return 0.75*x + 0.25*(std::sqrt(x*x + 1) - 1); }
    static double ds(double x) { return 0.75 + 0.25*x/std::sqrt(x*x + 1); }
    static double inv(double h)
    {
        const double v = h + 0.25;
        return (0.75*v - 0.25*std::sqrt(v*v + 0.5))/0.5;
    }
};

struct Leaky {
    static double s(double x) { return 0.55*x + 0.45*std::fabs(x); }
    static double ds(double x) { return x > 0 ? 1.0 : 0.1; }
    static double inv(double h) { return 5.5*h - 4.5*std::fabs(h); }
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
template <int B> static void multiply(
    const Array& m, int rows, int columns, const Array& x, Array& y, bool transposed = false)
{
    constexpr int K = B < 32 ? B : 32;
    const int along = transposed ? 1 : columns, across = transposed ? rows : 1;
    for (int start = 0; start < B; start += K)
        for (int r = 0; r < rows; r++) {
            double sum[K] = {};
            for (int c = 0; c < columns; c++) {
                const double weight = m[r*along + c*across];
                const double* row = &x[c*B + start];
                for (int b = 0; b < K; b++) sum[b] += weight*row[b];
            }
            std::copy(sum, sum + K, &y[r*B + start]);
        }
}

// m += factor times the outer product of a and b, averaged over samples.
template <int B> static void add_outer(Array& m, const Array& a, const Array& b, double factor)
{
    const int rows = a.size()/B, columns = b.size()/B;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            double sum = 0;
            for (int k = 0; k < B; k++) sum += a[r*B + k]*b[c*B + k];
            m[r*columns + c] += factor*sum/B;
        }
}

// Inverse of an n x n matrix by Gauss-Jordan elimination with pivots.
static Array inverted(Array a, int n)
{
    Array q(n*n);
    for (int i = 0; i < n; i++) q[i*n + i] = 1;
    for (int c = 0; c < n; c++) {
        int pivot = c;
        for (int r = c; r < n; r++) if (std::fabs(a[r*n + c]) > std::fabs(a[pivot*n + c])) pivot = r;
        for (Array* m : {&a, &q}) std::swap_ranges(&(*m)[pivot*n], &(*m)[pivot*n] + n, &(*m)[c*n]);
        for (int r = 0; r <= n; r++) {  // the row of the pivot comes last
            const int row = r == n ? c : r;
            if (r == c) continue;
            const double d = a[c*n + c], f = row == c ? 1 - 1/d : a[row*n + c]/d;
            for (Array* m : {&a, &q}) for (int k = 0; k < n; k++) (*m)[row*n + k] -= f*(*m)[c*n + k];
        }
    }
    return q;
}

template <class F, int B> class Network {
public:
    Layers w, q;
    Array target;

    explicit Network(const Plan& p)
        : w(p.layers + 1), q(p.layers + 1), p(p), last(p.layers), fall(last + 1, 1.0)
    {
        for (Layers* all : {&state, &apical, &held, &resting, &basal, &f, &g, &h, &goal, &sent, &signal}) {
            all->resize(last + 1);
            for (int i = 0; i <= last; i++) (*all)[i].resize(p.sizes[i]*B);
        }
        target.resize(p.sizes[last]*B);
        const double r = p.mu/(1 - p.mu);
        for (int i = 1; i <= last; i++) if (p.model != MULTIPLEXED) fall[i] = std::pow(r, last + 1 - i);
    }

    Array& input() { changed = true; return h[0]; }

    // Run a phase that begins with time step number `begin` of the run.
    void run(int kind, int steps, const uint64_t* keys, uint64_t begin)
    {
        perturbed = std::max(0, kind - NOISE);
        if (perturbed) {
            const uint64_t key = split_mix(keys[perturbed], begin);
            noise.resize(p.sizes[perturbed]*B);
            for (int u = 0; u < p.sizes[perturbed]; u++)
                for (int b = 0; b < B; b++) noise[u*B + b] = p.sigma*normal(key, u, b);
        }
        teach = kind == NUDGED || kind == LEARN || kind == REST;
        hold = kind == FREE || kind == SLEEP;
        eta = p.eta/(1 + begin*p.dt/p.half);
        const int learns_at = p.model == MULTIPLEXED ? LEARN : SLEEP;  // when apical weights reconstruct
        for (int k = 0; k < steps; k++) {
            const bool end = k == steps - 1;
            step(kind == LEARN, end && p.inverse == LEARNED && kind == learns_at, end && p.inverse == DRL);
        }
    }

    // Loss of the feed-forward output on samples.
    double loss(const double* x, const double* y, int samples) const
    {
        Array a(x, x + p.sizes[0]*samples);
        for (int i = 1; i <= last; i++) {
            const int rows = p.sizes[i], columns = p.sizes[i - 1];
            Array u(rows*samples);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < columns; c++)
                    for (int b = 0; b < samples; b++) u[r*samples + b] += w[i][r*columns + c]*a[c*samples + b];
            for (double& v : u) v = F::s(v);
            a = u;
        }
        double sum = 0;
        for (size_t k = 0; k < a.size(); k++) sum += (a[k] - y[k])*(a[k] - y[k]);
        return 0.5*sum/samples;
    }

private:
    const Plan p;
    const int last;
    std::vector<double> fall;  // size of the learning signal of each layer, relative to the nudge
    // `state` is the somatic rate or, if multiplexed, the basal voltage; `held` and `resting` are of the free phase.
    Layers state, apical, held, resting, basal, f, g, h, goal, sent, signal;
    Array noise;
    int perturbed = 0;
    double eta = 0;  // learning rate of basal weights in this phase
    bool teach = false, hold = false, changed = true;

    bool multiplexed() const { return p.model == MULTIPLEXED; }
    int count(int i) const { return p.sizes[i]*B; }

    void step(bool learn, bool reconstruct, bool differ)
    {
        compute_rates();
        compute_apical();
        Layers kept;
        if (reconstruct || (differ && perturbed)) kept = learned_apical(reconstruct);
        if (learn) learn_basal();
        advance();
        if (!kept.empty()) q = kept;
        if (learn && p.inverse == EXACT)
            for (int i = 1; i < last; i++) q[i] = inverted(w[i + 1], p.sizes[i]);
    }

    void compute_rates()
    {
        for (int i = 1; i <= last; i++) {
            const int n = count(i);
            const double* a = state[i].data();
            double* rate = h[i].data();
            if (!multiplexed()) { std::copy(a, a + n, rate); continue; }
            for (int k = 0; k < n; k++) rate[k] = F::s(a[k]);
            if (i == perturbed) for (int k = 0; k < n; k++) rate[k] += noise[k];
            for (int k = 0; k < n; k++) rate[k] = std::min(std::max(rate[k], -p.span), p.span);
        }
        for (int i = 1; i <= last; i++) {
            // The input is the same throughout a trial, so layer 1 gets the same until its weights learn.
            if (i > 1 || changed) multiply<B>(w[i], p.sizes[i], p.sizes[i - 1], h[i - 1], basal[i]);
            const double* u = basal[i].data();
            double* rate = f[i].data();
            if (!multiplexed()) for (int k = 0, n = count(i); k < n; k++) rate[k] = F::s(u[k]);
        }
        changed = false;
    }

    void compute_apical()
    {
        const double nudge = teach*p.eta_hat;
        for (int k = 0; k < count(last); k++) g[last][k] = h[last][k] - nudge*(h[last][k] - target[k]);
        for (int i = 1; i <= last; i++) {
            const double* from = !multiplexed() ? h[i].data() : i < last ? apical[i].data() : g[last].data();
            double* to = goal[i].data();
            if (multiplexed())
                for (int k = 0, n = count(i); k < n; k++) to[k] = std::min(std::max(from[k], -p.span), p.span);
            else std::copy(from, from + count(i), to);
        }
        for (int i = 2; i <= last; i++) decode(i, goal[i], sent[i]);
        for (int i = 1; i < last; i++) {
            const bool transposed = p.inverse == TRANSPOSE;
            multiply<B>(transposed ? w[i + 1] : q[i], p.sizes[i], p.sizes[i + 1], sent[i + 1], g[i], transposed);
            if (p.decoder == ERROR) for (int k = 0; k < count(i); k++) g[i][k] += h[i][k];
        }
    }

    // What apical dendrites below layer i receive when its rates are `rates`.
    void decode(int i, const Array& rates, Array& result)
    {
        const int n = count(i);
        const double *r = rates.data(), *u = basal[i].data(), *bottom = f[i].data();
        double* to = result.data();
        if (p.decoder == INVERSE) for (int k = 0; k < n; k++) to[k] = F::inv(r[k]);
        else if (p.decoder == LINEAR) std::copy(r, r + n, to);
        else for (int k = 0; k < n; k++) to[k] = F::ds(u[k])*(r[k] - bottom[k]);
    }

    void learn_basal()
    {
        for (int i = 1; i <= last; i++) {
            const Array& at = multiplexed() ? state[i] : basal[i];
            const Array& reference = p.model == SINGLE ? f[i] : held[i];
            for (int k = 0; k < count(i); k++) {
                double error = F::ds(at[k])*(goal[i][k] - reference[k]);
                const double relative = error/(p.reach*fall[i]);
                if (p.bounded) error /= std::sqrt(1 + relative*relative);
                signal[i][k] = error;
            }
        }
        for (int i = 1; i <= last; i++)
            add_outer<B>(w[i], signal[i], h[i - 1], p.tau*eta/p.eta_hat/fall[i]);
        changed = true;
    }

    // Return the apical weights after a step, by reconstruction in all layers, or by differences in one.
    Layers learned_apical(bool reconstruct)
    {
        Layers kept = q;
        for (int i = 1; i < last; i++) {
            if (!reconstruct && i != perturbed) continue;
            Array error(count(i)), cause(count(i + 1));
            double rate = p.tau*p.eta_q;
            if (reconstruct) {
                decode(i + 1, h[i + 1], cause);
                multiply<B>(q[i], p.sizes[i], p.sizes[i + 1], cause, error);
                for (int k = 0; k < count(i); k++) error[k] = h[i][k] - error[k];
                for (int b = 0; b < B; b++) {
                    double power = 1;
                    for (int u = 0; u < p.sizes[i + 1]; u++) power += cause[u*B + b]*cause[u*B + b];
                    for (int u = 0; u < p.sizes[i + 1]; u++) cause[u*B + b] /= power;
                }
            } else {
                Array before(count(i + 1));
                decode(i + 1, held[i + 1], before);
                for (int k = 0; k < count(i + 1); k++) cause[k] = sent[i + 1][k] - before[k];
                for (int k = 0; k < count(i); k++)
                    error[k] = multiplexed() ? noise[k] - (goal[i][k] - held[i][k])
                                             : h[i][k] - held[i][k] - (g[i][k] - resting[i][k]);
            }
            for (double& weight : kept[i]) weight *= 1 - rate*p.decay_q;
            add_outer<B>(kept[i], error, cause, reconstruct ? rate : rate/(p.sigma*p.sigma));
        }
        return kept;
    }

    // Take an Euler step of all voltages and rates.
    void advance()
    {
        const double part = p.dt/p.tau, mu = p.mu;
        for (int i = 1; i <= last; i++) {
            const int n = count(i);
            const bool adapts = p.model == TWO_PHASE && p.inverse == DRL && i < last;
            double *x = state[i].data(), *a = apical[i].data(), *m = held[i].data(), *rest = resting[i].data();
            const double *u = basal[i].data(), *bottom = f[i].data(), *top = g[i].data(), *now = goal[i].data();
            if (multiplexed()) {
                for (int k = 0; k < n; k++) x[k] += part*(u[k] - x[k]);
                if (i < last) for (int k = 0; k < n; k++) a[k] += part*(top[k] - a[k]);
            } else if (adapts) {
                for (int k = 0; k < n; k++)
                    x[k] += part*((1 - mu)*bottom[k] + mu*(m[k] + top[k] - rest[k]) - x[k]);
                if (i == perturbed) for (int k = 0; k < n; k++) x[k] += part*noise[k];
            } else {
                for (int k = 0; k < n; k++) x[k] += part*((1 - mu)*bottom[k] + mu*top[k] - x[k]);
            }
            if (!hold || p.model == SINGLE) continue;
            for (int k = 0; k < n; k++) m[k] += part*(now[k] - m[k]);
            if (adapts) for (int k = 0; k < n; k++) rest[k] += part*(top[k] - rest[k]);
        }
    }
};

template <class F, int B> static void run(
    const Plan& p, const double* x, const double* y, const double* fresh, const double* expected,
    double* const* w, double* const* q, const uint64_t* keys, double* losses)
{
    Network<F, B> net(p);
    const int last = p.layers, inputs = p.sizes[0], outputs = p.sizes[last];
    for (int i = 1; i <= last; i++) net.w[i].assign(w[i], w[i] + p.sizes[i]*p.sizes[i - 1]);
    for (int i = 1; i < last; i++) net.q[i].assign(q[i], q[i] + p.sizes[i]*p.sizes[i + 1]);
    uint64_t time = 0;
    for (int trial = 0; trial < p.trials; trial++) {
        if (trial % p.thin == 0 && trial/p.thin < p.kept)
            losses[trial/p.thin] = net.loss(fresh, expected, p.fresh);
        Array& input = net.input();
        for (int b = 0; b < B; b++) {
            const int shown = ((int64_t)trial*B + b) % p.samples;
            for (int u = 0; u < inputs; u++) input[u*B + b] = x[u*p.samples + shown];
            for (int u = 0; u < outputs; u++) net.target[u*B + b] = y[u*p.samples + shown];
        }
        for (int k = 0; k < p.phases; time += p.steps[k++]) net.run(p.kinds[k], p.steps[k], keys, time);
    }
    losses[p.kept] = net.loss(fresh, expected, p.fresh);
    for (int i = 1; i <= last; i++) std::copy(net.w[i].begin(), net.w[i].end(), w[i]);
}

// Train a network. `losses` gets the loss before every `thin`-th trial, `kept` numbers, and the final one; `w` gets
// the final weights.
extern "C" void train(
    const Plan* p, const double* x, const double* y, const double* fresh, const double* expected,
    double* const* w, double* const* q, const uint64_t* keys, double* losses)
{
    const auto chosen = p->batch == 1
        ? (p->transfer == 0 ? run<Identity, 1> : p->transfer == 1 ? run<Smooth, 1> : run<Leaky, 1>)
        : (p->transfer == 0 ? run<Identity, 64> : p->transfer == 1 ? run<Smooth, 64> : run<Leaky, 64>);
    chosen(*p, x, y, fresh, expected, w, q, keys, losses);
}
