"""Phases in which dendrites average their activity, without a teacher and then with one, before weights learn.

A trial has the phases

    settle    activity goes up; averages of the trial before are cleared (gate `clear`)
    free      all averages without a teacher are taken (`average`)
    nudge     activity settles under the teacher (`teach`)
    taught    averages with the teacher are taken (`average_taught`)
    learn     one time step, in which weights learn from the averages (`learn`)
    rest      one time step, in which nothing changes

An average m of x follows tau dm/dt = average x - clear m. The gate `average` is tau over the duration of the
phase, so that m is the mean of x over its time steps; `clear` is tau/dt, so that m is 0 after a single step.
"""

from dataclasses import dataclass

from dendrosim.display.short import ShortRepr
from dendrosim.protocol.phases import Phase


@dataclass(frozen=True)
class PlateauTiming(ShortRepr):
    """Lengths of the phases in time steps.

    Attributes
    ----------
    settle, free, nudge, taught : int
        Time steps of the phases, at least 1.
    """

    settle: int
    free: int
    nudge: int
    taught: int


def plateau_phases(timing: PlateauTiming, *, dt: float, tau: float) -> tuple[Phase, ...]:
    """Return the phases of a trial.

    Parameters
    ----------
    timing : PlateauTiming
        Lengths of the phases.
    dt : float
        Time step in seconds.
    tau : float
        Time constant in the equations of the averages, in seconds. The step of learning changes a weight by tau
        times its rate of change.
    """
    found = plateau_recall(timing.settle, timing.free, dt=dt, tau=tau)
    taught = {"teach": 1.0, "average_taught": tau / (timing.taught * dt)}
    return (
        *found,
        Phase("nudge", f"{timing.nudge * dt!r} s", gates={"teach": 1.0}),
        Phase("taught", f"{timing.taught * dt!r} s", gates=taught),
        Phase("learn", f"{dt!r} s", gates={"learn": tau / dt}),
        Phase("rest", f"{dt!r} s"),
    )


def plateau_recall(settle: int, free: int, *, dt: float, tau: float) -> tuple[Phase, Phase]:
    """Return the first two phases, after which averages without a teacher can be read.

    Parameters
    ----------
    settle, free : int
        Their lengths in time steps.
    dt, tau : float
        See `plateau_phases`.
    """
    return (
        Phase("settle", f"{settle * dt!r} s", gates={"clear": tau / dt}),
        Phase("free", f"{free * dt!r} s", gates={"average": tau / (free * dt)}),
    )
