"""A connection rule that connects the pairs of units for which a condition holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from dendrosim.checks import as_code, mapping_of
from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.circuit.pair_text import check_pair_text, pair_values
from dendrosim.circuit.validation import as_gate, as_symbol

_BLOCK = 2**20
"""Number of pairs for which the condition is evaluated at a time; random numbers depend on it."""
_SAMPLE = 100_000  # pairs from which the number of connections is estimated


@dataclass(frozen=True, eq=False)
class Condition(Connections):
    """Connect all pairs of units for which a condition holds.

    The condition is evaluated for every pair, about 10 million pairs per second.

    Parameters
    ----------
    condition : str
        The condition, such as `i != j and abs(i - j) < 5`, in the syntax of equations. It may use the index `i` of
        the presynaptic unit, the index `j` of the postsynaptic unit, the numbers of units `N_pre` and `N_post`,
        `parameters`, and a random number from 0 to 1 for each pair, `rand()`, or a standard normal one, `randn()`.
    parameters : mapping of str to float, optional
        Values of further symbols in the condition, each one number without unit.

    Raises
    ------
    EquationError
        If the condition cannot be read, is not a condition, or does not use a parameter.

    Examples
    --------
    Local connections on a ring, fewer with distance:

    >>> import dendrosim as ds
    >>> near = ds.Condition(
    ...     "i != j and rand() < exp(-abs((i - j + N_pre/2) % N_pre - N_pre/2)/width)", {"width": 20}
    ... )
    >>> pathway = ds.Pathway("ring", "cell", "cell", "g_post += 1", connect=near)
    """

    condition: Annotated[str, as_code]
    parameters: Annotated[Mapping[str, float], mapping_of(as_gate, as_symbol)] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        check_pair_text("Condition", self.condition, self.parameters, condition=True)

    def expected(self, post: int, pre: int) -> float:
        rng = np.random.default_rng(0)
        if post * pre <= _SAMPLE:
            return float(
                self._holds(np.arange(pre)[:, None], np.arange(post), (pre, post), rng).sum()
            )
        from_, to = rng.integers(pre, size=_SAMPLE), rng.integers(post, size=_SAMPLE)
        return float(self._holds(from_, to, (pre, post), rng).mean() * post * pre)

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        rows = max(1, _BLOCK // post)
        found = []
        for first in range(0, pre, rows):
            from_ = np.arange(first, min(pre, first + rows))
            holds = self._holds(from_[:, None], np.arange(post), (pre, post), rng)
            at, to = np.nonzero(holds)
            found.append((to, from_[at]))
        to, from_ = (np.concatenate(parts).astype(np.int64) for parts in zip(*found, strict=True))
        return to, from_

    def _holds(self, from_: Any, to: Any, sizes: tuple[int, int], rng: np.random.Generator) -> Any:
        return pair_values(self.condition, self.parameters, from_, to, sizes, rng)
