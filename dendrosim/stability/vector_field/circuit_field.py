"""The vector field of a circuit, from the same equation text that a run compiles.

One forward Euler step of a run is x + dt f(x). Plastic matrices that are part of the state learn from the mean
over the samples. The Jacobian is exact: symbolic derivatives of each population's equations, combined by the
chain rule through the matrices.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from dendrosim.arrays import AnyArray, Array, NamedArrays
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.event import SPIKE
from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.paths import is_variable
from dendrosim.circuit.population import UNIT, Population
from dendrosim.circuit.sparse_matrices import read_weights
from dendrosim.errors import DifferentiationError, ShapeError, UnknownMemberError, UnknownNameError
from dendrosim.machine.cached_property import cached_property
from dendrosim.protocol.given_spikes import no_spikes
from dendrosim.protocol.phases import Block, Phase
from dendrosim.protocol.protocol import Protocol
from dendrosim.stability.vector_field import jacobian as derivatives
from dendrosim.stability.vector_field.compiled_equations import CompiledEquations, Formula
from dendrosim.stability.vector_field.curve_derivatives import curve_derivatives
from dendrosim.stability.vector_field.evaluation import Evaluation, Numbers
from dendrosim.stability.vector_field.flow import Flow
from dendrosim.stability.vector_field.many_states import (
    can_batch,
    evaluate_states,
    variables_with_corners,
)
from dendrosim.stability.vector_field.number_arguments import read_number, read_numbers
from dendrosim.stability.vector_field.symmetry import Symmetries, find_symmetries
from dendrosim.units import Quantity, unit, unit_name


class CircuitFlow(Flow):
    """A flow whose states are those of a circuit.

    Attributes
    ----------
    circuit : Circuit
    samples : int
        Number of samples side by side.
    shapes : mapping of str to (int, int)
        Shape of each state in the order of x: (units, samples) for `population.state`, (post, pre) for a matrix
        that is part of the state; (connections, 1) for such a matrix if it is sparse.
    """

    circuit: Circuit
    samples: int
    shapes: Mapping[str, tuple[int, int]]

    @cached_property
    def _symmetries(self) -> Symmetries:
        return find_symmetries(self, self.circuit, self.shapes)

    def check_spectrum(self) -> None:
        """Raise DifferentiationError if a projection has a delay."""
        delayed = [p for p in self.circuit.projections if p.delay is not None]
        if delayed:
            raise DifferentiationError(
                f"{delayed[0]} has a delay of {delayed[0].delay}, and stability depends on it: a system with "
                "delays has infinitely many eigenvalues, which are not computed. Its fixed points do not depend "
                "on delays; for the spectrum of the circuit without them, leave `delay` out"
            )

    def symmetries(self, x: Array) -> Array:
        return self._symmetries.directions(self.circuit, self.shapes, x)

    def with_changes(self, **changes: Any) -> Self:
        """Return a copy with some attributes replaced.

        Symmetries that were found are kept, so that they are searched for only once for all values of parameters.
        """
        changed = object.__new__(type(self))
        changed.__dict__.update(self.__dict__, **changes)
        return changed


class CircuitField(CircuitFlow):
    """The vector field dx/dt = f(x) of a circuit, as `vector_field` returns it.

    Parameters
    ----------
    equations : CompiledEquations
    numbers : Numbers
        Values of parameters, inputs and frozen weights.
    samples : int
        Number of samples side by side.
    start : mapping of str to array
        Start value of each state: (units, samples), (post, pre), or (connections, 1) for a sparse matrix.
    conditions : mapping of (str, str) to Formula
        Conditions of spikes and other events that `check` tests, by population and event.
    """

    def __init__(
        self,
        equations: CompiledEquations,
        numbers: Numbers,
        samples: int,
        start: Mapping[str, Array],
        conditions: Mapping[tuple[str, str], Formula],
    ) -> None:
        self._equations, self._numbers, self._conditions = equations, numbers, conditions
        self.circuit, self.samples = equations.circuit, samples
        self.shapes = {name: (array.shape[0], array.shape[1]) for name, array in start.items()}
        self.start = np.concatenate([np.ravel(array) for array in start.values()])
        self.units = [u for name in self.shapes for u in self._units(name)]
        self.labels = [label for name in self.shapes for label in self._labels(name)]

    # -- states by name ---------------------------------------------------------------------------

    def unpack(self, x: AnyArray) -> NamedArrays:
        """Return the states by name.

        Arrays are (units,), or (units, samples) if there are several samples, and (post, pre) for a matrix, or
        (connections,) if it is sparse.
        """
        return {n: self._squeezed(n, a) for n, a in self._arrays(np.asarray(x)).items()}

    def pack(self, values: Mapping[str, Any]) -> Array:
        """Return x from states by name, in SI units; states that are not given take their values from `start`.

        Raises
        ------
        UnknownMemberError
            If there is no state of that name.
        ShapeError
            If an array does not have the shape of its state.
        ParameterError
            If a value is not a number.
        """
        parts = self._arrays(self.start.copy())
        for name, value in values.items():
            if name not in parts:
                raise UnknownMemberError("state of the vector field", name, parts)
            shape = parts[name].shape
            if name in self._numbers.connections:
                at = self._numbers.connections[name]
                value = read_weights(f"state {name!r}", value, at)[:, None]
            given = read_numbers(f"state {name!r}", value)
            if is_variable(name) and given.shape == shape[:1]:
                given = given[:, None]
            if given.ndim and given.shape not in (shape, (shape[0], 1)):
                raise ShapeError(f"state {name!r} has shape {given.shape}; it must be {shape}")
            parts[name][...] = given
        return np.concatenate([a.ravel() for a in parts.values()])

    def evaluate(self, x: AnyArray) -> NamedArrays:
        """Return every variable of every population at `x` by name, in the shapes of `unpack`."""
        return {n: self._squeezed(n, a) for n, a in self._evaluate_at(x).all_variables.items()}

    def _squeezed(self, name: str, array: AnyArray) -> AnyArray:
        single = name in self._numbers.connections or (self.samples == 1 and is_variable(name))
        return array[:, 0] if single else array

    def _arrays(self, x: AnyArray) -> NamedArrays:
        if x.shape != self.start.shape:
            raise ShapeError(
                f"x has shape {x.shape}; it must be {self.start.shape}, one number for each of the labels"
            )
        ends = np.cumsum([rows * columns for rows, columns in self.shapes.values()])
        parts = np.split(x, ends[:-1])
        return {n: p.reshape(s) for (n, s), p in zip(self.shapes.items(), parts, strict=True)}

    def _evaluate_at(self, x: AnyArray) -> Evaluation:
        parts = self._arrays(np.asarray(x))
        return Evaluation(self._equations, self._numbers, self.samples, self.shapes, parts)

    def _label(self, name: str, row: int, column: int) -> str:
        if name in self._numbers.connections:
            at = self._numbers.connections[name]
            row, column = int(at.post[row]), int(at.pre[row])
        single = is_variable(name) and self.samples == 1
        return f"{name}[{row}]" if single else f"{name}[{row}, {column}]"

    def _labels(self, name: str) -> Iterator[str]:
        rows, columns = self.shapes[name]
        return (self._label(name, i, j) for i in range(rows) for j in range(columns))

    def _units(self, name: str) -> list[str]:
        circuit = self.circuit
        owner: Any = circuit.variable(name)[1] if is_variable(name) else circuit.matrix(name)
        rows, columns = self.shapes[name]
        return [unit_name(unit(owner.unit)[0])] * (rows * columns)

    # -- the same circuit as a run ----------------------------------------------------------------

    @property
    def weights(self) -> dict[str, Any]:
        """The weights of every matrix that is not part of the state; inverses are left out.

        Sparse matrices are SciPy sparse arrays.
        """
        own = [m.name for m in self.circuit.matrices if m.inverse_of is None]
        return {name: self._numbers.weights[name] for name in own if name not in self.shapes}

    def states_as_samples(self, states: Array) -> NamedArrays:
        """Return m states of the flow, shape (m, n), as m samples side by side: arrays (units, m) by name."""
        ends = np.cumsum([rows for rows, _ in self.shapes.values()])
        return dict(zip(self.shapes, np.split(states.T, ends[:-1]), strict=True))

    def resting_protocol(self, duration: float, dt: float, batch: int) -> Protocol:
        """Return a protocol that runs the same equations with constant inputs.

        Parameters
        ----------
        duration, dt : float
            Duration and time step, in seconds.
        batch : int
            Number of samples side by side.
        """
        shared, drives = self._numbers.shared, self._numbers.drives

        def own_parameters(owner: Any) -> dict[str, Quantity]:
            keys = {n: f"{owner.name}.{n}" for n in owner.parameters}
            return {
                n: Quantity(
                    drives[k][:, 0] if k in drives else shared[k], owner.parameters[n].dimension
                )
                for n, k in keys.items()
            }

        circuit = self.circuit.replace(
            parameters={
                n: Quantity(shared[n], q.dimension) for n, q in self.circuit.parameters.items()
            },
            gates={n: shared[n] for n in self.circuit.gates},
            populations=tuple(
                p.replace(parameters=own_parameters(p)) for p in self.circuit.populations
            ),
            matrices=tuple(m.replace(parameters=own_parameters(m)) for m in self.circuit.matrices),
        )
        signals: dict[str, Any] = {
            path: Quantity(drives[path][:, 0], unit(self.circuit.variable(path)[1].unit)[0])
            for path in self.circuit.inputs
            if path not in self.circuit.rates
        }
        signals |= dict.fromkeys(self.circuit.rates, "0 Hz")
        phase = Phase("rest", f"{duration!r} s")
        return Protocol(
            circuit, (Block("rest", (phase,)),), f"{dt!r} s", signals=signals, batch=batch,
            spikes=no_spikes(circuit),
        )  # fmt: skip

    # -- parameters -------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, float]:  # type: ignore[override]
        """Parameters, gates and uniform inputs on which the rates depend, in SI units.

        An input is uniform if it is the same for all units and samples.
        """
        shared = {k: v for k, v in self._numbers.shared.items() if self._equations.uses(k)}
        found = {k: float(v) for k, v in shared.items() if np.ndim(v) == 0}
        for path, drive in self._numbers.drives.items():
            fixed = path.endswith(f".{UNIT}")
            if (
                path in self._equations.dependencies
                and not fixed
                and np.all(drive == drive.flat[0])
            ):
                found[path] = float(drive.flat[0])
        return found

    def parameter_unit(self, name: str) -> str:
        self._check_parameter(name)
        circuit = self.circuit
        if name in circuit.inputs:
            return unit_name(unit(circuit.variable(name)[1].unit)[0])
        owners: tuple[Population | Matrix, ...] = (*circuit.populations, *circuit.matrices)
        known = {f"{o.name}.{n}": q for o in owners for n, q in o.parameters.items()}
        found = {**known, **circuit.parameters}.get(name)
        return "1" if found is None else found.unit  # gates have no unit

    def at(self, name: str, value: float) -> "CircuitField":
        self._check_parameter(name)
        numbers, value = self._numbers, read_number(f"parameter {name!r}", value)
        if name in numbers.drives:
            drives = {**numbers.drives, name: np.full_like(numbers.drives[name], value)}
            numbers = replace(numbers, drives=drives)
        else:
            numbers = replace(numbers, shared={**numbers.shared, name: value})
        return self.with_changes(_numbers=numbers)

    def _check_parameter(self, name: str) -> None:
        if name not in self.parameters:
            raise UnknownNameError("parameter of the equations", name, self.parameters)

    # -- rates and derivatives --------------------------------------------------------------------

    def f(self, x: AnyArray) -> AnyArray:
        at = self._evaluate_at(x)
        return np.concatenate([at.rate(name).ravel() for name in self.shapes])

    def jacobian(self, x: Array) -> Any:
        return derivatives.jacobian(self._evaluate_at(np.asarray(x, dtype=float)))

    def at_states(self, states: Array, parameter: str | None = None) -> tuple[Array, Array, Array]:
        if parameter is not None:
            self._check_parameter(parameter)
        here = self._evaluate_at(self.start)
        if not can_batch(here):
            return super().at_states(states, parameter)
        return evaluate_states(here, states, parameter)

    def corners(self, states: Array) -> list[str]:
        here = self._evaluate_at(self.start)
        if not can_batch(here):
            return []
        found = variables_with_corners(here, states)
        return list(dict.fromkeys(self._label(path, unit, 0) for path, unit in found))

    def partial_jacobian(self, x: Array, states: Collection[str]) -> Any:
        """Return the derivatives of the rates of some states with respect to these, in the order of `shapes`."""
        return derivatives.jacobian(self._evaluate_at(np.asarray(x, dtype=float)), states)

    def curve_derivatives(self, x: Array, curve: Array) -> Array:
        """Return three derivatives of f along a curve with these derivatives at `x`, both of shape (3, n)."""
        first, second, third = (self._arrays(np.asarray(c, dtype=float)) for c in curve)
        return curve_derivatives(
            self._evaluate_at(np.asarray(x, dtype=float)), (first, second, third)
        )

    def directional_derivatives(self, x: Array, direction: Array) -> tuple[Array, Array]:
        line = np.stack([direction, np.zeros_like(x), np.zeros_like(x)])
        _, second, third = self.curve_derivatives(x, line)
        return second, third

    def parameter_derivative(self, x: Array, name: str) -> Array:
        self._check_parameter(name)
        return derivatives.parameter_derivative(self._evaluate_at(np.asarray(x, dtype=float)), name)

    def kinks(self, x: Array) -> list[str]:
        at, found = self._evaluate_at(np.asarray(x, dtype=float)), []
        for path in (*self._equations.order, *self.shapes):
            formula = self._equations.formulas.get(path) or self._equations.rates.get(path)
            if formula is None:
                continue
            plastic = not is_variable(path)
            flags = formula.expression.at_corner(
                at.plasticity_values(path) if plastic else at.values(formula)
            )
            if plastic and np.ndim(flags) == 3:
                flags = np.any(flags, axis=-1)
            shape = self.shapes[path] if plastic else at.shape(path)
            where = np.argwhere(np.broadcast_to(flags, shape))
            found += [self._label(path, int(i), int(j)) for i, j in where]
        return found

    def _check_limits(self, at: Evaluation) -> None:
        for name in self.shapes:
            if is_variable(name):
                continue
            low, high = self.circuit.matrix(name).limits
            wrong = np.argwhere((at.states[name] < low) | (at.states[name] > high))
            if len(wrong):
                value = at.states[name][tuple(wrong[0])]
                raise DifferentiationError(
                    f"{self._label(name, *map(int, wrong[0]))} is {value:g} at this point, outside of its limits "
                    f"{low:g} to {high:g} (bounds, sign), where a run would hold it; leave the matrix frozen, or "
                    "search from another start"
                )

    def check(self, x: Array) -> None:
        """Raise DifferentiationError if a unit would spike or have another event, or a weight is out of bounds."""
        at = self._evaluate_at(np.asarray(x, dtype=float))
        self._check_limits(at)
        for (name, event), formula in self._conditions.items():
            above = formula.expression.value(at.values(formula, at.all_variables))
            units = np.argwhere(np.broadcast_to(above, at.population_shape(name)))
            if len(units):
                text = self.circuit.population(name).all_events[event].condition
                said = f"above its threshold ({text}) at this point, where it would spike"
                if event != SPIKE:
                    said = f"at a point where it would have the event {event!r} ({text})"
                raise DifferentiationError(
                    f"unit {units[0][0]} of {name!r} is {said}, so this is not a resting state; "
                    "use weaker inputs"
                )
