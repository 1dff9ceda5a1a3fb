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
