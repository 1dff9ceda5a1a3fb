"""What model files declare about learning, and how their updates are read and compared."""

from pathlib import Path

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import ParameterError, SpecError, UnknownNameError
from dendrosim.learning.own_cycle import join_phases
from dendrosim.learning.rules import find_rule, known_rules
from dendrosim.learning.targets import evaluate_target

NETWORK = ds.learning.Network(layers=("layer{i}.h",), weights=("w{i}",), feedback=("q{i}",))

MODEL = '''"""A linear layer that learns by its own rule.

Sources
-------
None.
"""

import dendrosim as ds

{learning}


def circuit(*, sizes: tuple[int, ...] = (3, 2)) -> ds.Circuit:
    """Return the circuit.

    Parameters
    ----------
    sizes : list of int
        Units per layer.
    """
    populations = [ds.Population("layer0", sizes[0], "h : 1", inputs=["h"])]
    text = "dh/dt = (-h + b)/(10*ms) : 1\\nb : 1\\ntarget : 1"
    populations.append(ds.Population("layer1", sizes[1], text, inputs=["target"]))
    rule = "dw/dt = learn*1*Hz*(target_post - h_post)*h_pre : 1"
    w = ds.Matrix("w1", "layer1", "layer0", ds.Normal(0.1), rule)
    return ds.Circuit(populations, [w], [ds.Projection("layer0.h", "w1", "layer1.b")], gates={{"learn": 0.0}})
'''


