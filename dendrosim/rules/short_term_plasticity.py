"""Short-term depression and facilitation of synapses; `ds.rules.short_term` has the texts for pathways.

A spike releases the fraction u, the utilisation, of the resources x of a synapse. Both u and x recover between
spikes. Two variants are in use: utilisation grows after the release or before it.

    extended    released = u x;  x <- x - u x;  u <- u + f (1 - u);  between spikes u -> U with tau_F
    canonical   u <- u + U (1 - u);  released = u x;  x <- x - u x;  between spikes u -> 0 with tau_F

In both variants, x -> 1 between spikes with tau_D, and the first spike after a long pause releases U.

Sources
-------
Tsodyks, Pawelzik & Markram (1998), Neural Computation 10:821 (canonical). Extended variant, `facilitating` and
`depressing`: public simulation code of Payeur et al. (2021), Nature Neuroscience 24:1010. The six classes of
excitatory (e_) and inhibitory (i_) synapses: Markram et al. (1998), PNAS 95:5323, and Gupta et al. (2000),
Science 287:273, as used in models of the neocortical column.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.arrays import Array
from dendrosim.checks import as_time, number, optional
from dendrosim.errors import ParameterError, ShapeError, UnknownMemberError
from dendrosim.spec import Spec

Variant = Literal["extended", "canonical"]

_as_fraction = number("above 0 and at most 1", lambda x: 0 < x <= 1)


@dataclass(frozen=True, eq=False)
class ShortTerm(Spec):
    """Describe short-term plasticity of synapses, for `ds.rules.short_term`.

    At a spike, a synapse releases the fraction u of its resources x. Both recover exponentially between spikes, x
    to 1 and u to its resting value; each spike lowers x and raises u. `released` computes the fractions that the
    spikes of a train release.

    Parameters
    ----------
    variant : {"extended", "canonical"}
        Whether utilisation grows after the release of a spike (extended) or before it (canonical).
    utilisation : float
        U, the fraction that the first spike releases, above 0 and at most 1.
    tau_depression : time
        tau_D, time constant with which resources recover, above 0.
    tau_facilitation : time
        tau_F, time constant with which utilisation returns to its resting value, above 0.
    increment : float, optional
        f, above 0 and at most 1: a spike raises utilisation u by f (1 - u). The variant `extended` requires f;
        `canonical` uses U in its place and does not take f.

    Raises
    ------
    UnknownMemberError
        If there is no such variant.
    ParameterError
        If U or f is not above 0 and at most 1, a time constant is not positive, or f is missing (`extended`) or
        given (`canonical`).
    UnitError
        If a time constant is not a time.

    References
    ----------
    Tsodyks, Pawelzik & Markram (1998), Neural Computation 10:821 (canonical); public simulation code of Payeur et
    al. (2021), Nature Neuroscience 24:1010 (extended).

    Examples
    --------
    >>> import dendrosim as ds
    >>> facilitating = ds.ShortTerm.named("facilitating")
    >>> facilitating.released([0.0, 0.01, 0.02]).round(4)
    array([0.02  , 0.1067, 0.1605])
    >>> pathway = ds.Pathway(
    ...     "feed", "pyramidal", "sst", "g_post += weight*released", connect=ds.InDegree(20), weight=0.1,
    ...     rule=ds.rules.short_term(facilitating),
    ... )
    """

    variant: Variant
    utilisation: Annotated[float, _as_fraction]
    tau_depression: Annotated[Any, as_time]
    tau_facilitation: Annotated[Any, as_time]
    increment: Annotated[float | None, optional(_as_fraction)] = None

    def __post_init__(self) -> None:
        if self.variant == "extended" and self.increment is None:
            raise ParameterError("ShortTerm: variant 'extended' needs an increment, its f")
        if self.variant == "canonical" and self.increment is not None:
            raise ParameterError(
                "ShortTerm: increment has no effect with variant 'canonical', which uses utilisation; "
                "leave it out"
            )

    @classmethod
    def named(cls, name: str, **changes: Any) -> "ShortTerm":
        """Return a synapse from the literature by its name.

        Parameters
        ----------
        name : str
            `facilitating`, `depressing`, `e_facilitating`, `e_depressing`, `e_pseudo_linear`, `i_facilitating`,
            `i_depressing` or `i_pseudo_linear`. Upper case, spaces and hyphens are read as well: `E facilitating`.
        **changes
            New values of fields, by the names of the fields.

        Raises
        ------
        UnknownMemberError
            If there is no such synapse.
        """
        key = re.sub(r"[\s_-]+", "_", name.strip().lower())
        if key not in NAMED:
            raise UnknownMemberError("synapse", name, NAMED)
        return NAMED[key].replace(**changes)

    def released(self, times: ArrayLike) -> Array:
        """Return the fraction of all resources that each spike of a train releases, computed exactly.

        Parameters
        ----------
        times : array of shape (n,)
            Times of the spikes in seconds, ascending. Before the first spike, the synapse is at rest.

        Returns
        -------
        array of shape (n,)
            The fraction of all resources that each spike releases.

        Raises
        ------
        ShapeError, ParameterError
            If the times are not a list of ascending, finite numbers.
        """
        times = np.asarray(times, dtype=float)
        if times.ndim != 1:
            raise ShapeError(f"released: times have shape {times.shape}; they must be a list")
        gaps = np.diff(times, prepend=times[:1])
        if not (np.all(np.isfinite(times)) and np.all(gaps >= 0)):
            raise ParameterError("released: times must be finite and ascending")
        extended = self.variant == "extended"
        step = self.increment if self.increment is not None else self.utilisation
        rest = self.utilisation if extended else 0.0
        u, x, efficacies = rest, 1.0, np.empty(len(times))
        keep_u = np.exp(-gaps / self.tau_facilitation.value)
        keep_x = np.exp(-gaps / self.tau_depression.value)
        for k in range(len(times)):
            u, x = rest + (u - rest) * keep_u[k], 1.0 + (x - 1.0) * keep_x[k]
            grown = u + step * (1.0 - u)
            efficacies[k] = (u if extended else grown) * x
            u, x = grown, x - efficacies[k]
        return efficacies


NAMED: Mapping[str, ShortTerm] = {
    "facilitating": ShortTerm("extended", 0.02, "100 ms", "100 ms", 0.1),
    "depressing": ShortTerm("extended", 0.9, "20 ms", "1 s", 0.1),
    "e_facilitating": ShortTerm("canonical", 0.09, "138 ms", "670 ms"),
    "e_depressing": ShortTerm("canonical", 0.5, "671 ms", "17 ms"),
    "e_pseudo_linear": ShortTerm("canonical", 0.29, "329 ms", "326 ms"),
    "i_facilitating": ShortTerm("canonical", 0.016, "45 ms", "376 ms"),
    "i_depressing": ShortTerm("canonical", 0.25, "706 ms", "21 ms"),
    "i_pseudo_linear": ShortTerm("canonical", 0.32, "144 ms", "62 ms"),
}
"""Synapses by name, with their U, tau_D, tau_F and f."""
