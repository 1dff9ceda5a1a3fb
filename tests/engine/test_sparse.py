"""Sparse matrices: a run equals one with dense masked matrices, in memory that grows with connections only."""

import interrupted_runs
import numpy as np
import pytest
import sparse_layer as layer
from reference_problems import FAST

import dendrosim as ds
from dendrosim.engine.plan.state_arrays import initial_state
from dendrosim.engine.settings import RunSettings
from dendrosim.engine.size_check import check_memory
from dendrosim.errors import DataError, MemoryLimitError, ParameterError, ShapeError, SpecError

SETTINGS = [("numpy", 1), ("cpp", 1), ("cpp", 2)]


def expected(protocol, rule, seed=0, **more):
    """The loop with dense masked matrices, from the state in which the run starts."""
    start = initial_state(protocol, seed)
    where = layer.mask()
    w = np.zeros_like(where)
    w[where == 1] = start["w"]
    states = start["image.x"], start["cell.h"], w
    return layer.loop(rule, *states, protocol.total_steps, where, **more)


@pytest.mark.parametrize(("backend", "threads"), SETTINGS)
@pytest.mark.parametrize(("rule", "batch"), [(layer.HEBB, 5), (layer.MIXED, 1), (None, 1)])
def test_a_locally_connected_layer_equals_the_dense_masked_one(backend, threads, rule, batch):
    protocol = layer.protocol(rule, batch, recordings=layer.EVERYTHING)
    seen, (x, h, w) = expected(protocol, rule)
    result = ds.run(protocol, backend=backend, threads=threads)
    where = layer.mask() == 1
    assert abs(result.state["image.x"] - x).max() < 1e-12
    assert abs(result.state["cell.h"] - h).max() < 1e-12
    assert abs(result.state["w"] - w[where]).max() < 1e-12
    for step, (x, _, w) in enumerate(seen):
        assert abs(result.traces["image.x"].values[step] - x).max() < 1e-12
        assert abs(result.traces["w"].values[step] - w[where]).max() < 1e-12


def test_threads_change_no_bit():
    protocol = layer.protocol(layer.HEBB, 5, recordings=layer.EVERYTHING)
    one, two = (ds.run(protocol, backend="cpp", threads=n) for n in (1, 2))
    for name in one.state:
        assert one.state[name].tobytes() == two.state[name].tobytes()


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("p", [0.0, 0.05, 1.0])
def test_random_connections_need_no_new_program(backend, p):
    protocol = layer.protocol(layer.HEBB, 5, connect=ds.Probability(p), recordings=layer.EVERYTHING)
    result = ds.run(protocol, backend=backend, seed=3)
    connections = result.connections["w"]
    where = connections.dense(np.ones(connections.count))
    assert abs(where.mean() - p) < 0.01
    start = initial_state(protocol, 3)
    states = start["image.x"], start["cell.h"], connections.dense(start["w"])
    _, (x, h, w) = layer.loop(layer.HEBB, *states, 20, where)
    assert abs(result.state["image.x"] - x).max() < 1e-12
    assert abs(result.state["cell.h"] - h).max() < 1e-12
    assert abs(connections.dense(result.state["w"]) - w).max() < 1e-12


def test_a_resumed_run_has_the_same_bits(tmp_path):
    long = layer.protocol(
        layer.HEBB, 5, 20_000, connect=ds.Probability(0.05), initial=ds.Uniform(-0.3, 0.3), bounds=(-0.5, 0.5),
        recordings=(ds.Recording(("image.x", "cell.h", "w"), every="1 s"),),
    )  # fmt: skip
    whole = ds.run(long, backend="cpp", seed=3)
    out = interrupted_runs.interrupt(long, tmp_path / "out", step=50, seed=3)
    resumed = ds.run(resume=out)
    for name, values in whole.state.items():
        assert values.tobytes() == resumed.state[name].tobytes()
    assert whole["w"].values.tobytes() == resumed["w"].values.tobytes()
    assert resumed.connections["w"].equals(whole.connections["w"])