def test_names_with_a_number_stand_for_all_layers_of_a_circuit():
    for depth in (1, 2, 4):
        found = NETWORK.of(ds.load_circuit("dynamical_tp", sizes=(3,) * (depth + 1)))
        numbers = range(1, depth + 1)
        assert found.layers == tuple(f"layer{i}.h" for i in numbers)
        assert found.weights == tuple(f"w{i}" for i in numbers)
        assert found.feedback == tuple(f"q{i}" for i in numbers[:-1])
        assert found.target == f"layer{depth}.target"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": ()}, "Network.layers is empty"),
        ({"layers": ("w1",)}, "'w1' is not the name of a variable"),
        ({"weights": ("layer1.h",)}, "'layer1.h' is not the name of a matrix"),
        ({"weights": "w{i}"}, "must be a tuple of names"),
        ({"feedback": (3,)}, "must be a tuple of names"),
        ({"target": 3}, "Network.target is 3; it must be a name"),
        ({"closed_loop": "no"}, "Network.closed_loop is 'no'; it must be True or False"),
        (
            {"apical": "layer1.apical"},
            "Network.apical is 'layer1.apical'; it must be a tuple of names",
        ),
        ({"apical": ("2*(",)}, "Network.apical: cannot read the expression"),
        ({"apical": ("apical",)}, "Network.apical: 'apical' has no variable"),
        ({"apical_phase": 3}, "Network.apical_phase is 3; it must be a name"),
        ({"rules": ["a"]}, "Network.rules is .*; it must be a mapping"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(change, message):
    with pytest.raises(SpecError, match=message):
        ds.learning.Network(**{"layers": ("layer{i}.h",), "weights": ("w{i}",), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": ("cell{i}.h",)}, "'cell{i}.h' stands for 'cell1.h'"),
        ({"weights": ("w1",)}, "2 layers .* but 1 matrices of weights"),
        (
            {"feedback": ("p{i}",)},
            "Network.feedback: 'p{i}' stands for no matrix .* goes through q1; name these",
        ),
        ({"feedback": ("q7",)}, "Network.feedback: the circuit has no 'q7'"),
        ({"targets": ("layer{i}.gaol",)}, "0 of Network.targets .* for 2 layers"),
        ({"apical": ("layer{i}.dendrite",)}, "0 of Network.apical .* for 2 layers"),
        ({"apical": ("layer9.h",)}, "Network.apical: the circuit has no 'layer9.h'"),
        ({"target": "goal"}, "Network.target: the circuit has no variable 'layer2.goal'"),
        ({"input": "image.h"}, "Network.input: the circuit has no variable 'image.h'"),
    ],
)
def test_a_part_that_the_circuit_lacks_is_named(change, message):
    network = ds.learning.Network(**{"layers": ("layer{i}.h",), "weights": ("w{i}",), **change})
    with pytest.raises(SpecError, match=message):
        network.of(ds.load_circuit("dynamical_tp", sizes=(3, 3, 3)))


def test_dendritic_signals_are_found_in_hidden_layers_and_may_lack_in_the_last():
    network = ds.learning.Network(
        layers=("layer{i}.h",), weights=("w{i}",), apical=("layer{i}.apical - layer{i}.h",)
    )
    found = network.of(ds.load_circuit("multiplexed_dtp", sizes=(3, 3, 3, 3)))
    assert found.apical == ("layer1.apical - layer1.h", "layer2.apical - layer2.h")
    deltas = known_rules()["backprop"].network.of(ds.load_circuit("backprop", sizes=(3, 3, 3)))
    assert deltas.apical == ("layer1.delta", "layer2.delta")


def test_every_rule_of_the_catalogue_fits_its_circuit():
    rules = known_rules()
    assert len(rules) >= 12
    for rule in rules.values():
        circuit = ds.load_circuit(rule.model, sizes=(4, 4, 4, 4), **rule.parameters)
        found = rule.network.of(circuit)
        assert len(found.weights) == 3
        assert rule.network.cycle or "learn" in circuit.gates


def test_a_rule_of_a_file_is_found_by_its_path(tmp_path):
    file = tmp_path / "own_rule.py"
    file.write_text(
        MODEL.format(learning='LEARNING = ds.learning.Network(("layer{i}.h",), ("w{i}",))')
    )
    rule = find_rule(str(file))
    assert (Path(rule.model).stem, rule.parameters) == ("own_rule", {})
    file.write_text(MODEL.format(learning=""))
    with pytest.raises(SpecError, match="declares no LEARNING"):
        find_rule(str(file))
    with pytest.raises(UnknownNameError, match="unknown value of rules 'backpropp'"):
        find_rule("backpropp")


def test_a_file_of_another_person_is_compared_with_shipped_rules(tmp_path):
    """A linear layer that learns by the delta rule: its update is gradient descent, in direction and size."""
    file = tmp_path / "own_rule.py"
    file.write_text(
        MODEL.format(learning='LEARNING = ds.learning.Network(("layer{i}.h",), ("w{i}",))')
    )
    protocol = ds.load_protocol(
        "credit_assignment", rules=("backprop", str(file)), depth=1, width=3, presentations=3, task="gaussian",
        transfer="linear", eta="1 Hz",
    )  # fmt: skip
    metrics = ds.measure(ds.run(protocol, "numpy", progress=False)).metrics
    for name in ("backprop", "own_rule"):
        assert metrics["angle_gradient"][name] == pytest.approx([0], abs=1e-4)
        assert metrics["size_ratio"][name] == pytest.approx([0.01], rel=1e-4)  # eta tau
        assert np.isnan(metrics["angle_target"][name]).all()
    assert metrics["loss"]["own_rule"] == pytest.approx(metrics["loss"]["backprop"], rel=1e-6)


def test_rates_without_differential_equations_settle_at_once(tmp_path):
    """The same delta rule with h = b: the update is gradient descent from the first trial on."""
    file = tmp_path / "own_rule.py"
    text = MODEL.format(learning='LEARNING = ds.learning.Network(("layer{i}.h",), ("w{i}",))')
    file.write_text(text.replace("dh/dt = (-h + b)/(10*ms) : 1", "h = b : 1"))
    protocol = ds.load_protocol(
        "credit_assignment", rules=(str(file),), depth=1, width=3, presentations=3, task="gaussian",
        transfer="linear", eta="1 Hz",
    )  # fmt: skip
    metrics = ds.measure(ds.run(protocol, "numpy", progress=False)).metrics
    assert metrics["angle_gradient"]["own_rule"] == pytest.approx([0], abs=1e-6)
    assert metrics["size_ratio"]["own_rule"] == pytest.approx([0.01], rel=1e-9)  # eta tau


def test_layers_may_have_any_name(tmp_path):
    declared = 'LEARNING = ds.learning.Network(("{name}{{i}}.h",), ("w{{i}}",), input="{name}0.h")'
    losses = []
    for name in ("layer", "area"):
        file = tmp_path / f"of_{name}s.py"
        text = MODEL.format(learning=declared.format(name=name))
        file.write_text(text.replace('"layer', f'"{name}'))
        protocol = ds.load_protocol(
            "credit_assignment", rules=(str(file),), depth=1, width=3, presentations=3, task="gaussian",
            transfer="linear",
        )  # fmt: skip
        metrics = ds.measure(ds.run(protocol, "numpy", progress=False)).metrics
        losses.append(metrics["loss"][file.stem])
    assert losses[0] == losses[1]


def test_a_gate_that_no_phase_opens_is_refused(tmp_path):
    file = tmp_path / "own_rule.py"
    learning = 'LEARNING = ds.learning.Network(("layer{i}.h",), ("w{i}",))'
    file.write_text(with_gate(learning))
    with pytest.raises(
        ParameterError, match=r"the gate 'open', which no phase .* hold, teach, learn, sleep, and"
    ):
        ds.load_protocol("credit_assignment", rules=(str(file),), depth=1, width=3)


def test_a_missing_part_is_named_with_its_rule(tmp_path):
    file = tmp_path / "own_rule.py"
    file.write_text(
        MODEL.format(learning='LEARNING = ds.learning.Network(("layer{i}.h",), ("v{i}",))')
    )
    with pytest.raises(SpecError, match=r"rule .*own_rule.py: Network.weights: 'v\{i\}'"):
        ds.load_protocol("credit_assignment", rules=(str(file),), depth=1, width=3)


CYCLE = """
def shown(circuit, *, dt, tau):
    up = ds.Phase("up", f"{20 * dt} s", gates={"open": 1.0})
    step = ds.Phase("step", f"{dt} s", gates={"open": 1.0, "learn": tau / dt})
    return ds.learning.Cycle(learn=(up, step, ds.Phase("rest", f"{dt} s")), recall=up)


LEARNING = ds.learning.Network(
    ("layer{i}.h",), ("w{i}",), targets=("layer{i}.h + 0.5*(layer{i}.target - layer{i}.h)",),
    learning_phase="up", cycle=shown,
)
"""


def with_gate(learning):
    """Return a model file whose rate moves while its gate `open` is open."""
    text = MODEL.format(learning=learning).replace("(-h + b)", "open*(-h + b)")
    return text.replace('gates={"learn"', 'gates={"open": 0.0, "learn"')


def test_a_circuit_with_a_cycle_of_its_own_is_compared(tmp_path):
    """Its rate moves while a gate of its own is open; the other circuit does not learn meanwhile."""
    file = tmp_path / "own_cycle.py"
    file.write_text(with_gate(CYCLE))
    protocol = ds.load_protocol(
        "credit_assignment", rules=("backprop", str(file)), depth=1, width=3, presentations=3, task="gaussian",
        transfer="linear", eta="1 Hz",
    )  # fmt: skip
    metrics = ds.measure(ds.run(protocol, "numpy", progress=False)).metrics
    for name in ("backprop", "own_cycle"):
        assert metrics["angle_gradient"][name] == pytest.approx([0], abs=1e-3)
        assert metrics["size_ratio"][name] == pytest.approx([0.01], rel=1e-4)  # eta tau
    assert metrics["angle_target"]["own_cycle"] == pytest.approx([0], abs=1e-3)
    assert metrics["loss"]["own_cycle"] == pytest.approx(metrics["loss"]["backprop"], rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({'"open"': '"shut"'}, "opens the gate 'shut', but the circuit has the gates open, learn"),
        (
            {"return ds.learning.Cycle(": "return dict("},
            "the cycle of .* must return a ds.learning.Cycle",
        ),
        ({'"rest"': '"done"'}, "Cycle.learn has no phase 'rest'"),
        ({'"up", f': '"step", f'}, "step, step, rest; give no name twice"),
        ({'learning_phase="up"': 'learning_phase="down"'}, "learns in the phase 'down'"),
        (
            {"cycle=shown": 'cycle=shown, apical_phase="down"'},
            "has its dendritic signal in the phase 'down', but the phases of a trial are up, step, rest",
        ),
        ({"cycle=shown": "cycle=3"}, "Network.cycle is 3; it must be a function"),
        ({"0.5*(": "0.5*(("}, "Network.targets: cannot read the expression"),
        (
            {"layer{i}.h + 0.5*(layer{i}.target - layer{i}.h)": "layer1.goal"},
            "Network.targets: the circuit has no 'layer1.goal'",
        ),
    ],
)
def test_cycles_and_targets_that_do_not_fit_are_refused(tmp_path, change, message):
    declared = CYCLE
    for old, new in change.items():
        assert old in declared
        declared = declared.replace(old, new)
    file = tmp_path / "own_cycle.py"
    file.write_text(with_gate(declared))
    with pytest.raises(SpecError, match=message):
        ds.load_protocol("credit_assignment", rules=(str(file),), depth=1, width=3)


def test_phases_of_several_circuits_keep_the_order_of_each():
    made = {name: ds.Phase(name, "5 ms") for name in ("up", "down", "mirror", "rest", "back")}
    phases = {
        "a": [made[n] for n in ("up", "down", "rest")],
        "b": [made[n] for n in ("up", "mirror", "down", "rest", "back")],
    }
    circuit = ds.load_circuit("backprop")
    joined = join_phases("model", {"a": circuit, "b": circuit}, phases)
    assert [p.name for p in joined] == [
        f"model_{n}" for n in ("up", "mirror", "down", "rest", "back")
    ]
    phases["b"][0] = ds.Phase("up", "10 ms")
    with pytest.raises(SpecError, match=r"phase up of model has the durations 0.005 s, 0.01 s"):
        join_phases("model", {"a": circuit, "b": circuit}, phases)


def test_targets_are_expressions_of_variables():
    values = {"layer1.h": np.array([1.0, 2.0]), "layer1.delta": np.array([3.0, -1.0])}
    found = evaluate_target("layer1.h - 0.5*layer1.delta**2", values)
    assert found == pytest.approx([1.0 - 4.5, 2.0 - 0.5])
