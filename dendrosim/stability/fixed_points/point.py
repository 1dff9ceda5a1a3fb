"""A fixed point of a flow: the state, its spectrum, and how it was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dendrosim.arrays import Array, Complex
from dendrosim.display.html import Table, as_html
from dendrosim.display.short import count
from dendrosim.errors import DifferentiationError, printable
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.fixed_points.linear_solver import factorise
from dendrosim.stability.fixed_points.rows import MODES, mode_rows, state_rows
from dendrosim.stability.fixed_points.scaling import rescale_jacobian
from dendrosim.stability.spectrum.spectrum import Spectrum, Verdict, spectrum
from dendrosim.stability.vector_field.flow import Flow

SAME_POINT = 1e-6
"""Relative distance, and relative difference of eigenvalues, up to which two points count as the same.

Points are converged to 1e-10 by default; the margin is for ill-conditioned Jacobians and loose tolerances.
"""

_QUICK = 300
"""Largest number of states for which `repr` may compute a spectrum, which takes a tenth of a second."""


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A point where dx/dt is zero, or the best point that a search reached.

    Attributes
    ----------
    flow : Flow
        The flow that was analysed.
    x : array, shape (n,)
        The state, in SI units, in the order of `flow.labels`.
    scale : array, shape (n,)
        Typical size of each state, in SI units.
    converged : bool
        Whether dx/dt is zero to the tolerance of the search.
    residual : float
        Largest |dx/dt|, in SI units per second.
    relative_residual : float
        Largest |dx_i/dt| relative to sum_j |J_ij| (|x_j| + scale_j), the size of the terms that cancel in it. Each
        sum counts as at least a millionth of the largest sum (in units of the scale).
    iterations : int
        Number of Newton steps from the start that led here.
    stuck : str
        Label of the state with the largest relative residual.
    failures : tuple of str
        One sentence for each start that led to no new fixed point.
    others : tuple of FixedPoint
        Further fixed points, by ascending spectral abscissa.
    """

    flow: Flow
    x: Array
    scale: Array
    converged: bool
    residual: float
    relative_residual: float
    iterations: int
    stuck: str
    failures: tuple[str, ...] = ()
    others: tuple["FixedPoint", ...] = ()

    @cached_property
    def state(self) -> Mapping[str, Any]:
        """The states by name, in SI units, as `flow.unpack` returns them."""
        return dict(self.flow.unpack(self.x))

    @cached_property
    def spectrum(self) -> Spectrum:
        """The spectrum of the Jacobian at the point, computed at first use.

        Raises DifferentiationError if the circuit has projections with a delay.
        """
        self.flow.check_spectrum()
        return self.undelayed_spectrum

    @property
    def no_spectrum(self) -> str:
        """Why the spectrum is refused, as a sentence; empty if it is not."""
        try:
            self.flow.check_spectrum()
        except DifferentiationError as error:
            return str(error)
        return ""

    @cached_property
    def undelayed_spectrum(self) -> Spectrum:
        """The spectrum that the point would have without delays."""
        return spectrum(self.flow.jacobian(self.x), self.flow.symmetries(self.x))

    def among(self, failures: Sequence[str], others: Sequence["FixedPoint"]) -> "FixedPoint":
        """Return this point as the first of a search, with its failures and the other points."""
        first = replace(self, failures=tuple(failures), others=tuple(others))
        for name in ("undelayed_spectrum", "spectrum"):  # may have taken seconds
            if name in vars(self):
                vars(first)[name] = vars(self)[name]
        return first

    @property
    def eigenvalues(self) -> Complex:
        """Eigenvalues in 1/s, shape (m,), by descending real part; see `Spectrum`."""
        return self.spectrum.eigenvalues

    @property
    def verdict(self) -> Verdict:
        """`stable`, `unstable` or `marginal`; zero modes of symmetries do not count."""
        return self.spectrum.verdict

    @property
    def stable(self) -> bool:
        """Whether the point is converged and attracts nearby states, up to movement along symmetries."""
        return self.converged and self.verdict == "stable"

    @property
    def time_constants(self) -> Array:
        """-1/Re of each eigenvalue in s, shape (m,); see `Spectrum`."""
        return self.spectrum.time_constants

    @property
    def mixed_scale(self) -> Array | None:
        """The unit of each state in a norm over all states: `scale` if their SI units differ, else None."""
        return None if len(set(self.flow.units)) < 2 else self.scale

    @cached_property
    def condition(self) -> float:
        """Condition number of the Jacobian in units of `scale`, in the 1-norm, estimated from its LU factors.

        Values of 1e16 and more are normal if fixed points form a family.
        """
        return factorise(rescale_jacobian(self.flow.jacobian(self.x), self.scale)).condition

    @cached_property
    def kinks(self) -> list[str]:
        """Labels of variables exactly at a corner of their equation, where eigenvalues are those of one side."""
        return list(self.flow.kinks(self.x))

    @cached_property
    def message(self) -> str:
        """The outcome of the search in one sentence."""
        if not self.converged:
            return (
                f"no fixed point found: the residual is {self.residual:.3g} per second"
                f" after {self.iterations} iterations, stuck at {self.stuck}"
            )
        after = f"after {count(self.iterations, 'iteration')}"
        parts = [f"fixed point with residual {self.residual:.2g} {after}"]
        if self.no_spectrum:
            parts.append(f"its stability is not known: {self.no_spectrum}")
        else:
            parts[0] = f"{self.verdict} {parts[0]}"
            found = self.spectrum
            if found.symmetry_zeros:
                parts.append(f"{count(found.symmetry_zeros, 'zero mode')} of symmetries ignored")
            if found.further_zeros:
                parts.append(count(found.further_zeros, "further zero eigenvalue"))
                held = _held(self.flow.jacobian(self.x), self.flow.labels)
                if held:
                    parts.append(
                        f"nothing changes {', '.join(held)} here (a closed gate, or a rate of 0)"
                    )
        if self.kinks:
            parts.append("on a corner of " + ", ".join(self.kinks))
        if self.others:
            parts.append(count(len(self.others), "further point") + " found")
        if self.failures:
            parts.append(count(len(self.failures), "start") + " failed")
        return "; ".join(parts)

    def __repr__(self) -> str:
        known = "message" in vars(self) or self.flow.size <= _QUICK
        outcome = self.message if known else f"residual {self.residual:.2g} per second"
        return printable(f"<FixedPoint of {count(self.flow.size, 'state')}: {outcome}>")

    def _repr_html_(self) -> str:
        modes = [] if self.no_spectrum else mode_rows(self.spectrum)
        states = Table("states", ("state", "value"), state_rows(self.flow, self.x))
        return as_html("FixedPoint", self.message, (states, Table("rightmost modes", MODES, modes)))


