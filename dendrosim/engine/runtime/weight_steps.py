"""One step of the plasticity of a matrix, for the run-time back ends."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator  # noqa: F401
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import ArrayVariable, Constant
from brian2.parsing.rendering import NumpyNodeRenderer
from numpy.typing import NDArray

from dendrosim.circuit.sparse_matrices import MatrixConnections
from dendrosim.engine.network.functions import ARITHMETIC
from dendrosim.engine.network.weight_updates import Update
from dendrosim.engine.plan.state_arrays import WEIGHT
from dendrosim.engine.runtime.sparse import sum_products
from dendrosim.equations.rewriting import read_symbols


def weight_step(
    update: Update, at: MatrixConnections | None, dt: float, second: Callable[[], bool]
) -> Callable[[], None]:
    """Return a function that does one step of a matrix's plasticity, or one half of it (`Update.heun`).

    Parameters
    ----------
    update : Update
    at : MatrixConnections or None
        The connections of a sparse matrix.
    dt : float
        Time step in seconds.
    second : callable
        Returns whether a step is in its second half.
    """
    shape = update.shape if at is None else (at.count,)
    w = update.weight.get_value().reshape(shape)
    to_mean = _split(update.batch)
    outer = [
        (
            o.post.get_value().reshape(-1, update.batch),
            o.pre.get_value().reshape(-1, update.batch),
            np.ones(1) if o.gain is None else o.gain.get_value(),
            o.product.get_value().reshape(shape) if o.product is not None else None,
        )
        for o in update.outer
    ]
    elementwise = _elementwise(update, at) if update.elementwise else None
    decay = update.decay.get_value() if update.decay is not None else None
    limits = None if update.limits is None else [v.get_value() for v in update.limits]

    def multiply(post: NDArray[Any], pre: NDArray[Any]) -> NDArray[Any]:
        return post @ pre.T if at is None else sum_products(at, post, pre)

    def add_rates() -> None:
        for post, pre, _, product in outer:
            if product is not None:
                product[...] = multiply(np.ldexp(post, -to_mean[1]), pre) / to_mean[0]
        if elementwise is not None:
            w[...] += dt * elementwise(w)
        if decay is not None:
            w[...] *= 1 + dt * decay[0]
        for post, pre, gain, product in outer:
            if product is None:
                factor, exponent = _split(float(gain[0]) * dt / update.batch)
                # With a gain of 0, zeros are added up, so that the sum cannot overflow.
                scaled = np.ldexp(post, exponent) if factor else 0 * post
                w[...] += (factor or 1.0) * multiply(scaled, pre)

    def set_limits() -> None:
        if limits is not None:
            np.clip(w, limits[0], limits[1], out=w)

    def step() -> None:
        add_rates()
        set_limits()

    if not update.heun:
        return step
    begin = np.empty_like(w)

    def half_step() -> None:
        if second():
            add_rates()
            w[...] = 0.5 * (begin + w)
            set_limits()
            return
        begin[...] = w
        add_rates()
        if limits is not None:
            free = w.copy()
            set_limits()
            begin[...] += free - w

    return half_step


def _elementwise(
    update: Update, at: MatrixConnections | None
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the element-wise part of a rule as a function of the weights; it averages over the batch.

    `at` are the connections of a sparse matrix.
    """
    assert update.elementwise is not None
    code = compile(NumpyNodeRenderer().render_expr(update.elementwise), update.matrix, "eval")
    functions = {
        name: f.implementations[_numpy_class()].get_code(None) if _has_numpy(f) else f.pyfunc
        for name, f in {**DEFAULT_FUNCTIONS, **ARITHMETIC}.items()
    }
    values = {
        k: v.get_value() for k, v in update.holder.variables.items() if isinstance(v, ArrayVariable)
    }
    shape = update.shape if at is None else (at.count,)
    own = {WEIGHT, *update.others, *(o.product.name for o in update.outer if o.product is not None)}
    arrays = {k: values[k].reshape(shape) for k in own}
    numbers = {k: v for k, v in values.items() if v.size == 1 and k not in own}
    places: dict[str, Any] = {"post": np.s_[:, None], "pre": np.s_[None, :]}
    if at is not None:
        places = {"post": at.post, "pre": at.pre}
    factors = {
        k: (a.get_value().reshape(-1, update.batch), places[s])
        for k, (a, s) in update.factors.items()
    }
    weights = [k for k, v in values.items() if v is values[WEIGHT]]
    symbols = read_symbols(update.elementwise)
    named = {**DEFAULT_UNITS, **DEFAULT_CONSTANTS}
    constants = {k: _number(named[k]) for k in symbols - {*values, *factors} if k in named}

    samples = range(update.batch if update.averaged else 1)
    factor, exponent = _split(len(samples))

    def evaluate(w: NDArray[Any]) -> NDArray[Any]:
        scope = {
            **functions,
            **constants,
            "_numpy": np,
            "numpy": np,
            **arrays,
            **{k: v[0] for k, v in numbers.items()},
        }
        scope |= {k: w for k in weights}
        total = np.zeros_like(w)
        for b in samples:
            sides = {k: a[:, b][place] for k, (a, place) in factors.items()}
            total += np.ldexp(eval(code, scope, sides), -exponent)
        return total / factor

    return evaluate


def _split(number: float) -> tuple[float, int]:
    """Return a factor from 1 to 2 and an exponent of 2 whose product is the number.

    To multiply by the power of two rounds nothing. A sum of products is multiplied by it first and by the factor
    last. So it overflows only if the number that is stored overflows, and its bits are the same in either order.
    """
    factor, exponent = math.frexp(number)
    return 2 * factor, exponent - 1


def _number(named: Any) -> float:
    """Return the SI value of one of Brian2's units or constants."""
    return float(named.value if isinstance(named, Constant) else named)


def _numpy_class() -> Any:
    from brian2.codegen.runtime.numpy_rt import NumpyCodeObject

    return NumpyCodeObject


def _has_numpy(function: Any) -> bool:
    return _numpy_class() in function.implementations
