"""The search for fixed points: Newton's method first, and what is tried if it does not find an attractor."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from dendrosim.arrays import Array
from dendrosim.display.short import count
from dendrosim.errors import DendrosimError, NotConvergedError
from dendrosim.stability.fixed_points.attempts import add_distinct, describe_failure, make_point
from dendrosim.stability.fixed_points.newton import Attempt, ConvergenceRules, newton
from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.fixed_points.scaling import ScaledFlow
from dendrosim.stability.search.homotopy import follow_homotopy
from dendrosim.stability.search.pseudo_transient import pseudo_transient
from dendrosim.stability.search.relaxation import Relaxation, relax

METHODS = ("auto", "newton")
"""Names of the methods of search, as `fixed_point` takes them."""

NUDGE = 1e-6
"""Standard deviation, in units of the scale, by which the start of a trajectory is moved: at a saddle the flow
would stay for ever."""

PATIENCE, IMPATIENCE = 5000, 1500
"""Number of evaluations for which the flow is followed from the start if an unstable point is known, and if none
is: then a few periods of an oscillation are enough, since its mean is close to a fixed point. Of a flow that costs
more, they are fewer."""

RANDOM_STARTS = 20
"""Number of random starts that are tried if nothing else leads to a fixed point."""

MOST_STATES = 1000
"""Number of states above which the verdict on a point is not computed to decide whether to search for an
attractor: a dense spectrum then takes several seconds."""

MOST_FOLLOWED = 300
"""Number of states above which no homotopy is followed: each of its points costs a dense spectrum."""


def search(
    scaled: ScaledFlow,
    rows: list[Array],
    rules: ConvergenceRules,
    random: np.random.Generator,
    method: str,
) -> tuple[list[FixedPoint], list[str]]:
    """Return distinct fixed points, and a sentence for each start that failed.

    Parameters
    ----------
    scaled : ScaledFlow
    rows : list of array, shape (n,)
        Starts, in units of the scale.
    rules : ConvergenceRules
    random : Generator
        Of further starts.
    method : str
        One of `METHODS`.

    Raises
    ------
    NotConvergedError
        If no point is found.
    """
    with np.errstate(all="ignore"):  # values that are not finite end an attempt with a message
        attempts = [newton(scaled, row, rules) for row in rows]
        points = add_distinct(scaled, (a for a in attempts if a.converged), [])
        failures = [
            describe_failure(scaled.flow, f"start {i}", a)
            for i, a in enumerate(attempts)
            if not a.converged
        ]
        if method == "newton" or _may_attract(points):
            relaxed, further = None, list[Attempt]()
        else:
            patience = PATIENCE if points else IMPATIENCE
            nudged = rows[0] + NUDGE * random.standard_normal(scaled.size)
            relaxed = relax(scaled, nudged, patience // scaled.cost)
            further = _search_on(scaled, rows[0], rules, random, relaxed, bool(points))
            points = add_distinct(scaled, (a for a in further if a.converged), points)
    if points:
        return points, failures
    every = [a for a in [*attempts, *further] if np.isfinite(a.relative)] or attempts
    best = make_point(scaled, min(every, key=lambda a: a.relative))
    best = replace(best, failures=tuple(failures))
    tried = [failures[0]]
    if relaxed is not None:
        tried += [relaxed.message, f"{count(len(further), 'further start')} failed"]
    raise NotConvergedError(
        f"no fixed point found from {count(len(rows), 'start')}: {'; '.join(tried)}; this does not show that "
        "there is none: give another start, or more starts",
        point=best,
        where=best.stuck,
    )


def _may_attract(points: list[FixedPoint]) -> bool:
    """Return whether a point is not unstable; large points, whose spectrum takes long, count as not unstable."""
    return any(
        p.flow.size > MOST_STATES or p.undelayed_spectrum.verdict != "unstable" for p in points
    )


def _search_on(
    scaled: ScaledFlow,
    start: Array,
    rules: ConvergenceRules,
    random: np.random.Generator,
    relaxed: Relaxation,
    known: bool,
) -> list[Attempt]:
    """Return further attempts, the last of which has converged unless all failed.

    If a point is `known`, only the end of a trajectory that settles is of interest, because it is an attractor.
    """
    attempts = []
    if not known:
        states = _further_starts(scaled, start, random, relaxed)
    else:
        states = iter(relaxed.candidates if relaxed.settled else [])
    for state in states:
        attempts.append(newton(scaled, state, rules))
        if attempts[-1].converged:
            break
    return attempts


def _further_starts(
    scaled: ScaledFlow, start: Array, random: np.random.Generator, relaxed: Relaxation
) -> Iterator[Array]:
    """Yield states from which Newton's method may converge, those that cost least first."""
    yield from relaxed.candidates
    with suppress(DendrosimError):  # slaved states may have no fixed point on the way
        yield pseudo_transient(scaled, start)
    for _ in range(RANDOM_STARTS):
        yield start + random.standard_normal(len(start))
    if scaled.size <= MOST_FOLLOWED and (found := follow_homotopy(scaled, start)) is not None:
        yield found
