"""The final state of a run, compared with the nearest fixed point of its equations."""

from dataclasses import dataclass

import numpy as np

from dendrosim.display.short import ShortRepr
from dendrosim.results.result import Result
from dendrosim.stability.fixed_points.nearby import find_nearby
from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.vector_field.vector_field import vector_field


@dataclass(frozen=True)
class EndState(ShortRepr):
    """Comparison of the final state of a run with the nearest fixed point of its last phase.

    Attributes
    ----------
    point : FixedPoint
        The fixed point to which Newton's method converges from the final state, with weights held constant.
    distance : float
        Largest difference between a state and the point, relative to the typical size of that state.
    settled : bool
        Whether the distance is at most the tolerance.
    message : str
        The result in a sentence.
    """

    point: FixedPoint
    distance: float
    settled: bool
    message: str


def end_state(result: Result, *, tolerance: float = 1e-3, subthreshold: bool = False) -> EndState:
    """Compare the final state of a run with the nearest fixed point of its last phase.

    Parameters
    ----------
    result : Result
        Result of a run; the end of the last trial of its last phase is compared.
    tolerance : float, default 1e-3
        The run counts as settled if `distance` is at most this number.
    subthreshold : bool, default False
        Whether thresholds, resets, pathways and noise are left out; see `ds.vector_field`.

    Returns
    -------
    EndState
        The fixed point, the largest relative distance from it, and whether that is within the tolerance.

    Raises
    ------
    NotConvergedError
        If there is no fixed point near the final state.
    DifferentiationError, ParameterError
        If the last phase has spikes or noise, or changes in time.

    Examples
    --------
    >>> result = ds.run(protocol)
    >>> print(ds.end_state(result).message)
    """
    protocol = result.protocol
    *earlier, block = protocol.blocks
    if before := result.begin.trials_before(block):
        # The samples of a continued run follow those of the trials before.
        block = block.replace(trials=before + protocol.trials(block))
        protocol = protocol.replace(blocks=(*earlier, block))
    phase = block.phases[-1]
    end = f"{float(phase.duration.value)!r} s"
    flow = vector_field(
        protocol,
        values={name: result.final[name] for name in result.final},
        seed=int(result.provenance.get("seed", 0)),
        phase=f"{block.name}/{phase.name}",
        trial=-1,
        time=end,
        subthreshold=subthreshold,
    )
    point = find_nearby(flow, flow.start)
    distance = float(np.max(abs(flow.start - point.x) / point.scale, initial=0.0))
    settled = distance <= tolerance
    where = flow.labels[int(np.argmax(abs(flow.start - point.x) / point.scale))]
    said = "at" if settled else "not at"
    return EndState(
        point,
        distance,
        settled,
        f"the run ended {said} the nearest fixed point ({point.verdict}): largest relative distance "
        f"{distance:.2g} in {where}, tolerance {tolerance:g}",
    )