def _held(jacobian: Any, labels: Sequence[str]) -> list[str]:
    """Return the names of variables and matrices whose rate of change does not depend on any state."""
    free = np.asarray(abs(jacobian).sum(axis=1)).ravel() != 0
    names = [label.partition("[")[0] for label in labels]
    changing = {name for name, depends in zip(names, free, strict=True) if depends}
    return [name for name in dict.fromkeys(names) if name not in changing]


def same_point(one: FixedPoint, two: FixedPoint) -> bool:
    """Return whether two fixed points are the same, or are on one orbit of a continuous symmetry.

    Points on one orbit have the same eigenvalues and, if the symmetry preserves lengths, the same norm.
    """
    apart = np.abs(one.x - two.x) / (np.abs(one.x) + one.scale)
    if np.max(apart, initial=0.0) <= SAME_POINT:
        return True
    bases = [point.flow.symmetries(point.x) for point in (one, two)]
    if not bases[0].shape[1] or bases[0].shape != bases[1].shape:
        return False
    lengths = [float(np.linalg.norm(point.x)) for point in (one, two)]
    across = [float(np.linalg.norm(b.T @ p.x)) for b, p in zip(bases, (one, two), strict=True)]
    keeps = max(across) <= SAME_POINT * max(lengths)
    if keeps and abs(lengths[0] - lengths[1]) > SAME_POINT * max(lengths):
        return False
    first, second = (point.undelayed_spectrum.eigenvalues for point in (one, two))
    size = float(np.max(np.abs(first), initial=0.0))
    return bool(np.allclose(first, second, rtol=0.0, atol=SAME_POINT * size))
