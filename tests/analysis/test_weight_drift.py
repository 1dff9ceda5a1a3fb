"""The mean drift of weights: closed forms, the vector field of the averaged rule, and simulated trains."""

import numpy as np
import pytest
from comparisons import gap

import dendrosim as ds
from dendrosim.errors import ParameterError, SpecError

drift = ds.analysis.drift
R_PRE, R_POST = 12.0, 20.0

TRIPLET = ds.SynapseRule(
    "triplet",
    "dr1/dt = -r1/(16.8*ms) : 1 (event-driven)\ndr2/dt = -r2/(101*ms) : 1 (event-driven)\n"
    "do1/dt = -o1/(33.7*ms) : 1 (event-driven)\ndo2/dt = -o2/(125*ms) : 1 (event-driven)",
    on_pre="weight -= o1*(a + b*r2)\nr1 += 1\nr2 += 1",
    on_post="weight += r1*(c + d*o2)\no1 += 1\no2 += 1",
    parameters={"a": 7e-3, "b": 2e-4, "c": 5e-10, "d": 6e-3},
)
"""The triplet rule of Pfister & Gerstner, written here."""


def of_triplets(pre, post):
    """Its closed form for independent trains, their equation 4 (in SI units)."""
    r1, r2, o1, o2 = 16.8e-3, 101e-3, 33.7e-3, 125e-3
    return pre * post * ((5e-10 + 6e-3 * post * o2) * r1 - (7e-3 + 2e-4 * pre * r2) * o1)


def test_pairs_of_independent_trains_have_the_closed_form():
    rule = ds.rules.pair_stdp(a_plus=0.01, a_minus=0.008, tau_plus="15 ms", tau_minus="30 ms")
    found = drift(rule, [0.0, R_PRE, 40.0], R_POST)
    assert found.exact
    assert (
        gap(found.rate, np.array([0, R_PRE, 40]) * R_POST * (0.01 * 15e-3 - 0.008 * 30e-3)) < 1e-12
    )
    soft = ds.rules.pair_stdp("multiplicative", a_plus=0.01, a_minus=0.008)
    weights = np.array([0.1, 0.9])
    expected = R_PRE * R_POST * 20e-3 * (0.01 * (1 - weights) - 0.008 * weights)
    assert gap(drift(soft, R_PRE, R_POST, weight=weights).rate, expected) < 1e-12
    near = ds.rules.pair_stdp(pairing="nearest", a_plus=0.01, a_minus=0.008)
    expected = R_POST * 0.01 * R_PRE / (R_PRE + 50) - R_PRE * 0.008 * R_POST / (R_POST + 50)
    assert drift(near, R_PRE, R_POST).rate == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("lag", [8e-3, 0.0, -8e-3])
def test_common_spikes_add_their_pairs(lag):
    rule = ds.rules.pair_stdp(a_plus=0.01, a_minus=0.008)
    found = drift(rule, R_PRE, R_POST, correlation=0.3, lag=f"{lag} s").rate
    common = 0.3 * np.sqrt(R_PRE * R_POST)
    pair = 0.01 * np.exp(-lag / 20e-3) if lag >= 0 else -0.008 * np.exp(lag / 20e-3)
    alone = R_PRE * R_POST * 20e-3 * (0.01 - 0.008)
    assert found == pytest.approx(alone + common * pair, rel=1e-12)


def test_triplets_have_their_closed_form_and_agree_with_simulated_trains():
    assert drift(TRIPLET, R_PRE, R_POST).rate == pytest.approx(
        of_triplets(R_PRE, R_POST), rel=1e-12
    )
    given = {"correlation": 0.5, "lag": "6 ms"}
    exact = drift(TRIPLET, R_PRE, R_POST, **given)
    long = drift(TRIPLET, R_PRE, R_POST, **given, method="simulation", duration="600 s", seed=3)
    assert exact.exact
    assert not long.exact
    assert 0 < long.error < 0.1 * abs(long.rate)
    assert abs(long.rate - exact.rate) < 3 * long.error
    assert abs(of_triplets(R_PRE, R_POST) - exact.rate) > 5 * long.error  # the correlation matters


# -- rules of matrices ---------------------------------------------------------------------------------

MEANS, SPREADS, RHO = np.array([0.7, 1.1]), np.array([0.5, 0.4]), 0.3
FACTOR = np.linalg.cholesky([[1, RHO], [RHO, 1]])
POINTS = (MEANS + np.sqrt(2) * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) @ FACTOR.T * SPREADS).T
"""Four pairs of activities, x and y, that have all moments of the Gaussian distribution up to the third."""
SQUARE = MEANS[1] ** 2 + SPREADS[1] ** 2
PRODUCT = MEANS[0] * MEANS[1] + RHO * SPREADS[0] * SPREADS[1]

