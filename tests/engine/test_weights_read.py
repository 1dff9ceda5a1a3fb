"""Rules of plasticity that read the weights of another matrix, in runs and in the vector field."""

import numpy as np
import pytest
from comparisons import gap

import dendrosim as ds
from dendrosim.errors import LoopError, ShapeError, SpecError

DT = 1e-3
ELIGIBILITY = "dc/dt = eta*y_post*x_pre - c/tau : 1"
WEIGHT = "dw/dt = trace*reward*m_post + mask*(1 - w)*Hz + tanh(trace*x_pre)*trace*Hz - trace*Hz : 1"
INPUTS = np.array([[0.5, -1.0, 0.3], [1.2, 0.4, -0.6]])


def circuit(**changes):
    """Weights that learn by an eligibility and a mask, which has no rule."""
    trace = {"plasticity": ELIGIBILITY, **changes}
    return ds.Circuit(
        (
            ds.Population("input", 3, "x : 1", inputs="x"),
            ds.Population(
                "cell", 2, "dy/dt = (drive - y)/(20*ms) : 1\ndrive : 1\nm = 1 + y**2 : 1"
            ),
        ),
        (
            ds.Matrix("mask", "cell", "input", ds.Uniform(0, 1)),
            ds.Matrix("trace", "cell", "input", ds.Normal(0.1), **trace),
            ds.Matrix("w", "cell", "input", ds.Normal(1.0), WEIGHT),
        ),
        (ds.Projection("input.x", "w", "cell.drive"),),
        parameters={"eta": "3 Hz", "tau": "50 ms", "reward": "2 Hz"},
    )


def protocol(of, steps=30, **changes):
    phase = ds.Phase("learn", f"{steps} ms", signals={"input.x": ds.Samples("x")})
    return ds.Protocol(
        of, (ds.Block("run", (phase,)),), "1 ms", data={"x": INPUTS}, batch=2, batch_fixed=True, **changes
    )  # fmt: skip


def rates(states):
    """The flow of the circuit written with numpy, for states y (cell, sample), trace and w."""
    y, trace, w, mask = (states[n] for n in ("cell.y", "trace", "w", "mask"))
    x, m = INPUTS.T, 1 + y**2
    products = 3 * np.mean(y[:, None] * x[None], axis=-1)
    mixed = np.mean(np.tanh(trace[:, :, None] * x[None]), axis=-1) * trace
    return {
        "cell.y": (w @ x - y) / 20e-3,
        "trace": products - trace / 50e-3,
        "w": trace * 2 * m.mean(1)[:, None] + mask * (1 - w) + mixed - trace,
        "mask": 0,
    }


def loop(states, steps, heun):
    for _ in range(steps):
        rate = rates(states)
        free = {n: v + DT * rate[n] for n, v in states.items()}
        if heun:
            second = rates(free)
            free = {n: v + DT / 2 * (rate[n] + second[n]) for n, v in states.items()}
        states = free
    return states


@pytest.mark.parametrize(
    ("method", "backend"),
    [
        ("euler", "numpy"),
        ("rk2", "numpy"),
        ("rk2", "cpp"),
        pytest.param("euler", "cpp", marks=pytest.mark.slow),
    ],
)
def test_each_step_uses_the_weights_at_its_beginning(method, backend):
    given = protocol(circuit(), method=method)
    flow = ds.vector_field(given, unfrozen="*", seed=4)
    start = {**flow.unpack(flow.start), "mask": flow.weights["mask"]}
    expected = loop(start, 30, method == "rk2")
    final = ds.run(given, seed=4, backend=backend).state
    for name, value in expected.items():
        assert gap(final[name].reshape(value.shape), value) < 1e-12, name


def test_the_vector_field_and_its_jacobian_know_the_weights_that_are_read():
    flow = ds.vector_field(protocol(circuit()), unfrozen="*", seed=4)
    x, steps = flow.start + 0.1, 1e-30j * np.eye(len(flow.start))
    states = {**flow.unpack(x), "mask": flow.weights["mask"]}
    for name, rate in flow.unpack(flow.f(x)).items():
        assert gap(rate, rates(states)[name]) < 1e-13
    exact = np.array([flow.f(x + s).imag for s in steps]).T / 1e-30
    assert gap(flow.jacobian(x), exact) < 1e-12
    slaved = ds.vector_field(protocol(circuit()), unfrozen="w", seed=4, slaved="cell.y")
    assert slaved.jacobian(slaved.start).shape == (6, 6)  # the trace is frozen


def test_joined_circuits_read_their_own_matrices():
    joined = ds.Circuit.join(a=circuit(), b=circuit())
    assert {s: m.name for s, m in joined.weights_read(joined.matrix("b_w")).items()} == {
        "mask": "b_mask", "trace": "b_trace"
    }  # fmt: skip
    assert ds.Circuit.from_json(joined.to_json()) == joined


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"pre": "cell"}, ShapeError, "only read weights of the same pairs"),
        ({"connect": ds.Probability(0.5)}, ShapeError, "'trace' is sparse"),
        ({"plasticity": "dc/dt = w*Hz : 1"}, LoopError, "in a circle: "),
    ],
)
def test_refusals_name_the_matrices(changes, error, said):
    base = circuit()
    given = {"plasticity": "dc/dt = -c*Hz : 1", "initial": 0.1, **changes}
    trace = base.matrix("trace").replace(**given)
    matrices = [trace if m.name == "trace" else m for m in base.matrices]
    with pytest.raises(error, match=said):
        base.replace(matrices=matrices, parameters={"reward": "2 Hz"})


def test_units_are_checked_and_scripts_for_brian2_refuse_such_rules():
    with pytest.raises(SpecError, match="trace"):
        circuit(plasticity="dc/dt = -c/tau + eta*y_post*x_pre*mV : volt")
    with pytest.raises(SpecError, match="of another matrix, which synapses of Brian2 cannot"):
        ds.to_brian2(circuit())
