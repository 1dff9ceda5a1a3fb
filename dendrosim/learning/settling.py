"""Settling time of layered circuits, from the spectrum of their equations, and the number of steps it takes."""

import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dendrosim.analysis.target_propagation.chain import Top
from dendrosim.analysis.target_propagation.settling import SETTLED, cascade_time, decay_time
from dendrosim.analysis.target_propagation.spectrum import slowest_rate
from dendrosim.arrays import Complex
from dendrosim.checks import positive
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.paths import VariablePath
from dendrosim.display.short import ShortRepr
from dendrosim.errors import DendrosimWarning, ParameterError
from dendrosim.machine.code_digest import GENERATED_CODE, code_digest
from dendrosim.machine.remembered import recall, remember
from dendrosim.protocol.time_steps import whole_steps
from dendrosim.units import Quantity

_PARTS = (*GENERATED_CODE, "stability", "learning/settling")
"""Parts of the package that decide the rate of the slowest mode."""

CASCADE_LEFT = 1e-4
"""A cascade of filters counts as settled if this fraction of the distance to its final state remains.

This fraction is the same for any number of layers, because with two separate pathways the learning signal does not
decrease from layer to layer.
"""

_WHAT, _LONGEST = "rate of the slowest mode", "longest stable time step"

_ROUNDING = 1e-9
"""Two times count as equal if they differ by less than this, relatively or in time steps."""


@dataclass(frozen=True)
class Settling(ShortRepr):
    """Time that a circuit needs to settle.

    Attributes
    ----------
    time : float
        Time to settle in seconds.
    time_constant : float
        Time constant of the slowest mode in seconds.
    """

    time: float
    time_constant: float


def layer_count(circuit: Circuit) -> int:
    """Return the number of layers above the input, of populations `layer0`, `layer1` and so on."""
    return sum(p.name.startswith("layer") for p in circuit.populations) - 1


def find_settling(
    circuit: Circuit, *, left: float | None = None, layers: int | None = None
) -> Settling:
    """Return how long a circuit of layers needs to settle, from the spectrum of its dynamics.

    If every apical matrix is an inverse, the spectrum is known in closed form. Otherwise it is computed from
    the circuit's own equations at rest, with the weights of seed 0.

    Parameters
    ----------
    circuit : Circuit
        Its parameters `mu`, `tau_basal` and `tau` tell which closed form holds; without a parameter `tau`, its
        slowest mode at rest is that of every layer.
    left : float, optional
        Remaining part of the slowest mode, relative to the learning signal of layer 1 (default: e^-5). For a
        cascade of filters: the distance that remains, relative to the whole (default: `CASCADE_LEFT`).
    layers : int, optional
        Number of layers above the input (default: that of populations `layer1`, `layer2` and so on).

    Raises
    ------
    ParameterError
        If the circuit cannot settle because a mode grows.
    """
    values = {name: float(q.value) for name, q in circuit.parameters.items()}
    layers = layer_count(circuit) if layers is None else layers
    if "mu" in values:
        part = SETTLED if left is None else left
        tops: tuple[Top, ...] = ("clamped",)
        if "teach" in circuit.gates:
            tops = ("free", "nudged")
        rate = min(_slowest_rate(circuit, values, layers, top) for top in tops)
        folds = decay_time(values["mu"], layers, part)
        return Settling(folds / rate, 1 / rate)
    part = CASCADE_LEFT if left is None else left
    if "tau_basal" in values:
        tau = max(values["tau_basal"], values.get("tau_apical", 0.0))
        return Settling(tau * cascade_time(2 * layers - 1, part), tau)
    if not any(p.states for p in circuit.populations):
        return Settling(0.0, 0.0)  # rates follow the input at once
    tau = values["tau"] if "tau" in values else 1 / _rate_at_rest(circuit)
    return Settling(tau * cascade_time(2 * layers, part), tau)


def loop_settling(circuit: Circuit, *, dt: float, left: float = CASCADE_LEFT) -> Settling:
    """Return how long a circuit whose feedback changes its rates needs to settle, from its spectrum at rest.

    Parameters
    ----------
    circuit : Circuit
        The circuit; its spectrum is that with all gates closed and the weights of seed 0.
    dt : float
        Time step in seconds.
    left : float, default `CASCADE_LEFT`
        Remaining part of the slowest mode.

    Raises
    ------
    ParameterError
        If the circuit cannot settle because a mode grows, in continuous time or with time steps of `dt`.
    """
    closed = dict.fromkeys(circuit.gates, 0.0)
    rate = _rate_at_rest(circuit)
    longest = _remembered(_LONGEST, circuit, closed, _compute_longest_step)
    if dt > longest:
        raise ParameterError(
            f"dt is {dt * 1e3:g} ms, but with time steps above {longest * 1e3:.3g} ms activity grows from step to "
            "step in the loop through the feedback; choose a shorter dt"
        )
    return Settling(-math.log(left) / rate, 1 / rate)


def _rate_at_rest(circuit: Circuit) -> float:
    """Return the rate of the slowest mode of a circuit whose gates are all closed, in 1/s."""
    return numeric_slowest_rate(circuit, dict.fromkeys(circuit.gates, 0.0))


