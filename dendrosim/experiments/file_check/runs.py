"""Comparisons of runs on two back ends, and of one step of a run with the vector field."""

from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.paths import is_variable
from dendrosim.circuit.used_symbols import used_symbols
from dendrosim.engine.plan.state_arrays import initial_state
from dendrosim.engine.settings import RunSettings
from dendrosim.engine.simulate import run
from dendrosim.errors import (
    BackendMissingError,
    DendrosimError,
    DifferentiationError,
    MemoryLimitError,
    NonFiniteError,
    ParameterError,
)
from dendrosim.experiments.file_check.probe import (
    SPREAD,
    TIME_STEP,
    drive_circuit,
    open_gates,
    random_inputs,
)
from dendrosim.experiments.file_check.report import Report
from dendrosim.protocol.given_spikes import no_spikes
from dendrosim.protocol.phases import Recording
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result
from dendrosim.stability.vector_field.circuit_field import CircuitFlow
from dendrosim.stability.vector_field.typical_scales import TYPICAL_SIZES, typical_size
from dendrosim.stability.vector_field.vector_field import vector_field

AGREEMENT = 1e-10
"""Largest difference between two computations, relative to the largest value of the state. In a few steps,
rounding errors cause a difference of up to about 1e-13; a wrong term causes a much larger one."""

ROUNDING = 8 * np.finfo(float).eps
"""Further rounding error of a step, relative to the state x, because the step computes x + dt f."""

NEGLIGIBLE = 1e-2
"""A value counts as zero if it is below this fraction of the typical size for its physical unit. The difference of
two equal values, for example, is zero except for rounding, which differs between back ends."""

BACK_ENDS = "numpy and cpp agree"
VECTOR_FIELD = "the vector field equals one step"


def compare_back_ends(protocol: Protocol, report: Report, note: str = "") -> Result | None:
    """Run a short protocol on numpy and cpp, and report the states in which they differ.

    Parameters
    ----------
    protocol : Protocol
        The protocol.
    report : Report
        Report to which the findings are added.
    note : str, optional
        What drives the circuit, for messages about a run that fails.

    Returns
    -------
    Result or None
        The result on numpy; None if that run failed.
    """
    try:
        expected = run(protocol, RunSettings("numpy"), progress=False)
    except MemoryLimitError as error:
        report.skip(BACK_ENDS, str(error))
        return None
    except DendrosimError as error:
        report.add("run on numpy", f"{note}{error}")
        return None
    try:
        found = run(protocol, RunSettings("cpp"), progress=False)
    except BackendMissingError as error:
        report.skip(BACK_ENDS, str(error))
    except DendrosimError as error:
        report.add("run on cpp", str(error))
    else:
        _compare_states(expected, found, report)
    return expected


def _compare_states(expected: Result, found: Result, report: Report) -> None:
    for name, value in expected.state.items():
        gap = float(np.max(abs(found.state[name] - value), initial=0.0))
        least = NEGLIGIBLE * typical_size(expected.circuit.unit_of(name))
        largest = float(np.max(abs(value), initial=least))
        if not gap <= AGREEMENT * largest:
            report.add(
                f"state {name!r}",
                f"numpy and cpp differ by {gap / largest:.2g} of its largest value after "
                f"{expected.protocol.total_steps} steps; one of them computes its equation wrongly",
            )


def without_pathways(circuit: Circuit) -> Circuit:
    """Return a circuit without its pathways, and without parameters and gates that only pathways use."""
    rest = CircuitData(circuit.populations, circuit.matrices, circuit.projections)
    used = used_symbols(rest)
    return circuit.replace(
        pathways=(),
        parameters={n: v for n, v in circuit.parameters.items() if n in used},
        gates={n: v for n, v in circuit.gates.items() if n in used},
    )