def test_single_precision_is_close():
    protocol = layer.protocol(layer.HEBB, 5, recordings=layer.EVERYTHING)
    single = ds.run(protocol, backend="cpp", precision="single").state
    double = ds.run(protocol, backend="cpp").state
    for name, values in double.items():
        assert abs(single[name] - values).max() < 1e-4


# -- results ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def result():
    protocol = layer.protocol(
        layer.HEBB, 5, connect=ds.Probability(0.05), recordings=layer.EVERYTHING
    )
    return ds.run(protocol, backend="numpy", seed=3)


def test_weights_have_the_units_that_they_connect(result):
    final = result.final["w"]
    assert final.dims == ("connection",)
    places = list(zip(final["post"].values.tolist(), final["pre"].values.tolist(), strict=True))
    assert places == sorted(set(places))
    assert result["w"].dims == ("time", "connection")
    assert np.array_equal(result["w"]["pre"], final["pre"])
    at_end = result.sparse("w")
    assert at_end.shape == (256, 192)
    assert np.array_equal(at_end[final["post"].values, final["pre"].values], final.values)
    assert np.array_equal(result.sparse("w", -1).data, result["w"].values[-1])


def test_a_file_keeps_connections(result, tmp_path):
    read = ds.open_result(result.save(tmp_path / "result.nc"))
    assert read.final["w"].identical(result.final["w"])
    assert read["w"].identical(result["w"])
    assert read.connections["w"].equals(result.connections["w"])


def test_a_file_with_impossible_connections_is_refused(result, tmp_path):
    from dendrosim.circuit.sparse_matrices import MatrixConnections

    right = result.connections["w"]
    for post, pre in ((right.post, right.pre + 192), (right.post[::-1], right.pre)):
        wrong = ds.Result(
            result.protocol, {}, {"w": result.state["w"]},
            connections={"w": MatrixConnections(right.shape, post, pre)},
        )  # fmt: skip
        path = wrong.save(tmp_path / "wrong.nc")
        with pytest.raises(DataError, match="connections/w"):
            ds.open_result(path)


def test_a_run_continues_with_given_weights(result):
    first = ds.run(result.protocol, initial=result, backend="numpy", seed=3)
    sparse, dense = result.sparse("w"), result.sparse("w").toarray()
    for weights in (result.final["w"], sparse, dense, result.state["w"]):
        again = ds.run(
            result.protocol, initial={**result.state, "w": weights}, backend="numpy", seed=3
        )
        assert np.array_equal(again.state["w"], first.state["w"])


def test_weights_of_other_connections_are_refused(result):
    protocol, state = result.protocol, result.state
    with pytest.raises(ParameterError, match="seed=3"):
        ds.run(protocol, initial=result, backend="numpy", seed=4)
    for weights in (result.final["w"], result.sparse("w"), np.ones((256, 192))):
        with pytest.raises(ParameterError, match="other connections"):
            ds.run(protocol, initial={**state, "w": weights}, backend="numpy", seed=4)
    with pytest.raises(ShapeError, match="one number per connection"):
        ds.run(protocol, initial={**state, "w": np.ones(3)}, backend="numpy", seed=3)


@pytest.mark.parametrize("backend", FAST)
def test_a_diverging_weight_is_named_by_its_units(backend):
    protocol = layer.protocol(
        layer.HEBB, 5, connect=ds.Pairings(pre=[7], post=[9]), recordings=layer.EVERYTHING
    )
    # The product of the activities overflows, and nothing else does.
    large = {name: np.full_like(a, 1e160) for name, a in initial_state(protocol, 0).items()}
    with pytest.raises(ds.errors.NonFiniteError, match=r"weight 9 <- 7") as caught:
        ds.run(protocol, initial={**large, "w": [0.0]}, backend=backend)
    assert caught.value.unit == (9, 7)


# -- what is refused --------------------------------------------------------------------------------------


