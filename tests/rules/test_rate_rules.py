"""Rules of weight matrices against closed forms, and against loops that are written here."""

import numpy as np
import pytest
from comparisons import gap
from scipy.special import expit

import dendrosim as ds
from dendrosim.equations.plasticity import analyse_rule
from dendrosim.errors import EquationError, ParameterError, SpecError

LINEAR = "y : 1"


def circuit(rule, size=1, inputs=5, initial=None, post=LINEAR, **changes):
    """Units that receive inputs x through weights with a rule."""
    pre = ds.Population("input", inputs, "x : 1", inputs="x")
    cell = ds.Population("cell", size, post)
    start = ds.Normal(0.3) if initial is None else initial
    return ds.Circuit(
        (rule.add_to(pre, "pre"), rule.add_to(cell)),
        [
            ds.Matrix("w", "cell", "input", start, rule=rule),
            *(ds.Matrix(t.name, "cell", "input", rule=t) for t in rule.traces),
            *changes.pop("matrices", ()),
        ],
        [ds.Projection("input.x", "w", "cell.y"), *changes.pop("projections", ())],
        **changes,
    )


def shown(of, samples, steps, dt, **changes):
    """A protocol in which all samples are shown side by side, so that a run follows the mean flow."""
    phase = ds.Phase("learn", f"{steps * dt!r} s", signals={"input.x": ds.Samples("x")})
    return ds.Protocol(
        of, (ds.Block("run", (phase,)),), f"{dt!r} s", data={"x": samples}, batch=len(samples),
        batch_fixed=True, **changes,
    )  # fmt: skip


def samples(seed=0, count=12, scales=(2.0, 1.2, 0.8, 0.5, 0.3)):
    """Inputs whose second moments C have well-separated eigenvalues, and C."""
    rng = np.random.default_rng(seed)
    turned = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    white = np.linalg.qr(rng.normal(size=(count, 5)))[0] * count**0.5
    x = white * scales @ turned
    return x, x.T @ x / count


# -- Oja ------------------------------------------------------------------------------------------------


def test_oja_finds_the_first_principal_component():
    x, c = samples()
    final = ds.run(shown(circuit(ds.rules.oja()), x, 400, 0.02), backend="numpy").state["w"][0]
    vectors = np.linalg.eigh(c)[1]
    assert np.linalg.norm(final) == pytest.approx(1, abs=1e-3)
    assert abs(final @ vectors[:, -1]) == pytest.approx(1, abs=1e-3)


def test_oja_has_the_fixed_points_and_eigenvalues_of_its_mean_flow():
    x, c = samples()
    given = circuit(ds.rules.oja(eta="2 Hz", alpha=4.0))
    values, vectors = np.linalg.eigh(c)
    for k, value in enumerate(values):
        start = {"w": vectors[:, k][None] / 2}
        flow = ds.vector_field(given, inputs={"input.x": x.T}, unfrozen="w", values=start)
        assert gap(flow.f(flow.start), 0) < 1e-12
        expected = np.append(2 * (np.delete(values, k) - value), -4 * value)
        found = np.linalg.eigvals(flow.jacobian(flow.start)).real
        assert gap(np.sort(found), np.sort(expected)) < 1e-12
    near = {"w": vectors[:, -1][None] / 2 + 0.05}
    flow = ds.vector_field(given, inputs={"input.x": x.T}, unfrozen="w", values=near)
    point = ds.fixed_point(flow)
    assert point.stable
    assert gap(np.abs(point.state["w"][0]), np.abs(vectors[:, -1] / 2)) < 1e-9


def test_oja_is_a_sum_of_products():
    rule = ds.rules.oja()
    parts = analyse_rule(ds.Matrix("w", "cell", "input", rule=rule).rate, "w")
    assert parts.general is None
    assert parts.local is None
    assert {o.weight for o in parts.outer} == {None, "w"}
    for other in (
        ds.rules.hebb(decay="1 Hz"),
        ds.rules.bcm(),
        ds.rules.sanger(),
        ds.rules.e_prop(),
    ):
        rate = ds.Matrix("w", "cell", "input", rule=other).rate
        assert analyse_rule(rate.replace("ds(v_post)", "slope_post"), "w").blas_only, other.name


