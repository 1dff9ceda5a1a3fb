"""The result of a stability analysis, as plain values for programs and as rows of a table for people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dendrosim.stability.fixed_points.point import FixedPoint
from dendrosim.stability.fixed_points.rows import Rows
from dendrosim.stability.spectrum.transient_growth import numerical_abscissa, transient_growth

if TYPE_CHECKING:
    from dendrosim.stability.continuation.branch import Branch
    from dendrosim.stability.cycles.cycle_branch import CycleBranch


def point_plain(point: FixedPoint) -> dict[str, Any]:
    """Return a fixed point and its spectrum as numbers in SI units; eigenvalues are [re, im] in 1/s.

    Without a spectrum, the verdict is None, and there are no numbers of the spectrum.
    """
    found: dict[str, Any] = {
        "states": list(point.flow.labels),
        "state": point.x,
        "converged": point.converged,
        "residual": point.residual,
        "message": point.message,
    }
    if point.no_spectrum:
        return {**found, "verdict": None, "others": [{"state": o.x} for o in point.others]}
    spectrum = point.spectrum
    return {
        **found,
        "verdict": point.verdict,
        "eigenvalues": np.stack([spectrum.eigenvalues.real, spectrum.eigenvalues.imag], axis=-1),
        "time_constants": spectrum.time_constants,
        "max_euler_step": spectrum.max_euler_step,
        "symmetry_zero_modes": spectrum.symmetry_zeros,
        "others": [
            {"state": other.x, "verdict": other.verdict, "abscissa": other.spectrum.abscissa}
            for other in point.others
        ],
    }


def transient_plain(point: FixedPoint) -> dict[str, Any]:
    """Return the transient growth of perturbations, relative to typical sizes of the states if units differ."""
    scale = point.mixed_scale
    growth = transient_growth(point.spectrum.jacobian, point.flow.symmetries(point.x), scale=scale)
    return {
        "numerical_abscissa": numerical_abscissa(point.spectrum.jacobian, scale),
        "transient_growth": {"peak": growth.peak, "time": growth.time},
    }


def branch_plain(branch: "Branch") -> dict[str, Any]:
    """Return a branch and its bifurcations as plain values.

    The first Lyapunov coefficient and the criticality are None if they are not known, and for all but Hopf points.
    """
    return {
        "branch": {
            "parameter": branch.parameter,
            "values": branch.values,
            "stable": branch.stable,
            "unstable": branch.unstable,
            "states": branch.states,
            "message": branch.message,
        },
        "bifurcations": [
            {
                "kind": b.kind,
                "parameter": b.parameter,
                "value": b.value,
                "interval": list(b.interval),
                "frequency": b.frequency,
                "count": b.count,
                "lyapunov_coefficient": b.lyapunov_coefficient if b.criticality else None,
                "criticality": b.criticality or None,
            }
            for b in branch.bifurcations
        ],
    }


def follow_cycles(branch: "Branch", ends: tuple[str, float, float]) -> "list[CycleBranch]":
    """Return the branches of oscillations from the Hopf points of a branch.

    A branch that ends at another of the Hopf points is followed from one of them only.
    """
    from dendrosim.stability.cycles.cycles import cycles

    found: list[CycleBranch] = []
    reached: list[float] = []
    for hopf in (b for b in branch.bifurcations if b.kind == "hopf"):
        width = abs(ends[2] - ends[1])
        if any(abs(hopf.value - value) <= 1e-2 * width for value in reached):
            continue
        one = cycles(hopf, *ends)
        if "shrinks to a fixed point" in one.message:
            reached.append(float(one.values[-1]))
        found.append(one)
    return found


def cycles_plain(oscillations: "Sequence[CycleBranch]") -> dict[str, Any]:
    """Return branches of oscillations as plain values in SI units; multipliers are [re, im]."""
    return {
        "cycles": [
            [
                {
                    "parameter": value,
                    "period": period,
                    "amplitude": dict(zip(one.labels, amplitude.tolist(), strict=True)),
                    "multipliers": np.stack([found.real, found.imag], axis=-1),
                    "stable": bool(stable),
                }
                for value, period, amplitude, found, stable in zip(
                    one.values,
                    one.periods,
                    one.amplitude,
                    one.multipliers,
                    one.stable,
                    strict=True,
                )
            ]
            for one in oscillations
        ],
        "cycle_messages": [one.message for one in oscillations],
    }


def transient_rows(plain: Mapping[str, Any]) -> Rows:
    """Return rows with the values of `transient_plain`."""
    growth = plain["transient_growth"]
    return [
        ("numerical abscissa", f"{plain['numerical_abscissa']:.6g} 1/s"),
        ("transient growth", f"{growth['peak']:.6g} after {1e3 * growth['time']:.6g} ms"),
    ]
