// Target propagation in a chain of layers: a loop of its own over trials, phases and forward Euler steps, written
// from the equations of the models dynamical_tp, two_phase_dtp and multiplexed_dtp.
//
// An array of a layer has `units` rows of B samples. Layer 0 is the input; layer i has the basal weights w[i]
// (n_i x n_(i-1)) and the apical weights q[i] (n_i x n_(i+1)).

#include "numbers.h"

enum Model { SINGLE, TWO_PHASE, MULTIPLEXED };
enum Inverse { EXACT, LEARNED, DRL, TRANSPOSE };
enum Decoder { INVERSE, LINEAR, ERROR };
enum Kind { FREE, NUDGED, LEARN, REST, SLEEP, NOISE };  // NOISE + i perturbs layer i

struct Plan {
    int32_t model, inverse, decoder, bounded, batch, layers, transfer, samples, trials, thin, kept, fresh, phases;
    int32_t sizes[9], kinds[9], steps[9];
    double mu, eta_hat, eta, reach, eta_q, decay_q, sigma, tau, dt, span, half;  // half: time after which eta has halved
};

struct Seed {  // what one network is trained with
    const double *x, *y, *fresh, *expected, *w[9], *q[9];
    const uint64_t* keys;
    double* losses;
};

template <class Real, class F, int B> class Network {
public:
    typedef std::vector<Real> Array;
    typedef std::vector<Array> Layers;
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
    void run(int kind, int steps, const std::vector<const uint64_t*>& keys, uint64_t begin)
    {
        perturbed = std::max(0, kind - NOISE);
        if (perturbed) {
            noise.resize(p.sizes[perturbed]*B);
            for (int lane = 0; lane < lanes(Real{}); lane++) {
                const uint64_t key = split_mix(keys[lane][perturbed], begin);
                for (int u = 0; u < p.sizes[perturbed]; u++)
                    for (int b = 0; b < B; b++) set(noise[u*B + b], lane, p.sigma*normal(key, u, b));
            }
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
    Real loss(const Array& x, const Array& y, int samples) const
    {
        Array a = x;
        for (int i = 1; i <= last; i++) {
            const int rows = p.sizes[i], columns = p.sizes[i - 1];
            Array u(rows*samples);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < columns; c++)
                    for (int b = 0; b < samples; b++) u[r*samples + b] += w[i][r*columns + c]*a[c*samples + b];
            for (Real& v : u) v = F::s(v);
            a = u;
        }
        Real sum = {};
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
            const Real* a = state[i].data();
            Real* rate = h[i].data();
            if (!multiplexed()) { std::copy(a, a + n, rate); continue; }
            for (int k = 0; k < n; k++) rate[k] = F::s(a[k]);
            if (i == perturbed) for (int k = 0; k < n; k++) rate[k] += noise[k];
            for (int k = 0; k < n; k++) rate[k] = clipped(rate[k], p.span);
        }
        for (int i = 1; i <= last; i++) {
            // The input is the same throughout a trial, so layer 1 gets the same until its weights learn.
            if (i > 1 || changed) multiply<Real, B>(w[i], p.sizes[i], p.sizes[i - 1], h[i - 1], basal[i]);
            const Real* u = basal[i].data();
            Real* rate = f[i].data();
            if (!multiplexed()) for (int k = 0, n = count(i); k < n; k++) rate[k] = F::s(u[k]);
        }
        changed = false;
    }

    void compute_apical()
    {
        const double nudge = teach*p.eta_hat;
        for (int k = 0; k < count(last); k++) g[last][k] = h[last][k] - nudge*(h[last][k] - target[k]);
        for (int i = 1; i <= last; i++) {
            const Real* from = !multiplexed() ? h[i].data() : i < last ? apical[i].data() : g[last].data();
            Real* to = goal[i].data();
            if (multiplexed())
                for (int k = 0, n = count(i); k < n; k++) to[k] = clipped(from[k], p.span);
            else std::copy(from, from + count(i), to);
        }
        for (int i = 2; i <= last; i++) decode(i, goal[i], sent[i]);
        for (int i = 1; i < last; i++) {
            const bool transposed = p.inverse == TRANSPOSE;
            multiply<Real, B>(transposed ? w[i + 1] : q[i], p.sizes[i], p.sizes[i + 1], sent[i + 1], g[i], transposed);
            if (p.decoder == ERROR) for (int k = 0; k < count(i); k++) g[i][k] += h[i][k];
        }
    }

    // What apical dendrites below layer i receive when its rates are `rates`.
    void decode(int i, const Array& rates, Array& result)
    {
        const int n = count(i);
        const Real *r = rates.data(), *u = basal[i].data(), *bottom = f[i].data();
        Real* to = result.data();
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
                Real error = F::ds(at[k])*(goal[i][k] - reference[k]);
                const Real relative = error/(p.reach*fall[i]);
                if (p.bounded) error /= root(1 + relative*relative);
                signal[i][k] = error;
            }
        }
        for (int i = 1; i <= last; i++)
            add_outer<Real, B>(w[i], signal[i], h[i - 1], p.tau*eta/p.eta_hat/fall[i]);
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
                multiply<Real, B>(q[i], p.sizes[i], p.sizes[i + 1], cause, error);
                for (int k = 0; k < count(i); k++) error[k] = h[i][k] - error[k];
                for (int b = 0; b < B; b++) {
                    Real power = Real{} + 1;
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
            for (Real& weight : kept[i]) weight *= 1 - rate*p.decay_q;
            add_outer<Real, B>(kept[i], error, cause, reconstruct ? rate : rate/(p.sigma*p.sigma));
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
            Real *x = state[i].data(), *a = apical[i].data(), *m = held[i].data(), *rest = resting[i].data();
            const Real *u = basal[i].data(), *bottom = f[i].data(), *top = g[i].data(), *now = goal[i].data();
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

// Numbers of all networks, `count` of each, as an array.
template <class Real> static std::vector<Real> packed(const double* const* from, int count)
{
    std::vector<Real> all(count);
    for (int lane = 0; lane < lanes(Real{}); lane++)
        for (int k = 0; k < count; k++) set(all[k], lane, from[lane][k]);
    return all;
}

template <class Real, class F, int B> static void run(const Plan& p, const Seed* seeds)
{
    Network<Real, F, B> net(p);
    const int last = p.layers, inputs = p.sizes[0], outputs = p.sizes[last], networks = lanes(Real{});
    std::vector<const double*> from(networks);
    auto of = [&](auto&& member, int count) {
        for (int k = 0; k < networks; k++) from[k] = member(seeds[k]);
        return packed<Real>(from.data(), count);
    };
    std::vector<const uint64_t*> keys;
    for (int k = 0; k < networks; k++) keys.push_back(seeds[k].keys);
    const auto x = of([](const Seed& s) { return s.x; }, inputs*p.samples);
    const auto y = of([](const Seed& s) { return s.y; }, outputs*p.samples);
    const auto fresh = of([](const Seed& s) { return s.fresh; }, inputs*p.fresh);
    const auto expected = of([](const Seed& s) { return s.expected; }, outputs*p.fresh);
    for (int i = 1; i <= last; i++) net.w[i] = of([i](const Seed& s) { return s.w[i]; }, p.sizes[i]*p.sizes[i - 1]);
    for (int i = 1; i < last; i++) net.q[i] = of([i](const Seed& s) { return s.q[i]; }, p.sizes[i]*p.sizes[i + 1]);
    auto note = [&](int at) {
        const Real loss = net.loss(fresh, expected, p.fresh);
        for (int k = 0; k < networks; k++) seeds[k].losses[at] = get(loss, k);
    };
    uint64_t time = 0;
    for (int trial = 0; trial < p.trials; trial++) {
        if (trial % p.thin == 0 && trial/p.thin < p.kept) note(trial/p.thin);
        auto& input = net.input();
        for (int b = 0; b < B; b++) {
            const int shown = ((int64_t)trial*B + b) % p.samples;
            for (int u = 0; u < inputs; u++) input[u*B + b] = x[u*p.samples + shown];
            for (int u = 0; u < outputs; u++) net.target[u*B + b] = y[u*p.samples + shown];
        }
        for (int k = 0; k < p.phases; time += p.steps[k++]) net.run(p.kinds[k], p.steps[k], keys, time);
    }
    note(p.kept);
}

extern "C" int at_once(const Plan* p) { return p->batch == 1 ? LANES : 1; }

// Train `at_once` networks. Each gets its losses before every `thin`-th trial, `kept` numbers, and the final one.
extern "C" void train(const Plan* p, const Seed* seeds)
{
    const auto chosen = p->batch == 1
        ? (p->transfer == 0 ? run<Pack, Identity, 1> : p->transfer == 1 ? run<Pack, Smooth, 1> : run<Pack, Leaky, 1>)
        : (p->transfer == 0 ? run<double, Identity, 64>
            : p->transfer == 1 ? run<double, Smooth, 64> : run<double, Leaky, 64>);
    chosen(*p, seeds);
}
