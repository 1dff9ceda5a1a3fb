"""Sources that are given spikes send them, as if the units that had spiked were still there."""

import numpy as np
import pytest
from interrupted_runs import interrupt

import dendrosim as ds
from dendrosim.engine.backends import backend_named
from dendrosim.engine.standalone.program import describe_structure
from dendrosim.errors import (
    DendrosimWarning,
    DifferentiationError,
    ParameterError,
    ShapeError,
    SpecError,
    UnitError,
    UnknownMemberError,
)

SENDERS, TARGETS, BATCH = 30, 50, 2
CELL = ds.Population(
    "cell", SENDERS, "dv/dt = (x - v)/(10*ms) : 1\nx : 1", inputs={"x": 1.5}, threshold="v > 1",
    reset="v = 0.9*rand()", initial={"v": ds.Uniform(0, 1)},
)  # fmt: skip
TARGET = ds.Population("target", TARGETS, "dg/dt = -g/(5*ms) : 1")


def circuit(first, **changes):
    """Cells or a source of the same name and size, which excite the same targets."""
    feed = ds.Pathway(
        "feed", pre="cell", post="target", on_pre="g_post += weight*rand()", weight=ds.Uniform(0, 1),
        connect=ds.Probability(0.3), delay=ds.Uniform("1 ms", "3 ms"),
    )  # fmt: skip
    kind = {"populations": (first, TARGET)}
    if isinstance(first, ds.SpikeTimes):
        kind = {"populations": (TARGET,), "sources": (first,)}
    return ds.Circuit(**{**kind, "pathways": (feed,), **changes})


SOURCE = circuit(ds.SpikeTimes("cell", SENDERS))


def protocol(spec=SOURCE, batch=BATCH, duration="200 ms", **changes):
    fields = {
        "dt": "0.1 ms",
        "recordings": (ds.Recording("cell.spike", "spike"), ds.Recording("target.g", "1 ms")),
    }
    blocks = (ds.Block("only", (ds.Phase("on", duration),)),)
    return ds.Protocol(spec, blocks, batch=batch, **{**fields, **changes})


@pytest.fixture(scope="module")
def cells():
    """Results of the run with cells, by back end."""
    return {b: ds.run(protocol(circuit(CELL)), backend=b, threads=1) for b in ("numpy", "cpp")}


def same(one, other):
    return all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("threads", [1, 2])
def test_given_the_spikes_of_cells_a_source_has_their_effect_bit_for_bit(cells, backend, threads):
    expected = cells[backend]
    assert len(expected.spikes["cell"].unit) > 1000
    options = {"threads": threads} if backend == "cpp" else {}
    found = ds.run(protocol(spikes={"cell": expected.spikes["cell"]}), backend=backend, **options)
    assert same(found.spikes["cell"], expected.spikes["cell"])
    assert np.array_equal(found["target.g"], expected["target.g"])


def test_spikes_come_in_the_steps_nearest_to_their_times():
    """One half of a step is rounded up, as for delays."""
    times = [0.0, 0.14e-3, 0.25e-3, 1e-3]
    units = [3, 0, 29, 3]
    given = protocol(spikes={"cell": (units, times)}, duration="1 ms")
    for backend in ("numpy", "cpp"):
        found = ds.run(given, backend=backend).spikes["cell"]
        assert np.array_equal(found.unit[found.sample == 0], [3, 0, 29])
        assert np.array_equal(found.unit[found.sample == 1], [3, 0, 29])
        np.testing.assert_allclose(found.time[found.sample == 1], [0, 0.1e-3, 0.3e-3], atol=1e-12)


def test_samples_can_have_spikes_of_their_own():
    given = protocol(spikes={"cell": ([4, 5, 4], ["1 ms", "1 ms", "2 ms"], [1, 0, 0])})
    results = [ds.run(given, backend=b) for b in ("numpy", "cpp")]
    for result in results:
        spikes = result.spikes["cell"]
        assert [tuple(s) for s in zip(spikes.unit, spikes.sample, strict=True)] == [
            (4, 1),
            (5, 0),
            (4, 0),
        ]


def test_no_spikes_are_allowed():
    for backend in ("numpy", "cpp"):
        result = ds.run(protocol(spikes={"cell": ([], [])}), backend=backend)
        assert not len(result.spikes["cell"].unit)
        assert not result["target.g"].any()


