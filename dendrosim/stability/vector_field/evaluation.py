"""A circuit's equations at one point: the value of every variable, and the rate of every state.

Activities are units x samples; the rate of a weight is the mean over the samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray, Array, NamedArrays
from dendrosim.circuit.matrix import Projection
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.stability.vector_field.compiled_equations import POST, CompiledEquations, Formula


@dataclass(frozen=True)
class Numbers:
    """What equations are evaluated with.

    Attributes
    ----------
    shared : mapping
        Key of a parameter, gate or time to a number, or to one per unit.
    drives : mapping
        Inputs and declared parameters, `population.variable` to an array (units, samples).
    weights : mapping
        Every matrix that is not part of the state, (post, pre); without inverses of those that are.
    """

    shared: Mapping[str, Any]
    drives: Mapping[str, Array]
    weights: Mapping[str, Array]


@dataclass(frozen=True)
class Evaluation:
    """Equations with numbers at `states`, arrays by name.

    `shapes` are those of the states: (units, samples), or (post, pre) of a matrix.
    """

    equations: CompiledEquations
    numbers: Numbers
    samples: int
    shapes: Mapping[str, tuple[int, int]]
    states: NamedArrays

    @cached_property
    def weights(self) -> NamedArrays:
        """The weights of every matrix."""
        found = {
            **self.numbers.weights,
            **{n: a for n, a in self.states.items() if not is_variable(n)},
        }
        for matrix in self.equations.circuit.matrices:
            if matrix.inverse_of is not None and matrix.name not in found:
                found[matrix.name] = _inverse(found[matrix.inverse_of])
        return found

    @cached_property
    def variables(self) -> NamedArrays:
        """Every variable on which the rates depend, (units, samples)."""
        return self._evaluate(self.equations.order)

    @cached_property
    def all_variables(self) -> NamedArrays:
        """Every variable of every population, (units, samples)."""
        return self._evaluate(self.equations.full_order)

    def _evaluate(self, order: tuple[str, ...]) -> NamedArrays:
        nodes: NamedArrays = {n: a for n, a in self.states.items() if is_variable(n)}
        nodes.update(self.numbers.drives)
        for path in order:
            formula = self.equations.formulas.get(path)
            if formula is None:
                parts = [
                    self.projection_weights(p) @ nodes[p.source] for p in self.equations.feeds[path]
                ]
                nodes[path] = sum(parts[1:], parts[0])
            else:
                value = formula.expression.value(self.values(formula, nodes))
                nodes[path] = np.broadcast_to(value, self.shape(path))
        return nodes

    def shape(self, path: str) -> tuple[int, int]:
        """Return (units, samples) of a variable."""
        population = VariablePath.parse(path).population
        return self.equations.circuit.population(population).size, self.samples

    def projection_weights(self, projection: Projection) -> AnyArray:
        """Return the matrix of a projection as it is used, transposed or not."""
        matrix = self.weights[projection.matrix]
        return matrix.T if projection.transpose else matrix

    def values(self, formula: Formula, nodes: NamedArrays | None = None) -> dict[str, Any]:
        """Return what the symbols of a population's formula stand for."""
        known = self.variables if nodes is None else nodes
        values: dict[str, Any] = {s: known[path] for s, path in formula.variables.items()}
        for symbol, key in formula.numbers.items():
            number = self.numbers.shared[key]
            values[symbol] = number if np.ndim(number) == 0 else np.asarray(number)[:, None]
        return {**values, **formula.constants}

    def plasticity_values(self, name: str) -> dict[str, Any]:
        """Return what the symbols of a plasticity rule stand for, on post x pre x samples."""
        formula = self.equations.rates[name]
        values: dict[str, Any] = {s: self.numbers.shared[k] for s, k in formula.numbers.items()}
        for symbol, path in formula.variables.items():
            if path == name:
                values[symbol] = self.weights[name][:, :, None]
            else:
                values[symbol] = np.expand_dims(
                    self.variables[path], 1 if symbol.endswith(POST) else 0
                )
        return {**values, **formula.constants}

    def rate(self, name: str) -> AnyArray:
        """Return the rate of a state, of its shape."""
        formula = self.equations.rates[name]
        if is_variable(name):
            value = formula.expression.value(self.values(formula))
        else:
            value = np.atleast_1d(formula.expression.value(self.plasticity_values(name))).mean(-1)
        return np.broadcast_to(value, self.shapes[name])


def _inverse(weights: AnyArray) -> AnyArray:
    """Return the inverse; not finite where there is none, as in a run, so that a search turns back there."""
    try:
        return np.linalg.inv(weights)
    except np.linalg.LinAlgError:
        return np.full_like(weights, np.nan)