# -- Sanger ---------------------------------------------------------------------------------------------


def sanger_circuit(rules):
    inputs = ds.Population("input", 5, "x : 1", inputs="x")
    for rule in rules.values():
        inputs = rule.add_to(inputs, "pre")
    return ds.Circuit(
        (inputs, *(ds.Population(f"unit{k}", 1, "y : 1") for k in rules)),
        [ds.Matrix(f"w{k}", f"unit{k}", "input", ds.Normal(0.3), rule=r) for k, r in rules.items()],
        [ds.Projection("input.x", f"w{k}", f"unit{k}.y") for k in rules]
        + [
            ds.Projection(f"unit{k}.y", f"w{k}", f"input.explained{k}", transpose=True)
            for k in rules
        ],
    )


def test_sanger_is_the_rule_for_a_whole_matrix_and_finds_components_in_their_order():
    x, c = samples()
    given = shown(sanger_circuit({k: ds.rules.sanger(k) for k in (1, 2, 3)}), x, 1000, 0.02)
    flow = ds.vector_field(given, unfrozen="*", seed=2)
    w = np.array([flow.unpack(flow.start)[f"w{k}"][0] for k in (1, 2, 3)])
    final = ds.run(given, backend="numpy", seed=2).state
    for _ in range(1000):
        w = w + 0.02 * (w @ c - np.tril(w @ c @ w.T) @ w)
    found = np.array([final[f"w{k}"][0] for k in (1, 2, 3)])
    assert gap(found, w) < 1e-9
    vectors = np.linalg.eigh(c)[1][:, :1:-1].T
    assert np.abs(np.abs(np.sum(found * vectors, axis=1)) - 1).max() < 1e-3


# -- BCM ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_bcm_with_two_orthogonal_patterns_answers_to_one_alone(seed):
    patterns = np.array([[0.8, 0.4, 0.0, -0.4, 0.2], [0.6, -0.6, 0.0, 0.6, 0.0]])
    rule = ds.rules.bcm(eta="0.5 Hz", tau_threshold="500 ms")
    a, b = ({"input.x": list(p)} for p in patterns)
    # Each pattern comes before and after the other equally often: the ripple of the threshold has no effect.
    phases = (
        ds.Phase("a", "10 ms", signals=a), ds.Phase("b", "20 ms", signals=b), ds.Phase("c", "10 ms", signals=a)
    )  # fmt: skip
    given = circuit(rule, initial=ds.Uniform(0.2, 0.8))
    protocol = ds.Protocol(given, (ds.Block("run", phases, trials=1000),), "10 ms", method="rk2")
    final = ds.run(protocol, backend="numpy", seed=seed).state["w"][0]
    responses = np.sort(patterns @ final)
    assert np.abs(responses - [0, 2]).max() < 1e-3


AVERAGED = "dw/dt = eta*(y_post*(y_post - threshold_post)*x_pre + v_post*(v_post - threshold_post)*u_pre)/2 : 1"


def mean_bcm(eta, tau):
    """The mean flow of BCM for two patterns x and u, to which a cell with one threshold answers with y and v."""
    rule = ds.rules.bcm(eta=eta, tau_threshold=tau).replace(
        plasticity=AVERAGED,
        post_equations="dthreshold/dt = ((y**2 + v**2)/2/threshold_scale - threshold)/tau_threshold : 1",
    )
    inputs = ds.Population("input", 2, "x : 1\nu : 1", inputs=["x", "u"])
    return ds.Circuit(
        (inputs, rule.add_to(ds.Population("cell", 1, "y : 1\nv : 1"))),
        [ds.Matrix("w", "cell", "input", 0.5, rule=rule)],
        [ds.Projection("input.x", "w", "cell.y"), ds.Projection("input.u", "w", "cell.v")],
    )