def compare_step(circuit: Circuit, report: Report, note: str = "") -> None:
    """Compare one forward-Euler step on numpy with the vector field of a circuit, below threshold.

    Parameters
    ----------
    circuit : Circuit
        The circuit, whose pathways are left out because they have no effect without spikes.
    report : Report
        Report to which the states in which step and field differ are added, or the reason why there is no vector
        field.
    note : str, optional
        The parameters of the circuit, for the message.
    """
    for pathway in circuit.pathways:
        if pathway.acts_in_every_step:
            reason = f"{pathway} has clock-driven or summed equations"
            report.skip(f"{VECTOR_FIELD}{note}", reason)
            return
    silent = without_pathways(circuit)
    try:
        flow = _field(silent)
        gaps = _step_gaps(silent, flow)
    except (DifferentiationError, MemoryLimitError, ParameterError) as error:
        report.skip(f"{VECTOR_FIELD}{note}", str(error))
        return
    except DendrosimError as error:
        report.add(f"vector field{note}", str(error))
        return
    if gaps is None:
        report.skip(
            f"{VECTOR_FIELD}{note}", "a unit spikes, or has another event, in the first step"
        )
        return
    for name, gap in gaps.items():
        report.add(
            f"state {name!r}{note}",
            f"one step on numpy differs from dt f(x) by {gap:.2g} of its largest value",
        )


def _field(circuit: Circuit) -> CircuitFlow:
    plastic = any(matrix.plasticity for matrix in circuit.matrices)
    flow: Any = vector_field(
        circuit,
        inputs={p: v for p, v in random_inputs(circuit).items() if p not in circuit.rates},
        gates=open_gates(circuit),
        unfrozen="*" if plastic else (),
        subthreshold=True,
        time="0 s",
    )
    return flow  # type: ignore[no-any-return]


def _step_gaps(circuit: Circuit, flow: CircuitFlow) -> dict[str, float] | None:
    """Return the states in which a step differs from the vector field, with the relative size of the difference.

    The step is taken from a random state near the start or, if a unit spikes there or the vector field is not
    finite there, from the start itself; if a unit spikes there too, None is returned.

    Raises
    ------
    NonFiniteError
        If the vector field is not finite at the start.
    """
    for x in (_random_state(flow), flow.start):
        rates = flow.f(x)
        if not np.all(np.isfinite(rates)):
            if x is flow.start:
                names = [n for n, r in flow.unpack(rates).items() if not np.all(np.isfinite(r))]
                raise NonFiniteError(
                    f"the derivative of {', '.join(names)} is not finite at the start"
                )
            continue
        before, after = _take_step(circuit, flow, x)
        if after is not None:
            return _gaps(flow, before, after, rates)
    return None


def _random_state(flow: CircuitFlow) -> Array:
    """Return a random state near the start; values in units without typical size change by about a tenth."""
    sizes = np.array([{**TYPICAL_SIZES, "1": 1.0}.get(u, 0.0) for u in flow.units])
    spread = SPREAD * np.where(sizes > 0.0, sizes, abs(flow.start))
    x: Array = flow.start + spread * np.random.default_rng(1).normal(size=flow.size)
    return flow.pack({n: _within_limits(flow, n, a) for n, a in flow.unpack(x).items()})


def _within_limits(flow: CircuitFlow, name: str, values: Array) -> Array:
    """Return weights with those outside of their limits set to the nearest limit; states are not changed."""
    if is_variable(name):
        return values
    return np.clip(values, *flow.circuit.matrix(name).limits)


def _take_step(
    circuit: Circuit, flow: CircuitFlow, x: Array
) -> tuple[dict[str, Array], dict[str, Array] | None]:
    """Return the states before and after one step on numpy; those after it are None if a spike or event acts."""
    acting = tuple(
        f"{p.name}.{e}" for p in circuit.all_populations for e in circuit.acting_events(p)
    )
    recordings = (Recording(acting, "spike"),) if acting else ()
    protocol = drive_circuit(circuit, 1, recordings)
    signals = {**protocol.signals, **dict.fromkeys(circuit.rates, "0 Hz")}
    protocol = protocol.replace(signals=signals, spikes=no_spikes(circuit))
    start = initial_state(protocol, 0)
    states = flow.unpack(x)
    start |= {name: value.reshape(start[name].shape) for name, value in states.items()}
    result = run(protocol, RunSettings("numpy"), initial=start, progress=False)
    if any(len(spikes.time) for spikes in result.spikes.values()):
        return start, None
    return start, result.state


def _gaps(
    flow: CircuitFlow, before: dict[str, Array], after: dict[str, Array], rates: Array
) -> dict[str, float]:
    found = {}
    for name, rate in flow.unpack(rates).items():
        step = TIME_STEP * rate.reshape(before[name].shape)
        expected = _within_limits(flow, name, before[name] + step)
        gap = float(np.max(abs(after[name] - expected)))
        largest, size = float(np.max(abs(step))), float(np.max(abs(before[name])))
        if not gap <= AGREEMENT * largest + ROUNDING * size:
            found[name] = gap / largest
    return found
