"""`feedback_alignment` with locally connected layers: each rule equals its algorithm with masked matrices."""

import numpy as np
import pytest
import sparse_layer
from feedback_loops import TAU, before_and_after, bidirectional, increments, run, samples

import dendrosim as ds
from dendrosim.errors import ParameterError, ShapeError
from dendrosim.learning.feedback_cycle import feedback_cycle
from dendrosim.mechanisms.local_layers import patches_of_layers

LOCAL = {"sizes": (16, 12, 4, 5, 3), "image": (4, 4, 1), "kernels": (3, 2), "strides": (2, 1)}
STEP = 5.0 * TAU
MASKS = [
    sparse_layer.mask(ds.LocalPatches(4, 4, 1, 3, 3, 2)),
    sparse_layer.mask(ds.LocalPatches(2, 2, 3, 1, 2, 1)),
]


def both(result, name):
    """Weights at the beginning and at the end, as dense arrays."""
    return before_and_after(result, name, dense=result.circuit.matrix(name).connect is not None)


@pytest.mark.parametrize(
    ("rule", "backend"),
    [
        *((r, "numpy") for r in ("bp", "frfb", "kolen_pollack", "dfa", "bdfa", "weight_mirror")),
        ("urfb", "numpy"),
        pytest.param("urfb", "cpp", marks=pytest.mark.slow),
    ],
)
def test_weights_learn_as_in_the_loop_where_there_are_connections(rule, backend):
    x, y = samples(LOCAL["sizes"], "squared")
    result = run(x, y, rule=rule, transfer="tanh", backend=backend, **LOCAL)
    ws = [both(result, f"w{i}")[0] for i in range(1, 5)]
    names = [f"b{i}" for i in (1, 2, 3)] if rule == "dfa" else [f"r{i}" for i in (2, 3, 4)]
    back = [w.T for w in ws[1:]] if rule == "bp" else [both(result, n)[0] for n in names]
    expected = increments(ws, back, x, y, "tanh", "squared", direct=rule == "dfa")
    masks = [*MASKS, np.ones((5, 4)), np.ones((3, 5))]
    for i, (w, mask, increment) in enumerate(zip(ws, masks, expected, strict=True), 1):
        assert np.array_equal(w != 0, mask == 1)
        decay = 0.1 * w if rule == "kolen_pollack" else 0.0
        found = both(result, f"w{i}")
        assert found[1] - found[0] == pytest.approx(STEP * (increment * mask - decay), abs=1e-14)
    for i, (r, mask, increment) in enumerate(zip(back, masks[1:], expected[1:], strict=True), 2):
        if rule in ("urfb", "frfb", "kolen_pollack"):
            assert np.array_equal(r != 0, mask.T == 1)
            learned = 0 if rule == "frfb" else increment.T * mask.T
            decay = 0.1 * r if rule == "kolen_pollack" else 0.0
            assert both(result, f"r{i}")[1] - r == pytest.approx(
                STEP * (learned - decay), abs=1e-14
            )
    if rule == "bdfa":
        ends = [both(result, f"w{i}")[1] for i in range(1, 5)]
        start = [both(result, f"r{i}")[0] for i in range(1, 5)]
        for i, increment in enumerate(bidirectional(ends, start, x, y, "tanh"), 1):
            found = both(result, f"r{i}")
            learned = STEP * increment * masks[i - 1].T
            assert found[1] - found[0] == pytest.approx(learned, abs=1e-14)


def test_initial_weights_have_the_range_of_their_numbers_of_inputs_and_outputs():
    given = {"sizes": (64, 64, 64, 10), "image": (8, 8, 1), "kernels": (3, 3), "strides": (2, 1)}
    made = ds.load_circuit("feedback_alignment", **given)
    for name, patches in (("w1", (8, 8, 1, 4, 3, 2)), ("r2", (4, 4, 4, 4, 3, 1))):
        mask = sparse_layer.mask(ds.LocalPatches(*patches))
        inputs, outputs = mask.sum(axis=1).mean(), mask.sum(axis=0).mean()
        found = made.matrix(name).initial.high.value
        assert found == pytest.approx(np.sqrt(6 / (inputs + outputs)), rel=1e-12)


