"""Every back end says the same of a divergence, and what extended precision says: step, variable and unit."""

import numpy as np
import pytest
from divergences import STRUCTURES, Structure, draw

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.connectivity.pairings import Pairings
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.errors import NonFiniteError
from dendrosim.experiments.run import run
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol

pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).maxexp <= np.finfo(np.float64).maxexp,
    reason="longdouble has no larger range than double here",
)


def reported(structure, seed, backend):
    with pytest.raises(NonFiniteError) as raised:
        run(structure.protocol(*draw(structure, seed)), backend)
    error = raised.value
    return round(error.time / 1e-3), error.variable, error.unit


def expected(structure, seed):
    with np.errstate(all="ignore"):
        return structure.expected(*draw(structure, seed))


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("structure", STRUCTURES, ids=Structure.__str__)
def test_a_random_divergence_is_reported_where_extended_precision_sees_it(structure, backend):
    wanted = {seed: expected(structure, seed) for seed in range(9)}
    assert {seed: reported(structure, seed, backend) for seed in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES, ids=Structure.__str__)
def test_all_back_ends_report_the_same_of_hundreds_of_divergences(structure):
    wanted = {seed: expected(structure, seed) for seed in range(9, 80)}
    seeds = [seed for seed, place in wanted.items() if place is not None]
    for backend, seen in {"numpy": seeds, "cpp": seeds, "cython": seeds[::6]}.items():
        assert {seed: reported(structure, seed, backend) for seed in seen} == {
            seed: wanted[seed] for seed in seen
        }


EVERY_THIRD = Pairings(
    post=[i for i in range(70) for j in range(80) if (i + j) % 3 == 0],
    pre=[j for i in range(70) for j in range(80) if (i + j) % 3 == 0],
)
RULES = {
    "one product": "y_post*x_pre/tau",
    "a product and growth": "(y_post*x_pre + w)/tau",
    "two products": "(y_post*x_pre + y_post*x_pre**2/10)/tau",
    "element by element": "w*y_post*x_pre/tau",
}


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("connect", [None, EVERY_THIRD], ids=["dense", "sparse"])
def test_the_guard_checks_a_large_matrix_in_every_step(connect, rule, backend):
    """The weight that grows fastest is named, in the step in which it overflows."""
    rows, columns, at = 70, 80, (31, 17)
    x, y = np.zeros(columns), np.ones(rows)
    x[at[1]] = {"two products": 1e153, "element by element": 1.0}.get(rule, 3e305)
    y[at[0]] = 1.25 if rule == "element by element" else 60.0
    w = np.zeros((rows, columns))
    w[at] = 1e300
    circuit = Circuit(
        (
            Population("a", columns, "dx/dt = 0*x/tau : 1", initial={"x": x}),
            Population("b", rows, "dy/dt = 0*(r - y)/tau : 1\nr : 1", initial={"y": y}),
        ),
        (Matrix("w", "b", "a", w, f"dw/dt = {RULES[rule]} : 1", connect=connect),),
        (Projection("a.x", "w", "b.r"),),
        parameters={"tau": "10 s"},
    )  # fmt: skip
    protocol = Protocol(circuit, (Block("run", (Phase("on", "300 s"),)),), "1 s")
    with pytest.raises(NonFiniteError) as raised:
        run(protocol, backend)
    weight, steps = np.longdouble(w[at]), 0
    post, pre = np.longdouble(y[at[0]]), np.longdouble(x[at[1]])
    while weight <= np.finfo(np.float64).max:
        rate = weight * post * pre if "element" in rule else post * pre
        rate += weight * (rule == "a product and growth") + post * pre**2 / 10 * ("two" in rule)
        weight, steps = weight + np.longdouble(0.1) * rate, steps + 1
    assert steps > 2
    assert (raised.value.variable, raised.value.unit) == ("w", at)
    assert round(raised.value.time) == steps


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
@pytest.mark.parametrize("connect", [None, Pairings(pre=[0], post=[0])], ids=["dense", "sparse"])
def test_weights_that_grow_while_nothing_is_learnt_are_guarded(connect, backend):
    """A gate that is closed leaves only a growth of the weights, and nothing reads them."""
    circuit = Circuit(
        (Population("a", 2, "dx/dt = -x/tau : 1"), Population("b", 3, "dy/dt = -y/tau : 1")),
        (Matrix("w", "b", "a", 1.0, "dw/dt = (gate*y_post*x_pre + 10*w)/tau : 1", connect=connect),),
        parameters={"tau": "10 ms"}, gates={"gate": 0},
    )  # fmt: skip
    protocol = Protocol(circuit, (Block("run", (Phase("on", "2 s"),)),), "1 ms")
    with pytest.raises(NonFiniteError, match=r"step 1024\): matrix 'w', weight 0 <- 0"):
        run(protocol, backend)
