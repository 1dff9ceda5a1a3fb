"""Whether the neurons of a circuit, with all loops among them, are stable at a time step.

Each compartment by itself is stable at a time step below 2 tau divided by its total conductance. Feedback makes
loops, whose modes can need a shorter step, or can grow at any step. Both follow from the eigenvalues of the
circuit's equations, with weights held: a forward Euler step multiplies a mode by 1 + dt lambda.
"""

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.circuit.circuit import Circuit
from dendrosim.display.short import ShortRepr
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.machine.code_digest import GENERATED_CODE, code_digest
from dendrosim.machine.remembered import recall, remember
from dendrosim.results.result import Result

_PARTS = (*GENERATED_CODE, "stability", "learning/loop_stability")
"""Parts of the package that decide the spectrum of a loop."""

_WHAT = "spectrum of a loop at rest"


@dataclass(frozen=True)
class Loop(ShortRepr):
    """What the spectrum of a circuit says about its time steps.

    Attributes
    ----------
    slowest : float
        Rate of the slowest mode in 1/s; negative if a mode grows.
    largest_step : float
        Time step in seconds from which forward Euler steps grow; 0 if a mode grows at any step.
    """

    slowest: float
    largest_step: float


def read_loop(eigenvalues: ArrayLike) -> Loop:
    """Return what a spectrum says about time steps.

    Parameters
    ----------
    eigenvalues : array_like
        Eigenvalues in 1/s, at least one.
    """
    found = np.asarray(eigenvalues, dtype=complex)
    slowest = float(-found.real.max())
    if slowest <= 0.0:
        return Loop(slowest, 0.0)
    return Loop(slowest, float(np.min(-2 * found.real / abs(found) ** 2)))


def worst_loop(loops: Iterable[Loop]) -> Loop:
    """Return the slowest rate and the shortest limit of several loops."""
    every = list(loops)
    return Loop(min(x.slowest for x in every), min(x.largest_step for x in every))


def loop_at_rest(circuit: Circuit, gates: Mapping[str, float], seed: int = 0) -> Loop:
    """Return the loop of a circuit at rest, without input. The cache keeps it.

    Parameters
    ----------
    circuit : Circuit
    gates : mapping of str to float
        Values of gates by name; the others are closed.
    seed : int, default 0
        Seed of the initial weights.
    """
    opened = dict.fromkeys(circuit.gates, 0.0) | dict(gates)
    key = json.dumps([circuit.to_json(), sorted(opened.items()), seed, code_digest(_PARTS)])
    known = recall(_WHAT, key, str)
    if known is None:
        found = loops_at(circuit, opened, {}, seed=seed)[0]
        remember(_WHAT, key, json.dumps([found.slowest, found.largest_step]))
        return found
    return Loop(*json.loads(known))


def loops_at(
    circuit: Circuit,
    gates: Mapping[str, float],
    values: Mapping[str, Any],
    states: Iterable[Mapping[str, Any]] = (),
    seed: int = 0,
) -> list[Loop]:
    """Return the loop of a circuit at rest, and linearised at given states.

    Parameters
    ----------
    circuit : Circuit
    gates : mapping of str to float
        Values of gates by name.
    values : mapping of str to array
        Weights by matrix; the others are drawn.
    states : iterable of mapping of str to array
        Voltages of one sample by `population.state`, for each state of the circuit.
    seed : int, default 0
        Seed of weights that are not given.

    Returns
    -------
    list of Loop
        The loop at rest, then one for each state.
    """
    # Imported here because a loop from the cache needs no SymPy.
    from dendrosim.stability.fixed_points.fixed_point import fixed_point
    from dendrosim.stability.vector_field.vector_field import vector_field

    field = vector_field(circuit, gates=gates, values=values, seed=seed)
    # Newton's method alone: an unstable point near the start is what must be seen, not a stable one elsewhere.
    rest = fixed_point(field, method="newton").x
    points = [rest, *(field.pack(state) for state in states)]
    jacobians = (field.jacobian(point) for point in points)
    dense = (j.toarray() if hasattr(j, "toarray") else j for j in jacobians)
    return [read_loop(np.linalg.eigvals(j)) for j in dense]


def loop_at_end(result: Result, samples: int, seed: int) -> Loop:
    """Return the worst loop with the weights and voltages at the end of a run, and at rest; gates are closed.

    Parameters
    ----------
    result : Result
    samples : int
        Number of samples of the batch whose voltages are used.
    seed : int
        Seed of the run.
    """
    circuit, closed = result.circuit, dict.fromkeys(result.circuit.gates, 0.0)
    values = {m.name: np.asarray(result.final[m.name].values) for m in circuit.matrices}
    names = [f"{p.name}.{s}" for p in circuit.populations for s in p.states]
    states = {n: np.asarray(result.final[n].values) for n in names}
    states = {n: v.reshape(len(v), -1) for n, v in states.items()}
    if not all(np.isfinite(v).all() for v in (*values.values(), *states.values())):
        return Loop(-np.inf, 0.0)
    count = min(samples, *(v.shape[1] for v in states.values()))
    chosen = ({n: v[:, k] for n, v in states.items()} for k in range(count))
    return worst_loop(loops_at(circuit, closed, values, chosen, seed=seed))


def check_loop(loop: Loop, dt: float, advice: str, settles: bool = True) -> None:
    """Check that the loops of a circuit are stable at a time step.

    Parameters
    ----------
    loop : Loop
    dt : float
        Time step in seconds.
    advice : str
        What weakens the loops, such as "a smaller g_apical".
    settles : bool, default True
        Whether the circuit has to settle with its initial weights.

    Raises
    ------
    ParameterError
        If a mode grows at this time step, or at any one although the circuit has to settle.

    Warns
    -----
    DendrosimWarning
        If a mode grows at any time step, and the circuit does not have to settle.
    """
    if loop.slowest <= 0.0:
        said = (
            f"the circuit does not settle at any dt: with its initial weights, a mode of its feedback loops grows "
            f"at {-loop.slowest:.4g} per second; choose {advice}"
        )
        if settles:
            raise ParameterError(said)
        warnings.warn(said, DendrosimWarning, stacklevel=3)
        return
    if dt >= loop.largest_step:
        raise ParameterError(
            f"dt is {dt * 1e3:g} ms, but the feedback loops of the circuit are unstable from dt = "
            f"{loop.largest_step * 1e3:.4g} ms on, although each compartment by itself is stable; choose a "
            f"shorter dt, or {advice}"
        )


def warn_of_loop(loop: Loop, dt: float, advice: str) -> None:
    """Warn if the loops of a circuit are unstable at the end of a run.

    Parameters
    ----------
    loop : Loop
    dt : float
        Time step of the run in seconds.
    advice : str
        What else than a shorter time step keeps the loops stable.

    Warns
    -----
    DendrosimWarning
        If a mode grows at any time step, or at that of the run.
    """
    if dt < loop.largest_step:
        return
    found = "a mode of the feedback loops of the circuit grows at any dt"
    remedy = advice
    if loop.largest_step > 0:
        remedy = f"a shorter dt, {advice}"
        found = (
            f"the feedback loops of the circuit are unstable from dt = {loop.largest_step * 1e3:.4g} ms on, but "
            f"dt is {dt * 1e3:.4g} ms"
        )
    warnings.warn(
        f"at the end of the run {found}; weights have grown: choose {remedy}",
        DendrosimWarning,
        stacklevel=3,
    )
