"""With the defaults, target propagation does not diverge; with the rule of the thesis it often does. Ten seeds.

`benchmarks/robustness.py` measures the same with more seeds.
"""

import pytest

import dendrosim as ds
from dendrosim.errors import NonFiniteError

SEEDS = range(1000, 1010)
MODELS = ("single", "two_phase", "multiplexed")


def outcomes(**parameters):
    """Whether each seed diverged, and the part of its initial loss that is left."""
    found = []
    for seed in SEEDS:
        protocol = ds.load_protocol("tp_student_teacher", data_seed=seed, **parameters)
        try:
            m = ds.run(protocol, seed=seed).metrics
        except NonFiniteError:
            found.append((True, float("inf")))
        else:
            found.append((m["diverged"], m["final_loss"] / m["initial_loss"]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["batch", "online"])
@pytest.mark.parametrize("transfer", ["linear", "smooth_leaky", "leaky_relu"])
@pytest.mark.parametrize("model", MODELS)
def test_no_network_diverges_and_most_lose_nine_tenths_of_their_loss(model, transfer, mode):
    found = outcomes(model=model, transfer=transfer, mode=mode)
    assert not any(diverged for diverged, _ in found)
    assert sorted(part for _, part in found)[8] < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_the_rule_of_the_thesis_diverges_for_some_of_these_seeds(model):
    found = outcomes(model=model, transfer="leaky_relu", mode="batch", rule="difference")
    assert any(diverged for diverged, _ in found)


@pytest.mark.parametrize(
    ("sizes", "trials"), [(None, 8000), ((3, 2, 2), 8000), ((8, 7, 6, 4), 20_000)]
)
def test_leaky_relu_units_see_as_many_single_samples_as_their_weights_need(sizes, trials):
    """8-7-6-4 has 56 + 42 + 24 = 122 weights, 5-4-4-3 has 48."""
    protocol = ds.load_protocol(
        "tp_student_teacher", model="multiplexed", mode="online", transfer="leaky_relu", sizes=sizes
    )
    (train,) = [block for block in protocol.blocks if block.name == "train"]
    assert train.trials == len(protocol.data["x"]) == trials
    (learn,) = [phase for phase in train.phases if phase.name == "learn"]
    trial = sum(float(phase.duration.value) for phase in train.phases)
    decay = float(learn.gates["learn"][0].decay.value)
    assert decay == pytest.approx(0.3 * trials * trial)


@pytest.mark.parametrize("given", [{"mode": "batch"}, {"transfer": "linear"}, {"model": "single"}])
def test_other_networks_learn_at_a_constant_rate(given):
    chosen = {"model": "two_phase", "mode": "online", "transfer": "leaky_relu"} | given
    protocol = ds.load_protocol("tp_student_teacher", **chosen)
    (train,) = [block for block in protocol.blocks if block.name == "train"]
    (learn,) = [phase for phase in train.phases if phase.name == "learn"]
    assert isinstance(learn.gates["learn"][0], ds.Constant)


@pytest.mark.parametrize(
    ("given", "mu"),
    [
        ({"sizes": (6, 6, 5, 4, 3)}, 0.05),
        ({"sizes": (6, 6, 5, 4, 3), "mu": 0.1}, 0.1),
        ({"sizes": (6, 5, 4, 3)}, 0.2),
        ({"sizes": (6, 6, 5, 4, 3), "transfer": "smooth_leaky"}, 0.2),
    ],
)
def test_deep_networks_of_unequal_slopes_have_weak_loops(given, mu):
    chosen = {"model": "two_phase", "mode": "online", "transfer": "leaky_relu"} | given
    circuit = ds.load_protocol("tp_student_teacher", **chosen).circuit
    assert float(circuit.parameters["mu"].value) == mu
