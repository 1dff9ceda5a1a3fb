"""The function `drift`, for rules of matrices and rules of spiking synapses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from dendrosim.analysis.weight_drift import gaussian, poisson
from dendrosim.analysis.weight_drift.simulation import simulate
from dendrosim.arrays import AnyArray
from dendrosim.checks import as_time, as_value, as_whole_number, one_of
from dendrosim.circuit.matrix_rule import MatrixRule
from dendrosim.circuit.synapse_rule import SynapseRule
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError, SpecError, abbreviate


@dataclass(frozen=True)
class Drift(ShortRepr):
    """The mean rate at which weights change.

    Attributes
    ----------
    rate : float or array
        Mean rate of change, in the SI unit of the weight per second.
    error : float or array
        Its standard error, 0 if it is exact.
    exact : bool
        Whether it follows from the text of the rule by averaging; else it was simulated.
    """

    rate: Any
    error: Any
    exact: bool


def _found(rate: AnyArray, error: AnyArray, shape: tuple[int, ...], exact: bool) -> Drift:
    """Return arrays of the given shape as a `Drift`; arrays without axes become numbers."""
    if not shape:
        return Drift(float(rate), float(error), exact)
    return Drift(np.broadcast_to(rate, shape), np.broadcast_to(error, shape), exact)


def drift(
    rule: MatrixRule | SynapseRule,
    pre_rate: ArrayLike,
    post_rate: ArrayLike,
    *,
    weight: ArrayLike = 0.5,
    correlation: ArrayLike = 0.0,
    pre_sd: ArrayLike = 0.0,
    post_sd: ArrayLike = 0.0,
    lag: Any = "0 ms",
    values: Mapping[str, Any] | None = None,
    transfer: str | None = None,
    method: Literal["auto", "averaging", "simulation"] = "auto",
    duration: Any = "1000 s",
    seed: int = 0,
) -> Drift:
    """Return the mean rate at which a plasticity rule changes a weight, for given rates and correlations.

    The weight is frozen. For a rule of a matrix, the activities at both ends have a joint Gaussian distribution,
    and states that the rule needs are slow: each has the value at which the mean of its rate is 0. For a rule of
    spiking synapses, both ends are Poisson trains. The mean is exact where the text of the rule is a polynomial
    in the fluctuating variables; elsewhere it is simulated, with a standard error.

    Parameters
    ----------
    rule : MatrixRule or SynapseRule
        The rule.
    pre_rate, post_rate : float or array
        Means of the presynaptic and postsynaptic activity, in the SI unit of the variable (matrix), or rates of
        the trains in Hz, at least 0 (synapses).
    weight : float or array, optional
        The weight, in its SI unit (default 0.5).
    correlation : float or array, optional
        Correlation coefficient of both activities, from -1 to 1 (matrix); rate of common spikes over the geometric
        mean of both rates, from 0 to 1 (synapses). Default 0.
    pre_sd, post_sd : float or array, optional
        Standard deviations of both activities; rules of synapses do not take them (default 0).
    lag : time, optional
        Time from the presynaptic to the postsynaptic spike of common spikes, of either sign; at 0, the presynaptic
        one is first (default 0). Rules of matrices do not take it.
    values : mapping of str to float, optional
        Means of other symbols in the rule, in SI units, such as `{"modulator": 1.0}` or `{"error_post": 0.1}`.
        A given slow state is not computed.
    transfer : str, optional
        Transfer function that the rule of a matrix calls (default: none).
    method : {"auto", "averaging", "simulation"}, optional
        Whether to average the text, to simulate trains, or to simulate only where averaging is not possible
        (default).
    duration : time, optional
        Duration of simulated trains (default 1000 s).
    seed : int, optional
        Seed of simulations (default 0).

    Returns
    -------
    Drift
        Numbers, or arrays in the shape to which all arguments broadcast.

    Raises
    ------
    SpecError
        If `rule` is no rule.
    ParameterError
        If a number is out of its range or has no effect, or the rule reads something that rates and correlations
        do not give; the message names it.

    Examples
    --------
    Depression exceeds potentiation at uncorrelated trains of 10 Hz:

    >>> import dendrosim as ds
    >>> rule = ds.rules.pair_stdp(a_plus=0.01, a_minus=0.0105)
    >>> round(ds.analysis.drift(rule, 10.0, 10.0).rate, 6)  # 10^2 (0.01 - 0.0105) 20 ms
    -0.001
    """
    one_of("auto", "averaging", "simulation")("drift: method", method)
    as_whole_number("drift: seed", seed, 0)
    means = {
        n: float(as_value(f"drift: values[{n!r}]", v).value) for n, v in (values or {}).items()
    }
    numbers = [
        np.asarray(x, dtype=float)
        for x in (pre_rate, post_rate, weight, correlation, pre_sd, post_sd)
    ]
    shift = float(as_value("drift: lag", lag).value)
    if isinstance(rule, MatrixRule):
        if shift or method == "simulation":
            raise ParameterError(
                "drift: lag and method='simulation' are for rules of spiking synapses; leave them out"
            )
        pre, post, w, rho, sd, other_sd = np.broadcast_arrays(*numbers)
        if np.any(np.abs(rho) > 1) or np.any(sd < 0) or np.any(other_sd < 0):
            raise ParameterError(
                "drift: correlation must be from -1 to 1, and pre_sd and post_sd at least 0"
            )
        activities = gaussian.Activities(pre, post, sd, other_sd, rho * sd * other_sd)
        rate, error, exact = gaussian.mean_rate(rule, w, activities, means, transfer, seed)
        return _found(rate, error, w.shape, exact)
    if not isinstance(rule, SynapseRule):
        raise SpecError(
            f"drift: rule is {abbreviate(rule)}; it must be a rule, such as ds.rules.oja() or ds.rules.pair_stdp()"
        )
    if np.any(numbers[4]) or np.any(numbers[5]) or transfer is not None:
        raise ParameterError(
            "drift: pre_sd, post_sd and transfer are for rules of matrices; leave them out"
        )
    return _of_trains(rule, numbers[:4], shift, means, method, duration, seed)


def _of_trains(
    rule: SynapseRule, numbers: list[AnyArray], lag: float, values: Mapping[str, float], method: str,
    duration: Any, seed: int,
) -> Drift:  # fmt: skip
    pre, post, weight, correlation = np.broadcast_arrays(*numbers)
    if np.any(pre < 0) or np.any(post < 0):
        raise ParameterError(
            "drift: pre_rate and post_rate are rates of trains; they must be at least 0 Hz"
        )
    common = correlation * np.sqrt(pre * post)
    if np.any(correlation < 0) or np.any(common > np.minimum(pre, post)):
        raise ParameterError(
            "drift: correlation must be at least 0, and at most the root of the smaller rate over the larger one, "
            "because there are not more common spikes than spikes"
        )
    read = poisson.read_rule(rule, values)
    if method != "simulation":
        rate = poisson.mean_rate(read, weight, poisson.Trains(pre, post, common, lag))
        if rate is not None:
            return _found(rate, np.zeros(()), weight.shape, True)
        if method == "averaging":
            raise ParameterError(
                f"drift: the mean change by rule {rule.name!r} has no closed form for these trains; use "
                "method='simulation'"
            )
    long = float(as_time("drift: duration", duration).value)
    found = [
        simulate(read, float(w), (float(a), float(b)), float(c), lag, long, seed + k)
        for k, (a, b, w, c) in enumerate(
            zip(*map(np.ravel, (pre, post, weight, common)), strict=True)
        )
    ]
    rates, errors = (np.reshape(x, weight.shape) for x in zip(*found, strict=True))
    return _found(rates, errors, weight.shape, False)