@pytest.mark.parametrize("eta", [0.5, 3.0])
def test_bcm_has_the_fixed_points_and_spectrum_of_its_mean_flow(eta):
    tau = 0.5
    given = mean_bcm(f"{eta} Hz", f"{tau} s")
    drive = {"input.x": [1.0, 0.0], "input.u": [0.0, 1.0]}

    def field(w, threshold):
        values = {"w": np.array([w]), "cell.threshold": [threshold]}
        return ds.vector_field(given, inputs=drive, unfrozen="w", values=values)

    for w, threshold in (([2, 0], 2), ([0, 2], 2), ([1, 1], 1), ([0, 0], 0)):
        flow = field(w, threshold)
        assert gap(flow.f(flow.start), 0) < 1e-14
    selective = ds.fixed_point(field([1.9, 0.1], 2.1))
    assert gap(np.sort(selective.state["w"][0]), [0, 2]) < 1e-9
    square = np.roots([1, 1 / tau - eta, eta / tau])
    expected = np.sort_complex([*square, -eta])
    assert gap(np.sort_complex(selective.eigenvalues), expected) < 1e-9
    assert selective.stable == (eta * tau < 1)  # a slow threshold makes the responses oscillate
    both = ds.fixed_point(field([1, 1], 1), method="newton")
    assert not both.stable


# -- scaling and competition ------------------------------------------------------------------------------


def test_scaling_keeps_ratios_and_reaches_its_target():
    rule = ds.rules.synaptic_scaling(target=0.5, tau="1 s", tau_average="100 ms")
    given = circuit(rule, size=3, initial=ds.Uniform(0.1, 1.0))
    result = ds.run(shown(given, np.full((1, 5), 0.8), 1500, 0.01), backend="numpy", seed=3)
    start = ds.vector_field(given, unfrozen="w", seed=3)
    before, after = start.unpack(start.start)["w"], result.state["w"]
    assert gap(after / after[:, :1], before / before[:, :1]) < 1e-10
    assert gap(after.sum(1) * 0.8, 0.5) < 1e-4
    flow = ds.vector_field(given, inputs={"input.x": 0.8}, unfrozen="w", values=result.state)
    point = ds.fixed_point(flow)
    assert gap(point.state["cell.average"], 0.5) < 1e-9
    nonzero = np.sort_complex(point.eigenvalues[np.abs(point.eigenvalues) > 1e-9])
    pair = np.roots([1, 1 / 0.1, 1 / (0.1 * 1)])  # dln(w)/dt = -(a/target - 1), da/dt = 10 (y - a)
    assert gap(nonzero, np.sort_complex(np.repeat(pair, 3))) < 1e-6
    assert len(point.eigenvalues) - len(nonzero) == 12  # weights that give the same activity


@pytest.mark.parametrize("variant", ["multiplicative", "subtractive"])
def test_competition_keeps_the_sum_of_weights(variant):
    more = {"total": 2.0} if variant == "multiplicative" else {"inputs": 5}
    rule = ds.rules.heterosynaptic(variant, eta="0.5 Hz", **more)
    x, c = np.abs(samples()[0]), None
    c = x.T @ x / len(x)
    given = circuit(
        rule, initial=ds.Uniform(0.1, 0.5), matrices=[ds.Matrix("ones", "cell", "input", 1.0)],
        projections=[ds.Projection("input.x", "ones", "cell.received")],
    )  # fmt: skip
    steps = 400 if variant == "multiplicative" else 50
    final = ds.run(shown(given, x, steps, 0.05), backend="numpy", seed=1).state["w"][0]
    flow = ds.vector_field(given, unfrozen="w", seed=1)
    if variant == "subtractive":
        assert final.sum() == pytest.approx(flow.start.sum(), abs=1e-12)
        assert np.ptp(final) > 2 * np.ptp(flow.start)
    else:
        first = np.abs(np.linalg.eigh(c)[1][:, -1])
        assert gap(final, 2 * first / first.sum()) < 1e-3


# -- eligibility ------------------------------------------------------------------------------------------

TAU, ETA, C = 0.4, 2.0, 3.0


