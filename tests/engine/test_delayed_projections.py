"""Projections with a delay use values of the past; their memory is part of a run that is resumed."""

import interrupted_runs
import numpy as np
import pytest
from reference_problems import FAST

import dendrosim as ds
from dendrosim.circuit.summary import circuit_plain
from dendrosim.cli.circuit_text import circuit_text
from dendrosim.engine.backends import backends, check_supported
from dendrosim.errors import DifferentiationError, ParameterError, SpecError, UnitError

X = "dx/dt = (drive - x + near + far)/(5*ms) : 1\nrate = tanh(x) : 1\ndrive : 1\nnear : 1\nfar : 1"
LEARN = "dw/dt = 3*Hz*rate_post*rate_pre - 6*Hz*w : 1"
RNG = np.random.default_rng(4)
W, V, DRIVE = 0.5 * RNG.normal(size=(5, 5)), 0.1 * RNG.normal(size=(5, 5)), RNG.normal(size=5)


def circuit(far="7 ms", near="2 ms"):
    return ds.Circuit(
        (ds.Population("a", 5, X, inputs=["drive"], initial={"x": ds.Normal(1.0)}),),
        (ds.Matrix("w", "a", "a", W, LEARN), ds.Matrix("v", "a", "a", V)),
        (
            ds.Projection("a.rate", "w", "a.far", delay=far),
            ds.Projection("a.x", "v", "a.near", transpose=True, delay=near),
            ds.Projection("a.x", "v", "a.near"),
        ),
    )


def protocol(steps=30, batch=3, dt="1 ms", **delays):
    phase = ds.Phase("run", f"{steps} ms")
    return ds.Protocol(
        circuit(**delays), (ds.Block("run", (phase,)),), dt, signals={"a.drive": DRIVE}, batch=batch,
        recordings=(ds.Recording("a.x", every="1 ms"),),
    )  # fmt: skip


def loop(x, steps, far, near):
    """x at the start of each step, (units, samples), and the weights w at the end."""
    w, seen = W.copy(), []
    for step in range(steps):
        seen.append(x)
        late, later = seen[max(step - near, 0)], seen[max(step - far, 0)]
        drive = DRIVE[:, None] + w @ np.tanh(later) + V.T @ late + V @ x
        rate = 3 * (np.tanh(x) @ np.tanh(x).T) / x.shape[1] - 6 * w
        x, w = x + 1e-3 * (drive - x) / 5e-3, w + 1e-3 * rate
    return np.array(seen), w


@pytest.mark.parametrize(("backend", "threads"), [("numpy", 1), ("cpp", 1), ("cpp", 2)])
@pytest.mark.parametrize(("far", "near"), [(7, 2), (1, 29)])
def test_targets_receive_values_of_the_past(backend, threads, far, near):
    found = ds.run(protocol(far=f"{far} ms", near=f"{near} ms"), backend=backend, threads=threads)
    trace = found["a.x"].transpose("time", "unit", "sample").values
    expected, w = loop(trace[0], 30, far, near)
    assert abs(trace - expected).max() < 1e-12
    assert abs(found.state["w"] - w).max() < 1e-12


def test_another_delay_needs_no_new_program():
    ds.run(protocol(), backend="cpp")
    assert not ds.run(protocol(far="20 ms"), backend="cpp").provenance["compiled"]


def test_a_resumed_run_has_the_same_bits(tmp_path):
    long = protocol(steps=40_000, far="10 s")
    whole = ds.run(long, backend="cpp").state
    out = interrupted_runs.interrupt(long, tmp_path / "out", step=50)
    resumed = ds.run(resume=out).state
    for name, values in whole.items():
        assert values.tobytes() == resumed[name].tobytes()


@pytest.mark.parametrize("backend", FAST)
def test_a_run_from_a_fixed_point_stays_there(backend):
    frozen = circuit().replace(matrices=[m.replace(plasticity=None) for m in circuit().matrices])
    field = ds.vector_field(frozen, inputs={"a.drive": DRIVE})
    point = ds.fixed_point(field)
    plain = ds.vector_field(
        frozen.replace(projections=[p.replace(delay=None) for p in frozen.projections]),
        inputs={"a.drive": DRIVE},
    )
    assert np.allclose(point.x, ds.fixed_point(plain).x)
    run = protocol(steps=50, batch=1).replace(circuit=frozen)
    end = ds.run(run, backend=backend, initial={"a.x": point.x, "w": W, "v": V})
    assert abs(end.state["a.x"][:, 0] - point.x).max() < 1e-9


def test_spectra_are_refused_with_a_sentence():
    field = ds.vector_field(circuit(), inputs={"a.drive": DRIVE})
    point = ds.fixed_point(field)
    for part in ("spectrum", "eigenvalues", "stable", "verdict"):
        with pytest.raises(
            DifferentiationError, match=r"a.rate -> w -> a.far has a delay of 0.007 s"
        ):
            getattr(point, part)
    assert "its stability is not known" in point.message
    with pytest.raises(DifferentiationError, match="leave `delay` out"):
        ds.continuation(field, "a.drive", 1.0, 2.0)


@pytest.mark.parametrize(
    ("delay", "error", "message"),
    [
        ("0.5 ms", ParameterError, "a.rate -> w -> a.far: delay is 0.5 ms; it must be a whole number"),
        ("2.5 ms", ParameterError, "such as 2 ms or 3 ms"),
        ("31 ms", ParameterError, "longer than the run of 0.03 s"),
        ("0 ms", SpecError, "delay"),
        ("-1 ms", SpecError, "delay"),
        ("2 mV", UnitError, "delay"),
        ("1e9 s", ParameterError, "delay"),
    ],
)  # fmt: skip
def test_delays_that_make_no_sense_are_refused(delay, error, message):
    with pytest.raises(error, match=message):
        ds.run(protocol(far=delay), backend="numpy")


def test_cuda_says_which_back_ends_can():
    with pytest.raises(SpecError, match=r"cuda cannot compute projections with a delay.*cpp"):
        check_supported(backends()["cuda"], protocol())


def test_delays_are_stored_and_shown():
    assert ds.Circuit.from_json(circuit().to_json()) == circuit()
    assert "projection a.far += w a.rate (delay 0.007 s)" in circuit_text(circuit_plain(circuit()))
