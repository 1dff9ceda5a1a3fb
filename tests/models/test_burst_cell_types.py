"""`burst_cell_types` against `burst_ccn` with signed weights, and what each ablation leaves of the equations."""

import numpy as np
import pytest

import dendrosim as ds

SIZES = (5, 4, 3, 2)
INPUT = np.array([0.9, 0.2, 0.5, 0.0, 0.7])
TARGET = np.array([0.8, 0.1])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def network(cancelling=True, **given):
    """The circuit, with q = -P_b y if `cancelling`, and its weights by name."""
    circuit = ds.load_circuit("burst_cell_types", sizes=SIZES, **given)
    rng = np.random.default_rng(0)
    weights = {}
    for m in circuit.matrices:
        if m.name[0] in "wy":
            weights[m.name] = rng.uniform(0, float(m.initial.high.value), circuit.shape(m))
    for i in (1, 2):
        weights[f"q{i}"] = -0.5 * weights[f"y{i}"] * (1 if cancelling else 0.3)
    matrices = [m.replace(initial=weights.get(m.name, m.initial)) for m in circuit.matrices]
    return circuit.replace(matrices=matrices), weights


def constant(circuit, name):
    return float(circuit.matrix(name).initial.value.value)


def signed(circuit, weights):
    """The weights of the rule: W, Y and Q."""
    found = {}
    for i in (1, 2, 3):
        found[f"w{i}"] = weights[f"w{i}"] + constant(circuit, f"from_pv{i}")
    for i in (1, 2):
        offset = -constant(circuit, f"from_pool{i}")
        found[f"y{i}"] = weights[f"y{i}"] - offset
        found[f"q{i}"] = -weights[f"q{i}"] - 0.5 * offset
    return found


def settled(circuit, teach=1.0):
    inputs = {"layer0.h": INPUT, "layer3.target": TARGET}
    flow = ds.vector_field(circuit, inputs=inputs, gates={"teach": teach})
    return {k: np.ravel(v) for k, v in ds.fixed_point(flow).state.items()}


@pytest.mark.parametrize("cancelling", [True, False])
def test_settled_potentials_are_those_of_the_rule_with_signed_weights(cancelling):
    circuit, weights = network(cancelling)
    rule = ds.load_circuit("burst_ccn", sizes=SIZES)
    own = signed(circuit, weights)
    rule = rule.replace(matrices=[m.replace(initial=own[m.name]) for m in rule.matrices])
    found, expected = settled(circuit), settled(rule)
    for i in (1, 2, 3):
        assert found[f"layer{i}.h"] == pytest.approx(expected[f"layer{i}.h"], rel=1e-9)
    for i in (1, 2):
        assert found[f"layer{i}.apical"] == pytest.approx(expected[f"layer{i}.apical"], rel=1e-7)
    free = settled(circuit, teach=0.0)
    assert all((np.max(np.abs(free[f"layer{i}.apical"])) < 1e-10) == cancelling for i in (1, 2))


def test_each_ablation_leaves_its_part_of_the_equations():
    circuit, weights = network()
    intact = settled(circuit, teach=0.0)
    no_pv = settled(network(ablated=("pv",))[0], teach=0.0)
    assert no_pv["layer1.h"] == pytest.approx(sigmoid(weights["w1"] @ INPUT), rel=1e-9)
    e = intact["layer3.h"]
    offset = -constant(circuit, "from_pool2")
    no_vip = settled(network(ablated=("vip",))[0], teach=0.0)
    assert no_vip["layer2.apical"] == pytest.approx(-offset * 0.5 * np.sum(e), rel=1e-7)
    no_sst = settled(network(ablated=("sst",))[0], teach=0.0)
    tonic = 0.5 * SIZES[3]
    expected = weights["y2"] @ (0.5 * e) + offset * tonic
    assert no_sst["layer2.apical"] == pytest.approx(expected, rel=1e-7)


def test_weights_keep_their_sign_while_they_learn():
    """Also with steps so large that many would cross 0."""
    circuit, _ = network(cancelling=False, eta="5000 Hz", eta_q="5000 Hz", feedback="kolen_pollack")
    learn = ds.Phase("learn", "300 ms", gates={"teach": 1.0, "learn": 1.0, "sleep": 1.0})
    protocol = ds.Protocol(
        circuit, (ds.Block("all", (learn,)),), dt="10 ms",
        signals={"layer0.h": INPUT, "layer3.target": TARGET},
    )  # fmt: skip
    final = ds.run(protocol, backend="numpy", progress=False).final
    for m in circuit.matrices:
        assert m.sign in ("excitatory", "inhibitory")
        if m.plasticity:
            values = final[m.name].values * (1 if m.sign == "excitatory" else -1)
            assert np.min(values) >= 0
    assert any(np.any(final[m.name].values == 0) for m in circuit.matrices if m.plasticity)


def test_weights_on_the_wrong_side_are_refused():
    circuit, weights = network()
    for name, said in (("w1", "excitatory"), ("q1", "inhibitory")):
        with pytest.raises(ds.errors.ParameterError, match=rf"{name}.* weights must be {said}"):
            circuit.matrix(name).replace(initial=-weights[name])


def test_what_cannot_be_is_refused():
    with pytest.raises(ds.errors.SpecError, match="ablated"):
        ds.load_circuit("burst_cell_types", ablated=("pyramidal",))
    with pytest.raises(ds.errors.ParameterError, match=r"p_b is 0\.6"):
        ds.load_circuit("burst_cell_types", p_b=0.6)