def coincidence(modulator, phases, dt, gates=None, **settings):
    """Run with an activity z of its own, so that the product x z is given."""
    given = ds.rules.three_factor("x", "z", modulator, eta="2 Hz", tau="400 ms", gain="3 Hz")
    inputs = ds.Population("input", 2, "x : 1", inputs="x")
    cell = ds.Population("cell", 1, "z : 1\nplateau : 1", inputs={"z": 1.0, "plateau": 0.0})
    if modulator != "plateau_post":
        cell = ds.Population("cell", 1, "z : 1", inputs={"z": 1.0})
    whole = ds.Circuit(
        (inputs, cell),
        [
            ds.Matrix("w", "cell", "input", 0.0, rule=given),
            *(ds.Matrix(t.name, "cell", "input", rule=t) for t in given.traces),
        ],
        gates=gates or {},
    )
    protocol = ds.Protocol(
        whole, (ds.Block("run", phases),), f"{dt!r} s", signals={"input.x": [0.5, -1.0]}, method="rk2", **settings
    )  # fmt: skip
    return ds.run(protocol, backend="numpy").state


def test_eligibility_and_weight_follow_a_step():
    t = 1.0
    state = coincidence(None, (ds.Phase("on", "1 s"),), 2e-3)
    products = np.array([[0.5, -1.0]])
    e = ETA * TAU * (1 - np.exp(-t / TAU)) * products
    w = C * ETA * TAU * (t - TAU * (1 - np.exp(-t / TAU))) * products
    assert gap(state["eligibility"], e) < 1e-5
    assert gap(state["w"], w) < 1e-5
    finer = coincidence(None, (ds.Phase("on", "1 s"),), 0.5e-3)
    assert gap(finer["eligibility"], e) < 1e-6
    assert gap(finer["w"], w) < 1e-6


@pytest.mark.parametrize("modulator", ["reward", "plateau_post"])
def test_a_delayed_reward_finds_the_eligibility(modulator):
    """A coincidence of area a, and a reward of area R after the time T: dw = c eta a R exp(-T/tau)."""
    off, short = {"cell.z": 0.0}, 0.01
    gate, strength = modulator == "reward", 20.0

    def phase(name, duration, on=False):
        drive = dict(off) if name != "coincide" else {}
        if not gate:
            drive["cell.plateau"] = strength * on
        return ds.Phase(
            name, f"{duration} s", signals=drive, gates={"reward": strength * on} if gate else {}
        )

    phases = (
        phase("coincide", short),
        phase("wait", 0.49),
        phase("reward", short, True),
        phase("end", 0.1),
    )
    state = coincidence(modulator, phases, 0.5e-3, {"reward": 0.0} if gate else {})
    mean = TAU / short * (np.exp(short / TAU) - 1)  # of exp(-T/tau) over both pulses
    spread = mean * TAU / short * (1 - np.exp(-short / TAU))
    expected = (
        C * ETA * short * strength * short * np.exp(-0.5 / TAU) * spread * np.array([[0.5, -1.0]])
    )
    assert gap(state["w"], expected) < 1e-6


@pytest.mark.slow
def test_sinusoids_leave_the_mean_change_of_their_phases():
    """x z = cos(w0 t) cos(w0 t + phi): the mean eligibility is eta tau cos(phi)/2; with M = cos(2 w0 t + psi),
    the mean change of a weight is c Re(u e^(-i psi))/2, u = (eta/2) e^(i phi)/(1/tau + 2 i w0)."""
    w0, phi, psi, dt = 2 * np.pi * 2, 0.7, 0.4, 1e-3
    rule = ds.rules.three_factor("x", "z", "m_post", eta="2 Hz", tau="400 ms", gain="3 Hz")
    wave = "cos(2*pi*{k}*Hz*t + {p})"
    whole = ds.Circuit(
        (
            ds.Population("input", 1, f"x = {wave.format(k=2, p=0)} : 1"),
            ds.Population(
                "cell", 1, f"z = {wave.format(k=2, p=phi)} : 1\nm = {wave.format(k=4, p=psi)} : 1"
            ),
        ),
        [ds.Matrix("w", "cell", "input", rule=rule)]
        + [ds.Matrix(t.name, "cell", "input", rule=t) for t in rule.traces],
    )
    phases = (ds.Phase("settle", "4 s"), ds.Phase("count", "1 s"))
    keep = (ds.Recording(("w", "eligibility"), every="1 ms"),)
    protocol = ds.Protocol(
        whole, (ds.Block("run", phases),), f"{dt} s", method="rk2", recordings=keep
    )
    traces = ds.run(protocol, backend="numpy").traces
    w, e = (traces[n].values[:, 0, 0] for n in ("w", "eligibility"))
    u = ETA / 2 * np.exp(1j * phi) / (1 / TAU + 2j * w0)
    assert e[4000:].mean() == pytest.approx(ETA * TAU * np.cos(phi) / 2, abs=1e-4)
    rate = C * (u * np.exp(-1j * psi)).real / 2
    assert (w[-1] - w[4000]) / (len(w) - 4001) / dt == pytest.approx(rate, abs=1e-3)


