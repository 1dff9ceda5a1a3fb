"""Basins of attraction, and final states of runs compared with fixed points."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError

BISTABLE = {"sizes": (1, 1, 1), "mu": 0.2, "target": "clamped", "transfer": "leaky_relu"}


@pytest.fixture(scope="module")
def points():
    """The two stable points of the leaky-ReLU circuit, and the saddle between them."""
    circuit = ds.load_circuit("dynamical_tp", **BISTABLE)
    flow = ds.vector_field(
        circuit,
        inputs={"layer0.h": 1.0, "layer2.target": -2.5},
        values={"w1": [[1.0]], "w2": [[1.0]]},
    )
    found = ds.fixed_point(flow, deflate=2)
    return sorted((found, *found.others), key=lambda p: p.x[0])


def test_small_perturbations_return_to_a_stable_point(points):
    for point in (points[0], points[2]):
        basin = ds.basin(point, 0.01, samples=20)
        assert basin.fraction == 1
        assert basin.elsewhere == 0
        assert 0.8 < basin.interval[0] < 1
        assert basin.interval[1] == pytest.approx(1)


def test_all_leave_a_saddle(points):
    basin = ds.basin(points[1], 0.01, samples=20)
    assert basin.returned == 0
    assert basin.elsewhere == 20


def test_the_share_that_returns_is_that_on_this_side_of_the_separatrix(points):
    """The share is compared with that of an independent integration of the two printed equations."""
    low, high = points[0], points[2]
    basin = ds.basin(low, 1.0, samples=60, seed=3)
    rng = np.random.default_rng(3)
    x = low.x + low.scale * rng.standard_normal((60, 2))
    slope = lambda v: np.where(v > 0, v, 0.1 * v)  # noqa: E731
    inverse = lambda v: np.where(v > 0, v, 10 * v)  # noqa: E731
    for _ in range(60_000):
        f1, f2 = 1.0, slope(x[:, 0])
        rates = np.stack(
            [-x[:, 0] + 0.8 * f1 + 0.2 * inverse(x[:, 1]), -x[:, 1] + 0.8 * f2 - 0.2 * 2.5], axis=1
        )
        x = x + 1e-3 * rates
    near = np.linalg.norm(x - low.x, axis=1) < np.linalg.norm(x - high.x, axis=1)
    assert basin.returned == near.sum()
    assert 0 < basin.returned < 60


def test_the_program_agrees_with_the_vector_field(points):
    for size in (0.1, 1.0):
        by_field = ds.basin(points[0], size, samples=40)
        by_program = ds.basin(points[0], size, samples=40, backend="numpy")
        assert by_field.returned == by_program.returned


@pytest.mark.parametrize(
    "options",
    [
        {"size": -1.0}, {"size": "a"}, {"samples": 0}, {"samples": 1.5}, {"seed": -1}, {"confidence": 1.0},
        {"duration": "1 mV"},
    ],
)  # fmt: skip
def test_basins_refuse_numbers_out_of_range(points, options):
    with pytest.raises(ds.errors.SpecError):
        ds.basin(points[0], **options)


def test_a_basin_is_that_of_a_fixed_point(points):
    with pytest.raises(
        ParameterError, match=r"point is a CircuitField; .* as ds.fixed_point returns it"
    ):
        ds.basin(points[0].flow)


def test_a_program_has_no_slaved_states():
    circuit = ds.load_circuit("bmvr", inputs=2, outputs=2, hidden=1)
    rng = np.random.default_rng(0)
    flow = ds.vector_field(
        circuit,
        inputs={"input.x": rng.normal(size=(2, 6)), "target.y": rng.normal(size=(2, 6))},
        unfrozen="*",
        slaved=("pyramidal.*", "interneuron.*"),
    )
    with pytest.raises(ParameterError, match="leave backend out"):
        ds.basin(ds.fixed_point(flow), backend="numpy")


def settled(duration):
    circuit = ds.load_circuit("dynamical_tp", target="clamped", sizes=(2, 2, 2))
    return ds.Protocol(
        circuit,
        (ds.Block("show", (ds.Phase("rest", duration),)),),
        dt="1 ms",
        signals={"layer0.h": 1.0, "layer2.target": 0.5},
    )


def test_a_long_run_ends_at_the_fixed_point_and_a_short_one_does_not():
    long = ds.end_state(ds.run(settled("2 s"), backend="numpy"))
    assert long.settled
    assert long.distance < 1e-9
    assert "ended at" in long.message
    short = ds.end_state(ds.run(settled("20 ms"), backend="numpy"))
    assert not short.settled
    assert "not at" in short.message
    assert short.point.x == pytest.approx(long.point.x)


def test_a_run_reports_its_end_when_asked():
    result = ds.run(settled("20 ms"), backend="numpy", check_end=True)
    assert result.metrics["end_settled"] is False
    assert result.metrics["end_distance"] > 0.01
    assert "end_settled" not in ds.run(settled("20 ms"), backend="numpy").metrics