RULES = {
    "hebb": (ds.rules.hebb(decay="0.2 Hz"), {}, {}),
    "oja": (ds.rules.oja(alpha=1.5), {}, {}),
    "bcm": (ds.rules.bcm(scale=1.2), {}, {"cell.threshold": SQUARE / 1.2}),
    "synaptic_scaling": (ds.rules.synaptic_scaling(target=0.4), {}, {"cell.average": MEANS[1]}),
    "heterosynaptic": (ds.rules.heterosynaptic(total=3.0), {"received_post": 2.0}, {}),
    "three_factor": (
        ds.rules.three_factor(modulator="m_post", eta="2 Hz", tau="0.3 s"),
        {"m_post": 0.5},
        {"eligibility": 2 * 0.3 * PRODUCT},
    ),
    "e_prop": (ds.rules.e_prop("x", "v", "y"), {"v_post": 0.4}, {"input.filtered": MEANS[0]}),
    "btsp": (
        ds.rules.btsp("x", "plateau"),
        {"plateau_post": 0.6},
        {"input.eligibility": MEANS[0], "cell.instructive": 0.6},
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_the_drift_is_the_vector_field_of_the_averaged_rule(name):
    """Over the samples, whose mean the vector field takes; slow states have their means."""
    rule, values, states = RULES[name]
    used = {s.removesuffix("_post") for s in values}
    lines = ["y : 1", *(f"{s} : 1" for s in sorted(used) if s != "received")]
    cell = rule.add_to(
        ds.Population("cell", 1, "\n".join(lines) + "\nidle = 0*y : 1", transfer="tanh")
    ).replace(inputs=["y", *sorted(used)])
    inputs = rule.add_to(ds.Population("input", 1, "x : 1\nidle = 0*x : 1", inputs="x"), "pre")
    circuit = ds.Circuit(
        (inputs, cell),
        [
            ds.Matrix("w", "cell", "input", rule=rule),
            *(ds.Matrix(t.name, "cell", "input", rule=t) for t in rule.traces),
        ],
    )
    drives = {"input.x": POINTS[:1], "cell.y": POINTS[1:]}
    drives |= {f"cell.{s}": values[f"{s}_post"] for s in used}
    start = {n: np.full((1, 1), v) if "." not in n else np.full(1, v) for n, v in states.items()}
    flow = ds.vector_field(circuit, inputs=drives, values={"w": [[0.3]], **start}, unfrozen="*")
    expected = flow.unpack(flow.f(flow.start))["w"][0, 0]
    found = drift(
        rule, *MEANS, weight=0.3, pre_sd=SPREADS[0], post_sd=SPREADS[1], correlation=RHO, values=values,
        transfer="tanh",
    )  # fmt: skip
    assert found.exact
    assert found.rate == pytest.approx(expected, rel=1e-12)


def test_a_rule_that_is_no_polynomial_is_drawn_at_random_with_an_error():
    rule = ds.MatrixRule("power", "dw/dt = tanh(x_pre*y_post)*Hz : 1")
    found = drift(rule, 0.5, 0.8, pre_sd=1.0, post_sd=0.7, correlation=-0.4)
    u, v = (np.polynomial.hermite_e.hermegauss(80)[0],) * 2
    weights = np.polynomial.hermite_e.hermegauss(80)[1] / np.sqrt(2 * np.pi)
    x = 0.5 + u[:, None]
    y = 0.8 + 0.7 * (-0.4 * u[:, None] + np.sqrt(1 - 0.16) * v)
    exact = weights @ np.tanh(x * y) @ weights
    assert not found.exact
    assert abs(found.rate - exact) < 3 * found.error < 0.01


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: drift(ds.rules.three_factor(), 1, 1),
            ParameterError,
            "reads 'modulator'.* in values",
        ),
        (lambda: drift(ds.rules.sanger(), 1, 1), ParameterError, "explained1_pre, x_pre"),
        (
            lambda: drift(ds.rules.oja(), 1, 1, lag="1 ms"),
            ParameterError,
            "rules of spiking synapses",
        ),
        (lambda: drift(ds.rules.oja(), 1, 1, correlation=2), ParameterError, "from -1 to 1"),
        (lambda: drift(ds.rules.pair_stdp(), -1, 1), ParameterError, "at least 0 Hz"),
        (
            lambda: drift(ds.rules.pair_stdp(), 1, 9, correlation=0.5),
            ParameterError,
            "common spikes",
        ),
        (lambda: drift(ds.rules.short_term(), 1, 1), ParameterError, "no weight by itself"),
        (lambda: drift("oja", 1, 1), SpecError, "must be a rule"),
    ],
)
def test_refusals_say_what_to_give(call, error, said):
    with pytest.raises(error, match=said):
        call()