def test_circuits_with_fewer_layers_learn_in_the_cycle_of_a_deeper_one():
    """As in their own cycle, in both forms, with all phases that a rule has."""
    sizes, deep = (4, 3, 2), (4, 3, 5, 3, 2)
    x, y = samples(sizes, "squared")
    for given in (
        {"rule": "bdfa"},
        {"rule": "urfb", "form": "compartments", "coupling": 0.0},
    ):
        alone = run(x, y, sizes=sizes, trials=2, transfer="tanh", **given)
        circuits = {
            name: ds.load_circuit("feedback_alignment", sizes=s, transfer="tanh", tau=f"{TAU} s", **given)
            for name, s in (("a", sizes), ("b", deep))
        }  # fmt: skip
        start = {f"a_{m.name}": alone[m.name].values[0] for m in circuits["a"].matrices}
        joined = ds.Circuit.join(**circuits)
        joined = joined.replace(
            matrices=[
                m.replace(initial=ds.Fixed(start[m.name])) if m.name in start else m for m in joined.matrices
            ]
        )  # fmt: skip
        inputs, targets = ("a_layer0.h", "b_layer0.h"), ("a_layer2.target", "b_layer4.target")
        signals = dict.fromkeys(inputs, ds.Samples("x")) | dict.fromkeys(targets, ds.Samples("y"))
        protocol = ds.Protocol(
            joined, (ds.Block("train", feedback_cycle(circuits, dt=TAU, tau=TAU), trials=2),), f"{TAU} s",
            signals=signals, data={"x": x, "y": y}, batch=len(x),
        )  # fmt: skip
        result = ds.run(protocol, backend="numpy", progress=False)
        for name in start:
            wanted = alone.final[name[2:]].values
            assert result.final[name].values == pytest.approx(wanted, abs=1e-13), (given, name)
            assert abs(wanted - start[name]).max() > 1e-3 or name[2] == "b"


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"image": (4, 3, 1)}, ParameterError, r"image is \(4, 3, 1\); with kernels .* number of inputs, 16"),
        ({"image": (4, 4)}, ParameterError, "height, width, channels"),
        ({"kernels": ()}, ParameterError, r"image is \(4, 4, 1\), which has a meaning only with kernels"),
        ({"kernels": (), "image": ()}, ParameterError, r"strides is \(2, 1\), which has a meaning only"),
        ({"strides": (2,)}, ParameterError, "give one stride for each kernel"),
        ({"strides": (3, 1)}, ShapeError, "do not tile the image: height = 4"),
        ({"kernels": (5, 2)}, ShapeError, "layer 1: .*the kernel is 5, larger than height = 4; choose at most 4"),
        ({"kernels": (3, 3)}, ShapeError, "layer 2: .*the kernel is 3, larger than height = 2"),
        ({"kernels": (3, 2, 1, 1), "strides": ()}, ParameterError, "there are 3 hidden layers"),
        ({"sizes": (16, 13, 4, 5, 3)}, ParameterError, "layer 1 have 4 positions; give it a multiple of 4"),
        ({"pruned": 0.5}, ParameterError, "pruned is 0.5, which is for fully connected layers"),
        ({"symmetric": True}, ParameterError, "symmetric is True, which is for fully"),
        ({"kernels": (0, 2)}, ParameterError, "kernels"),
    ],
)  # fmt: skip
def test_layers_that_do_not_fit_are_refused(changes, kind, said):
    with pytest.raises(kind, match=said):
        ds.load_circuit("feedback_alignment", **{**LOCAL, **changes})


def test_without_kernels_nothing_is_local():
    assert patches_of_layers((4, 3, 2), (), ()) == {}