def test_initial_weights_may_be_arrays_of_pairs_or_of_the_matrix():
    weights = np.random.default_rng(0).normal(size=(256, 192))
    pairs = {"pre": [5, 2, 2], "post": [0, 9, 1]}
    for initial in (weights, [weights[0, 5], weights[9, 2], weights[1, 2]]):
        protocol = layer.protocol(connect=ds.Pairings(**pairs), initial=initial)
        given = initial_state(protocol, 0)["w"]
        assert np.array_equal(given, [weights[0, 5], weights[1, 2], weights[9, 2]])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"connect": 0.1}, "Matrix 'w': connect is 0.1; it must be one of AllToAll"),
        ({"connect": ds.Probability(0.1), "initial": ds.WellConditioned()}, "use Normal, Uniform or an array"),
        ({"connect": ds.Probability(0.1), "initial": [1.0, 2.0]}, "one number or of shape"),
        ({"connect": ds.Pairings([0], [0]), "initial": [1.0, 2.0]}, "1 numbers .one per pair."),
        ({"connect": ds.Pairings([0, 0], [3, 3])}, "presynaptic unit 0 with postsynaptic unit 3"),
        ({"connect": ds.Pairings([0], [256])}, "only units 0 to 255"),
        ({"connect": ds.OneToOne()}, "same size"),
        ({"connect": ds.LocalPatches(8, 8, 2, 4, 3)}, "LocalPatches needs 128 units in the pre population"),
    ],
)  # fmt: skip
def test_rules_and_weights_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(SpecError, match=message):
        ds.Circuit(
            layer.circuit().populations,
            (ds.Matrix("w", "cell", "image", **{"initial": 0.1, **fields}),),
        )


def test_other_matrices_cannot_depend_on_a_sparse_one():
    sparse = ds.Matrix("w", "cell", "cell", 0.1, connect=ds.OneToOne())
    populations = layer.circuit().populations
    for other in (
        ds.Matrix("q", "cell", "cell", inverse_of="w"),
        ds.Matrix("q", "cell", "cell", ds.Copy("w")),
    ):
        with pytest.raises(SpecError, match="'w' is sparse"):
            ds.Circuit(populations, (sparse, other))
    with pytest.raises(SpecError, match="leave `connect` out"):
        ds.Matrix("q", "cell", "cell", inverse_of="w", connect=ds.OneToOne())


def test_a_hundred_thousand_units_one_to_one_need_little_memory():
    size = 100_000
    circuit = ds.Circuit(
        (ds.Population("a", size, "x : 1", inputs="x"), ds.Population("b", size, "dh/dt = (y - h)/ms : 1\ny : 1")),
        (ds.Matrix("w", "b", "a", 2.0, connect=ds.OneToOne()),),
        (ds.Projection("a.x", "w", "b.y"),),
    )  # fmt: skip
    protocol = ds.Protocol(
        circuit, (ds.Block("run", (ds.Phase("run", "1 ms"),)),), "1 ms", signals={"a.x": 3.0}
    )
    assert np.all(ds.run(protocol, backend="numpy").state["b.h"] == 6.0)


def test_too_many_connections_are_refused_before_they_are_drawn():
    huge = ds.Circuit(
        (ds.Population("a", 10**7, "dx/dt = y/second : 1\ny : 1"),),
        (ds.Matrix("w", "a", "a", 0.1, connect=ds.Probability(0.01)),),
        (ds.Projection("a.x", "w", "a.y"),),
    )
    protocol = ds.Protocol(huge, (ds.Block("run", (ds.Phase("run", "1 ms"),)),), "1 ms")
    with pytest.raises(MemoryLimitError, match=r"matrix 'w'.* connect fewer units"):
        check_memory(
            protocol,
            RunSettings("numpy", precision="double"),
            ds.engine.backends.backends()["numpy"],
        )


def test_cuda_says_which_back_ends_can():
    from dendrosim.engine.backends import backends, check_supported

    with pytest.raises(SpecError, match=r"cuda cannot compute sparse matrices, such as 'w'.*cpp"):
        check_supported(backends()["cuda"], layer.protocol())