# -- e-prop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readout", [None, "30 ms"])
def test_e_prop_is_the_gradient_of_the_summed_loss(readout):
    """Against differences of the loss of a layer that is integrated here, with Euler steps of the run."""
    dt, steps, tau, eta = 1e-3, 200, 20e-3, 1e-6
    rng = np.random.default_rng(1)
    x, target = rng.normal(size=(steps, 3)), rng.normal(size=(steps, 2))
    w = rng.normal(size=(2, 3))
    rule = ds.rules.e_prop("x", "v", "error", tau="20 ms", eta=f"{eta} Hz", tau_readout=readout)
    shown_output = "r" if readout else "y"
    cell = "dv/dt = (drive - v)/(20*ms) : 1\ny = s(v) : 1\ndrive : 1\ntarget : 1\n"
    cell += f"error = target - {shown_output} : 1"
    cell += "\ndr/dt = (y - r)/(30*ms) : 1" if readout else ""
    inputs = ds.Population("input", 3, "x : 1", inputs="x")
    whole = ds.Circuit(
        (
            rule.add_to(inputs, "pre"),
            ds.Population("cell", 2, cell, inputs="target", transfer="tanh"),
        ),
        [ds.Matrix("w", "cell", "input", w, rule=rule)]
        + [ds.Matrix(t.name, "cell", "input", rule=t) for t in rule.traces],
        [ds.Projection("input.x", "w", "cell.drive")],
    )
    drives = {"input.x": ds.Table(x, "1 ms"), "cell.target": ds.Table(target, "1 ms")}
    phase = ds.Phase("run", f"{steps} ms")
    protocol = ds.Protocol(whole, (ds.Block("run", (phase,)),), "1 ms", signals=drives)
    change = ds.run(protocol, backend="numpy").state["w"] - w

    def loss(weights):
        v = r = np.zeros(2)
        total = 0.0
        for given, aim in zip(x, target, strict=True):
            y = np.tanh(v)
            total += dt * np.sum((aim - (r if readout else y)) ** 2) / 2
            v, r = v + dt / tau * (weights @ given - v), r + dt / 30e-3 * (y - r)
        return total

    step = 1e-5
    slopes = [
        (loss(w + step * d) - loss(w - step * d)) / (2 * step) for d in np.eye(6).reshape(6, 2, 3)
    ]
    assert gap(change / eta, -np.reshape(slopes, (2, 3))) < 1e-4


# -- BTSP -------------------------------------------------------------------------------------------------


