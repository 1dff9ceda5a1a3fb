"""Values of synapses by an expression in the indices of the units that they connect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from dendrosim.arrays import Array, Integers
from dendrosim.checks import as_code, as_unit, mapping_of
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.pair_text import check_pair_text, pair_values
from dendrosim.circuit.validation import as_gate, as_symbol
from dendrosim.errors import ShapeError
from dendrosim.units import Dimension, unit


@dataclass(frozen=True, eq=False)
class Expression(Initial):
    """Compute weights, delays or other values of synapses from the units that they connect.

    Parameters
    ----------
    text : str
        A number, such as `1 + 0.1*abs(i - j)`, in the syntax of equations. It may use the index `i` of the
        presynaptic unit, the index `j` of the postsynaptic unit, the numbers of units `N_pre` and `N_post`,
        `parameters`, and a random number from 0 to 1 for each synapse, `rand()`, or a standard normal one,
        `randn()`.
    unit : str, optional
        Unit of the number, such as `ms` (default no unit).
    parameters : mapping of str to float, optional
        Values of further symbols in the text, each one number without unit.

    Raises
    ------
    EquationError
        If the text cannot be read, is a condition, or does not use a parameter.
    UnitError
        If the unit cannot be read.
    ParameterError
        If a value is not finite; a run raises this error before its first step, with the units of the synapse.

    Examples
    --------
    Delays that grow with distance, for cells on a grid with ten columns:

    >>> import dendrosim as ds
    >>> distance = "sqrt((i % 10 - j % 10)**2 + (i//10 - j//10)**2)"
    >>> pathway = ds.Pathway(
    ...     "local", "cell", "cell", "g_post += 1", connect=ds.Condition(f"{distance} < 3"),
    ...     delay=ds.Expression(f"1 + {distance}/speed", "ms", {"speed": 2}),
    ... )
    """

    text: Annotated[str, as_code]
    unit: Annotated[str, as_unit] = "1"
    parameters: Annotated[Mapping[str, float], mapping_of(as_gate, as_symbol)] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        check_pair_text("Expression", self.text, self.parameters, condition=False)

    def __str__(self) -> str:
        return f"Expression {self.text!r}"

    @property
    def dimension(self) -> Dimension:
        return unit(self.unit)[0]

    def check(self, where: str, shape: tuple[int, ...]) -> None:
        raise ShapeError(
            f"{where}: Expression is for the synapses of a pathway; use numbers, Normal or Uniform"
        )

    def check_synapses(self, where: str, count: int) -> None:
        """Accept any number of synapses."""

    def sample(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        raise ShapeError("Expression needs to know which units each synapse connects")

    def sample_synapses(
        self, pre: Integers, post: Integers, sizes: tuple[int, int], rng: np.random.Generator
    ) -> Array:
        values: Any = pair_values(self.text, self.parameters, pre, post, sizes, rng)
        return np.array(values, dtype=float) * unit(self.unit)[1]
