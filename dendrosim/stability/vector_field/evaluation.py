"""The equations of a circuit at one state: the value of every variable, and the rate of every state.

Arrays of variables have shape (units, samples). The rate of a weight is its mean over the samples, as in a run
over a batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dendrosim.arrays import AnyArray, Array, NamedArrays
from dendrosim.circuit.matrix import Projection
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.machine.cached_property import cached_property
from dendrosim.stability.vector_field.compiled_equations import POST, CompiledEquations, Formula


@dataclass(frozen=True)
class Numbers:
    """The numbers with which equations are evaluated, in SI units.

    Attributes
    ----------
    shared : mapping of str to float or array, shape (units,)
        Parameters, gates and time by name. A parameter of one population or matrix has the name `owner.name`.
    drives : mapping of str to array, shape (units, samples)
        Inputs, and parameters that equations declare, by `population.variable`.
    weights : mapping of str to array, shape (post, pre)
        All matrices, except those that are part of the state and the inverses of these. Sparse matrices are SciPy
        sparse arrays.
    connections : mapping of str to MatrixConnections
        Connections of the sparse matrices.
    """

    shared: Mapping[str, Any]
    drives: Mapping[str, Array]
    weights: Mapping[str, Any]
    connections: Mapping[str, MatrixConnections] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Compiled equations evaluated with `numbers` at `states`.

    Attributes
    ----------
    equations : CompiledEquations
    numbers : Numbers
    samples : int
        Number of samples side by side.
    shapes : mapping of str to (int, int)
        Shape of each state: (units, samples), or (post, pre) for a matrix, (connections, 1) if it is sparse.
    states : mapping of str to array
        The states by name, in these shapes.
    """

    equations: CompiledEquations
    numbers: Numbers
    samples: int
    shapes: Mapping[str, tuple[int, int]]
    states: NamedArrays

    @cached_property
    def weights(self) -> dict[str, Any]:
        """The weights of every matrix, inverses included; sparse matrices are SciPy sparse arrays."""
        found = {
            **self.numbers.weights,
            **{n: self._matrix(n, a) for n, a in self.states.items() if not is_variable(n)},
        }
        for matrix in self.equations.circuit.matrices:
            if matrix.inverse_of is not None and matrix.name not in found:
                found[matrix.name] = _inverse(found[matrix.inverse_of])
        return found

    def _matrix(self, name: str, state: AnyArray) -> Any:
        connections = self.numbers.connections.get(name)
        return state if connections is None else connections.sparse(state[:, 0])

    def side(self, name: str, array: AnyArray, post: bool) -> AnyArray:
        """Return a variable (units, samples) of one side of a matrix, to be combined on post x pre x samples.

        For a sparse matrix, that is connections x 1 x samples.
        """
        connections = self.numbers.connections.get(name)
        if connections is None:
            return np.expand_dims(array, 1 if post else 0)
        return array[connections.post if post else connections.pre][:, None, :]

    @cached_property
    def variables(self) -> NamedArrays:
        """Every variable on which the rates depend, each (units, samples)."""
        return self._evaluate(self.equations.order)

    @cached_property
    def all_variables(self) -> NamedArrays:
        """Every variable of every population, each (units, samples)."""
        return self._evaluate(self.equations.full_order)

    def _evaluate(self, order: tuple[str, ...]) -> NamedArrays:
        known: NamedArrays = {n: a for n, a in self.states.items() if is_variable(n)}
        known.update(self.numbers.drives)
        for path in order:
            formula = self.equations.formulas.get(path)
            if formula is None:
                parts = [
                    self.projection_weights(p) @ known[p.source] for p in self.equations.feeds[path]
                ]
                known[path] = sum(parts[1:], parts[0])
            else:
                value = formula.expression.value(self.values(formula, known))
                known[path] = np.broadcast_to(value, self.shape(path))
        return known

    def shape(self, path: str) -> tuple[int, int]:
        """Return the shape (units, samples) of the variable `population.variable`."""
        return self.population_shape(VariablePath.parse(path).owner)

    def population_shape(self, population: str) -> tuple[int, int]:
        """Return the shape (units, samples) of the variables of a population."""
        return self.equations.circuit.population(population).size, self.samples

    def projection_weights(self, projection: Projection) -> Any:
        """Return the weights of a projection, (target, source), transposed if the projection transposes them."""
        matrix = self.weights[projection.matrix]
        return matrix.T if projection.transpose else matrix

    def values(self, formula: Formula, known: NamedArrays | None = None) -> dict[str, Any]:
        """Return the value of each symbol in a population's formula, on units x samples.

        Variables are taken from `known`, by default from `variables`.
        """
        known = self.variables if known is None else known
        values: dict[str, Any] = {s: known[path] for s, path in formula.variables.items()}
        for symbol, key in formula.numbers.items():
            number = self.numbers.shared[key]
            values[symbol] = number if np.ndim(number) == 0 else np.asarray(number)[:, None]
        return {**values, **formula.constants}

    def plasticity_values(self, name: str) -> dict[str, Any]:
        """Return the value of each symbol in the plasticity rule of a matrix, on post x pre x samples.

        For a sparse matrix, that is on connections x 1 x samples.
        """
        formula = self.equations.rates[name]
        values: dict[str, Any] = {s: self.numbers.shared[k] for s, k in formula.numbers.items()}
        for symbol, path in formula.variables.items():
            if path == name:
                values[symbol] = self.states[name][:, :, None]
            elif not is_variable(path):
                values[symbol] = self.weights[path][:, :, None]
            else:
                values[symbol] = self.side(name, self.variables[path], symbol.endswith(POST))
        return {**values, **formula.constants}

    def rate(self, name: str) -> AnyArray:
        """Return the time derivative of a state, in the state's shape."""
        formula = self.equations.rates[name]
        if is_variable(name):
            value = formula.expression.value(self.values(formula))
        else:
            value = np.atleast_1d(formula.expression.value(self.plasticity_values(name))).mean(-1)
        return np.broadcast_to(value, self.shapes[name])


def _inverse(weights: AnyArray) -> AnyArray:
    """Return the inverse of a matrix, or nan if it is singular, so that a search avoids this point.

    In a run the inverse of a singular matrix is not finite either.
    """
    try:
        return np.linalg.inv(weights)
    except np.linalg.LinAlgError:
        return np.full_like(weights, np.nan)