def test_an_interrupted_run_ends_with_the_same_numbers(cells, tmp_path):
    given = protocol(spikes={"cell": cells["cpp"].spikes["cell"]})
    out = interrupt(given, tmp_path / "out", step=700, threads=1)
    resumed = ds.run(resume=out)
    assert same(resumed.spikes["cell"], cells["cpp"].spikes["cell"])
    assert np.array_equal(resumed["target.g"], cells["cpp"]["target.g"])


def test_other_times_need_no_new_program():
    one, other = (protocol(spikes={"cell": s}) for s in (([], []), ([1, 2], ["1 ms", "2 ms"])))
    assert describe_structure(one, "double") == describe_structure(other, "double")
    assert one != other


def test_a_protocol_with_spikes_is_the_same_when_read_back(cells):
    given = protocol(spikes={"cell": cells["cpp"].spikes["cell"]})
    assert ds.Protocol.from_json(given.to_json()) == given


# -- wrong spikes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spikes", "error", "words"),
    [
        (([0, 1], ["2 ms", "1 ms"]), ParameterError, r"time is not sorted: 0\.001 s at place 1"),
        (
            ([0], [-1e-3]),
            ParameterError,
            r"time\[0\] is -0\.001 s; it must be finite and not negative",
        ),
        (([0], [np.inf]), ParameterError, r"time\[0\] is inf s"),
        (([0], ["1 mV"]), UnitError, "it must be times"),
        (([0], 1e-3), ShapeError, "must be a list of times"),
        (([0, 1], [1e-3]), ShapeError, "2 units for 1 times"),
        (([0, 1], [1e-3, 2e-3], [0]), ShapeError, "give one each"),
        (([0.5], [1e-3]), ParameterError, "whole numbers"),
        (([2**40], [1e-3]), ParameterError, "larger than any number of units"),
        (([30], [1e-3]), ParameterError, r"unit\[0\] is 30; it must be from 0 to 29"),
        (([-1], [1e-3]), ParameterError, r"unit\[0\] is -1"),
        (([0], [1e-3], [2]), ParameterError, r"sample\[0\] is 2; it must be from 0 to 1"),
        (
            ([7, 3, 7], [1e-3, 1e-3, 1.04e-3]),
            ParameterError,
            r"unit 7 has two spikes in the time step at 0\.001 s",
        ),
        ([1e-3, 2e-3, 3e-3, 4e-3], SpecError, "must be the spikes of a result"),
        ("cell", SpecError, "must be the spikes of a result"),
    ],
)
def test_wrong_spikes_are_refused_with_the_name_of_the_source(spikes, error, words):
    with pytest.raises(error, match=f"^Protocol.*'cell'.*{words}"):
        protocol(spikes={"cell": spikes})


def test_two_samples_can_spike_in_the_same_step():
    assert protocol(spikes={"cell": ([7, 7], [1e-3, 1e-3], [0, 1])})
    with pytest.raises(ParameterError, match="unit 7 has two spikes"):
        protocol(spikes={"cell": ([7, 7], [1e-3, 1e-3], [1, 1])})


def test_missing_spikes_and_spikes_for_another_object_are_refused():
    with pytest.raises(
        ParameterError, match="SpikeTimes 'cell' has no spikes; give them as spikes="
    ):
        protocol()
    with pytest.raises(UnknownMemberError, match="'target'; there are: cell"):
        protocol(spikes={"cell": ([], []), "target": ([], [])})


def test_spikes_that_all_come_after_the_end_are_no_error_but_said():
    given = protocol(spikes={"cell": ([1], [100.0])}, duration="1 ms")
    with pytest.warns(
        DendrosimWarning, match="all spikes of SpikeTimes 'cell' come after the end of the run"
    ):
        result = ds.run(given, backend="numpy")
    assert not len(result.spikes["cell"].unit)


def test_cuda_refuses_given_spikes():
    refused = backend_named("cuda").refused(protocol(spikes={"cell": ([], [])}))
    assert refused == "sources such as SpikeTimes 'cell'"


def test_the_vector_field_leaves_the_source_out_below_threshold():
    with pytest.raises(DifferentiationError, match="SpikeTimes 'cell' causes spikes"):
        ds.vector_field(SOURCE)
    field = ds.vector_field(SOURCE, subthreshold=True)
    rest = field.resting_protocol(1e-3, 1e-4, 1)
    assert not ds.run(rest, backend="numpy").final["target.g"].any()