def _slowest_rate(circuit: Circuit, values: Mapping[str, float], layers: int, top: Top) -> float:
    """Return the rate of the slowest mode of a circuit with parameter `mu`, in 1/s."""
    fed = {p: VariablePath.parse(p.target).variable for p in circuit.projections}
    apical = {p.matrix for p, variable in fed.items() if variable in ("g", "correction")}
    if all(circuit.matrix(name).inverse_of is not None for name in apical):
        eta_hat = values.get("eta_hat", 1.0)
        return slowest_rate(values["mu"], layers, top=top, eta_hat=eta_hat) / values["tau"]
    # The gate `hold` is closed under the nudge and under noise. Where apical dendrites adapt, activities then
    # settle more slowly than in the free phase.
    holds = (1.0, 0.0) if any("resting" in p.states for p in circuit.populations) else (1.0,)
    opened = [{"teach": float(top == "nudged"), "hold": hold} for hold in holds]
    return min(
        numeric_slowest_rate(circuit, {n: v for n, v in gates.items() if n in circuit.gates})
        for gates in opened
    )


def numeric_slowest_rate(circuit: Circuit, gates: Mapping[str, float] | None = None) -> float:
    """Return the rate of the slowest mode of any circuit at rest, in 1/s. The cache keeps this rate.

    The equations are linearised at their fixed point without input, with weights held at the values that seed 0
    draws. States that do not move, such as a memory whose gate is closed, do not count.

    Parameters
    ----------
    circuit : Circuit
    gates : mapping, optional
        Values of gates by name; the others are closed.

    Raises
    ------
    ParameterError
        If a mode grows, so that the circuit does not come to rest.
    """
    rate = _remembered(_WHAT, circuit, gates or {}, _compute_slowest_rate)
    if rate <= 0:
        advice = "weaken its feedback"
        if "mu" in circuit.parameters:
            advice = "choose a smaller mu, or apical weights that are closer to the inverses of the basal ones"
        raise ParameterError(
            f"the circuit is unstable and does not settle: a mode grows at {-rate:.4g} per second; {advice}"
        )
    return rate


def _remembered(
    what: str,
    circuit: Circuit,
    gates: Mapping[str, float],
    compute: Callable[[Circuit, Mapping[str, float]], float],
) -> float:
    """Return a number that `compute` finds for a circuit with these gates; the cache keeps it."""
    text = json.dumps([circuit.digest(), sorted(gates.items()), code_digest(_PARTS)])
    number = recall(what, text, float)
    if number is None:
        number = compute(circuit, gates)
        remember(what, text, number)
    return number


def _compute_slowest_rate(circuit: Circuit, gates: Mapping[str, float]) -> float:
    return -float(_moving_modes(circuit, gates).real.max(initial=float("-inf")))


def _compute_longest_step(circuit: Circuit, gates: Mapping[str, float]) -> float:
    """Return the longest time step with which no mode grows: |1 + dt lambda| <= 1 for all of them."""
    modes = _moving_modes(circuit, gates)
    return float(np.min(-2 * modes.real / abs(modes) ** 2, initial=float("inf")))


def _moving_modes(circuit: Circuit, gates: Mapping[str, float]) -> Complex:
    # Imported here because a number from the cache needs no SymPy.
    from dendrosim.stability.fixed_points.fixed_point import fixed_point
    from dendrosim.stability.spectrum.spectrum import spectrum
    from dendrosim.stability.vector_field.vector_field import vector_field

    flow = vector_field(circuit, gates=gates)
    rest = np.zeros(flow.size)
    if flow.f(rest).any() or flow.kinks(rest):
        found = fixed_point(flow, method="newton").spectrum
    else:  # most circuits rest at zero, where nothing needs to be searched for
        flow.check(rest)
        flow.check_spectrum()
        found = spectrum(flow.jacobian(rest), flow.symmetries(rest))
    return found.eigenvalues[abs(found.eigenvalues.real) > found.tolerance]


def choose_time_step(dt: Quantity | None, tau: Quantity, part: float = 0.5) -> float:
    """Return the time step in seconds: `dt` if given, else `part` of tau.

    Parameters
    ----------
    dt : time, optional
    tau : time
        Time constant of the activities.
    part : float, default 0.5
        Time step in units of tau if `dt` is not given.

    Raises
    ------
    ParameterError
        If `dt` is not positive, or longer than tau, so that activities would overshoot.
    """
    second = float(tau.value)
    if dt is None:
        return second * part
    positive(dt=dt)
    given = float(dt.value)
    if given > second * (1 + _ROUNDING):
        raise ParameterError(
            f"dt is {given * 1e3:g} ms, longer than tau = {second * 1e3:g} ms: activities overshoot; "
            "choose tau or less"
        )
    return given


def count_settling_steps(
    settlings: Mapping[str, Settling], dt: float, settle: Quantity | None = None
) -> int:
    """Return the number of time steps for which the circuits settle.

    The slowest circuit determines this number, unless the time `settle` is given.

    Parameters
    ----------
    settlings : mapping of str to Settling
        How long each circuit needs, by a name that warnings use.
    dt : float
        Time step in seconds.
    settle : time, optional
        Time for which the circuits settle (default: as long as the slowest of them needs).

    Raises
    ------
    ParameterError
        If `settle` is not positive, or not a whole number of time steps.

    Warns
    -----
    DendrosimWarning
        If `settle` is shorter than the time constant of the slowest mode of a circuit.
    """
    if settle is None:
        return max(1, math.ceil(max(s.time for s in settlings.values()) / dt - _ROUNDING))
    positive(settle=settle)
    given = float(settle.value)
    steps = whole_steps(given, dt, "settle")
    for name, needed in settlings.items():
        if given < needed.time_constant * (1 - _ROUNDING):
            warnings.warn(
                f"settle is {given * 1e3:.4g} ms, shorter than the time constant "
                f"{needed.time_constant * 1e3:.4g} ms of the slowest mode of {name}, which needs about "
                f"{needed.time * 1e3:.4g} ms to settle; its activities will still change when the time is over",
                DendrosimWarning,
                stacklevel=2,
            )
    return steps