def test_btsp_tends_to_its_weight_at_its_rate():
    """At a fixed overlap s: w* = w_max k_+ q_+/(k_+ q_+ + k_- q_-), at the rate k_+ q_+ + k_- q_-."""
    rule = ds.rules.btsp("x", "plateau", w_max=3.0)
    given = circuit(rule, inputs=3, post="y : 1\nplateau = 1 + 0*y : 1")
    overlap = np.array([0.05, 0.2, 0.9])
    states = {"input.eligibility": overlap, "cell.instructive": [1.0]}

    def gate(s, threshold, width):
        low, high = (expit(2 * (b - threshold) / width) for b in (0, 1))
        return (expit(2 * (s - threshold) / width) - low) / (high - low)

    plus, minus = 1.53 * gate(overlap, 0.125, 0.116), 0.103 * gate(overlap, 0.0034, 0.0226)
    rate, goal = plus + minus, 3.0 * plus / (plus + minus)
    for w in (np.zeros(3), goal, np.full(3, 2.5)):
        flow = ds.vector_field(
            given, inputs={"input.x": overlap}, values={**states, "w": w[None]}, unfrozen="w"
        )
        assert gap(flow.unpack(flow.f(flow.start))["w"], rate * (goal - w)) < 1e-12
    point = ds.fixed_point(flow)
    assert point.stable
    assert gap(point.state["w"][0], goal) < 1e-9
    filters = [-1 / 0.924] * 3 + [-1 / 0.502]
    assert gap(np.sort(point.eigenvalues.real), np.sort([*filters, *-rate])) < 1e-9


# -- composition and bad input --------------------------------------------------------------------------


def test_rates_of_two_rules_add_up_and_texts_are_kept():
    both = (ds.rules.hebb(eta="2 Hz"), ds.rules.synaptic_scaling(target=0.5))
    matrix = ds.Matrix("w", "cell", "input", 0.1, parameters={"eta": "3 Hz"}, rule=both)
    assert matrix.plasticity == (
        "dw/dt = (eta*y_post*x_pre) + (w*(1 - average_post/target)/tau_scaling) : 1"
    )
    assert set(matrix.parameters) == {"eta", "target", "tau_scaling"}
    assert str(matrix.parameters["eta"]) == "3 Hz"
    assert ds.Matrix.from_json(matrix.to_json()) == matrix
    assert matrix.replace(name="v").plasticity == matrix.plasticity
    rule = ds.rules.three_factor()
    assert ds.MatrixRule.from_json(rule.to_json()) == rule
    shown_text = str(rule)
    assert all(
        part in shown_text for part in ("dtrace/dt = ", "dw/dt = ", "gain = 1 Hz", "Izhikevich")
    )


def test_a_missing_variable_is_named_with_what_to_add():
    rule = ds.rules.bcm()
    pre = ds.Population("input", 2, "x : 1", inputs="x")
    with pytest.raises(
        EquationError, match=r"'cell' has no variable 'threshold': declare it .* post_equations"
    ):
        ds.Circuit(
            (pre, ds.Population("cell", 1, "y : 1")), [ds.Matrix("w", "cell", "input", rule=rule)],
            [ds.Projection("input.x", "w", "cell.y")],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ds.rules.oja(eta="-1 Hz"), "oja: eta is -1 Hz; it must be at least 0"),
        (lambda: ds.rules.oja(alpha=0), "oja: alpha"),
        (lambda: ds.rules.bcm(tau_threshold="0 s"), "bcm: tau_threshold"),
        (lambda: ds.rules.sanger(0), "sanger: order"),
        (lambda: ds.rules.heterosynaptic(inputs=3), "inputs has no effect"),
        (lambda: ds.rules.heterosynaptic("subtractive"), "give inputs"),
        (lambda: ds.rules.btsp(width_plus=0.0), "btsp: width_plus"),
        (lambda: ds.rules.synaptic_scaling(target=0.0), "synaptic_scaling: target"),
    ],
)
def test_values_out_of_range_are_named(make, said):
    with pytest.raises(ParameterError, match=said):
        make()


def test_what_is_no_rule_and_rules_that_do_not_fit_are_refused():
    with pytest.raises(SpecError, match="must be a MatrixRule, such as"):
        ds.Matrix("w", "cell", "input", rule="oja")
    with pytest.raises(SpecError, match="different values of 'eta'"):
        ds.Matrix("w", "cell", "input", rule=(ds.rules.hebb(), ds.rules.oja(eta="2 Hz")))
    with pytest.raises(SpecError, match="weights in '1' and 'volt'"):
        ds.Matrix("w", "cell", "input", rule=(ds.rules.hebb(), ds.rules.hebb(unit="volt")))
    with pytest.raises(SpecError, match="is not a valid symbol"):
        ds.rules.oja("a b")
