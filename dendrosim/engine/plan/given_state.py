"""The start state that a caller gives: the final state of another run, or arrays by name."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dendrosim.circuit.population import LAST_SPIKE
from dendrosim.circuit.sparse_matrices import MatrixConnections, read_weights
from dendrosim.engine.plan.state_arrays import state_keys
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.protocol.protocol import Protocol
from dendrosim.results.result import Result


def read_given_state(
    protocol: Protocol,
    initial: "Result | Mapping[str, Any]",
    seed: int,
    connections: Mapping[str, MatrixConnections],
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a given start state by name.

    `connections` are those of the run's sparse matrices; weights must be given for the same connections.
    """
    if isinstance(initial, str | os.PathLike):
        raise ParameterError(
            f"initial is {str(initial)!r}, a path; give the result itself: "
            f"ds.open_result({str(initial)!r})"
        )
    final = initial.state if isinstance(initial, Result) else initial
    if not isinstance(final, Mapping):
        raise ParameterError(f"initial is {initial!r}; it must be a result, or a mapping of states")
    needed = list(state_keys(protocol.circuit))
    missing = [n for n in needed if n not in final]
    if missing:
        raise UnknownNameError("state in the initial result", missing[0], list(final))
    if isinstance(initial, Result):
        first_seed = initial.provenance.get("seed", seed)
        for name, own in connections.items():
            other = initial.connections.get(name)  # None if the matrix was dense
            if other is not None and not own.equals(other):
                raise ParameterError(
                    f"initial has other connections of matrix {name!r} than this run draws from seed {seed}; give "
                    f"seed={first_seed}, from which they were drawn, and the same `connect`"
                )
    given = {
        n: _weights(n, final[n], connections[n])
        if n in connections
        else finite_numbers(n, final[n])
        for n in needed
    }
    for name, array in given.items():
        if name.endswith(f".{LAST_SPIKE}") and np.any(array > 0):
            raise ParameterError(
                f"initial state of {name} is {np.max(array):.6g} s, a time after the beginning of the run; times "
                "of last spikes are relative to it, so give 0 or negative times"
            )
    return given


def _weights(name: str, value: Any, connections: MatrixConnections) -> NDArray[Any]:
    """Return the weights of a sparse matrix, shape (connections,)."""
    return finite_numbers(name, read_weights(f"initial state of {name}", value, connections))


def finite_numbers(name: str, value: Any) -> NDArray[Any]:
    """Return a given state as an array; raises ParameterError if it is not one of finite numbers."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(
            f"initial state of {name} is not an array of numbers in SI units (a quantity has them in `value`)"
        ) from None
    if not np.all(np.isfinite(array)):
        raise ParameterError(f"initial state of {name} is not finite")
    return array
