"""Single-phase target propagation in continuous time: layers settle between what comes from below and above.

    tau dh_i/dt = -h_i + (1 - mu) f_i + mu g_i,   f_i = s(W_i h_(i-1)) (basal),   i = 1 .. L
    g_i = Q_i s^-1(h_(i+1)) (apical),   Q_i = W_(i+1)^-1 or near it;   g_L = target
    dW_i/dt = -eta_i s'(W_i h_(i-1)) o (f_i - h_i) h_(i-1)^T

What stands for the target at the top (`target`):

    clamped   g_L = y
    nudged    g_L = h_L - eta_hat (h_L - y), on the activity as it is
    free      g_L = h_L

The gate `teach` tells nudged (1) from free (0), so that a protocol can switch between them.

What stands for the inverse (`inverse`):

    exact      Q_i is the inverse of W_(i+1) at all times
    fixed      Q_i = (1 + inverse_error) W_(i+1)^-1 of the initial weights (pseudo-inverse where not square)
    transpose  Q_i = W_(i+1)^T at all times
    learned    dQ_i/dt = -eta_q ((Q_i t_i - h_i) t_i^T/(1 + |t_i|^2) + decay_q Q_i), t_i = s^-1(h_(i+1)),
               while the gate `sleep` is open

One unit `pool{i}` sums |t_i|^2 over layer i + 1 and gives it back to that layer, whose signal it divides.

`compensate` gives layer i the rate eta_i = eta/(eta_hat r^(L+1-i)), r = mu/(1 - mu), which undoes the fall of the
learning signal towards the bottom; without it eta_i = eta.

Sources
-------
Thesis, chapter 6, eq. 6.1-6.17 and 6.26; conventions as corrected there.

Errata applied
--------------
Eq. 6.4: the apical rate is W_(i+1)^-1 s_(i+1)^-1(.), not W_i^-1 s_i^-1(.). The derivative is taken at the
pre-activation. Eq. 6.37: the decay of Q has the rate of Q. The learning of Q is normalised by its input, which
the thesis does not do; a large input then cannot make it diverge.
"""

from typing import Literal

import dendrosim as ds

LAYER = """
dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1   # somatic rate
f = s(basal)                         : 1   # basal dendrite
basal                                : 1   # fed by w
g                                    : 1   # apical dendrite, fed by q
"""
TOP = {
    "clamped": """
dh/dt = (-h + (1 - mu)*f + mu*target)/tau : 1
""",
    "live": """
dh/dt = (-h + (1 - mu)*f + mu*g)/tau : 1
g = h - teach*eta_hat*(h - target)   : 1
""",
}
SHARED = """
f = s(basal)                         : 1
basal                                : 1   # fed by w
target                               : 1   # input
"""
PREIMAGE = "preimage = inv_s(h)       : 1   # what the apical dendrites below get\n"
POOLED = """
power = preimage**2                  : 1
preimage_power                       : 1   # fed back by the pool: |preimage|^2 of this layer
"""
POOL = "power : 1   # fed by ones: summed over the layer"
BASAL = "dw/dt = learn*eta*ds(basal_post)*(h_post - f_post)*h_pre : 1"
APICAL = (
    "dw/dt = sleep*eta_q*((h_post - g_post)*preimage_pre/(1 + preimage_power_pre) - decay_q*w) : 1"
)
BIJECTIONS = ("linear", "smooth_leaky", "leaky_relu")


def circuit(
    *,
    sizes: tuple[int, ...] = (4, 4, 4, 4),
    mu: float = 0.2,
    tau: ds.Quantity = "10 ms",
    transfer: str = "linear",
    target: Literal["clamped", "free", "nudged"] = "nudged",
    eta_hat: float = 0.5,
    inverse: Literal["exact", "learned", "fixed", "transpose"] = "exact",
    inverse_error: float = 0.0,
    eta: ds.Quantity = "1 Hz",
    compensate: bool = True,
    eta_q: ds.Quantity = "2 Hz",
    decay_q: float = 1e-4,
    gain: float = 1.4,
    condition: float = 2.0,
) -> ds.Circuit:
    """Return a chain of layers, learning by single-phase target propagation.

    Parameters
    ----------
    sizes
        Units per layer, input first; `layer0.h` and the last layer's `target` are inputs.
    mu
        Weight of the apical dendrite, between 0 and 1.
    tau
        Time constant of all rates.
    transfer
        A bijection of the real line: linear, smooth_leaky or leaky_relu.
    target
        What drives the apical side of the last layer.
    eta_hat
        Size of the nudge towards the target.
    inverse
        Kind of apical weights.
    inverse_error
        Relative error of fixed apical weights.
    eta
        Learning rate of basal weights.
    compensate
        Whether each layer's rate makes up for the size of its learning signal.
    eta_q
        Learning rate of learned apical weights.
    decay_q
        Their decay, relative to that rate.
    gain
        Largest singular value of the initial basal weights.
    condition
        Their condition number; singular values are spaced geometrically.
    """
    if len(sizes) < 2:
        raise ds.errors.ParameterError(
            f"sizes is {sizes}; there must be an input and an output layer"
        )
    if not 0 < mu < 1:
        raise ds.errors.ParameterError(f"mu is {mu}; it must lie between 0 and 1")
    ds.positive(sizes=sizes, tau=tau, eta=eta, eta_q=eta_q, eta_hat=eta_hat, gain=gain)
    ds.not_negative(decay_q=decay_q)
    ds.bijection(transfer)
    last = len(sizes) - 1
    if inverse == "exact" and len(set(sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {sizes}; exact inverses need layers 1 to {last} of one size (layer 0 may differ), or "
            "choose inverse=learned or inverse=fixed"
        )
    if inverse_error and inverse != "fixed":
        raise ds.errors.ParameterError(
            f"inverse_error is {inverse_error}, but has a meaning with inverse=fixed only; leave it out"
        )
    live = target != "clamped"
    learned = inverse == "learned"
    populations = [ds.Population("layer0", sizes[0], "h : 1", inputs=["h"])]
    matrices, projections = [], []
    ratio = mu / (1 - mu)
    for i in range(1, last + 1):
        fall = ratio ** (last + 1 - i) * (eta_hat if live else 1.0) if compensate else 1.0
        populations.append(
            ds.Population(
                f"layer{i}",
                sizes[i],
                _layer(i, last, live, learned),
                transfer=transfer,
                inputs=["target"] if i == last else (),
            )
        )
        matrices.append(
            ds.Matrix(
                f"w{i}",
                post=f"layer{i}",
                pre=f"layer{i - 1}",
                initial=ds.WellConditioned(gain, condition),
                plasticity=BASAL,
                parameters={"eta": ds.quantity(eta) if fall == 1 else _scaled(eta, 1 / fall)},
            )
        )
        projections.append(ds.Projection(f"layer{i - 1}.h", f"w{i}", f"layer{i}.basal"))
    for i in range(1, last):
        projections += _apical(i, inverse, inverse_error, matrices)
        if learned:
            above, pool, ones = f"layer{i + 1}", f"pool{i}", f"ones{i}"
            populations.append(ds.Population(pool, 1, POOL))
            matrices.append(ds.Matrix(ones, post=pool, pre=above, initial=1.0))
            projections += [
                ds.Projection(f"{above}.power", ones, f"{pool}.power"),
                ds.Projection(f"{pool}.power", ones, f"{above}.preimage_power", transpose=True),
            ]
    parameters = {"mu": mu, "tau": tau}
    gates = {"learn": 0.0}
    if live:
        parameters["eta_hat"] = eta_hat
        gates["teach"] = float(target == "nudged")
    if learned and last > 1:
        parameters |= {"eta_q": eta_q, "decay_q": decay_q}
        gates["sleep"] = 0.0
    return ds.Circuit(populations, matrices, projections, parameters, gates)


def _layer(i, last, live, learned):
    """Return the equations of layer i."""
    text = LAYER if i < last else TOP["live" if live else "clamped"] + SHARED
    text += PREIMAGE if i > 1 else ""
    return text + (POOLED if i > 1 and learned else "")


def _apical(i, inverse, inverse_error, matrices):
    """Add the apical matrix of layer i and return what it takes part in."""
    name, above = f"q{i}", f"layer{i + 1}"
    source, target = f"{above}.preimage", f"layer{i}.g"
    if inverse == "transpose":
        return [ds.Projection(source, f"w{i + 1}", target, transpose=True)]
    options = {}
    if inverse == "exact":
        options["inverse_of"] = f"w{i + 1}"
    else:
        options["initial"] = ds.PseudoInverse(f"w{i + 1}", 1 + inverse_error)
    if inverse == "learned":
        options["plasticity"] = APICAL
    matrices.append(ds.Matrix(name, post=f"layer{i}", pre=above, **options))
    return [ds.Projection(source, name, target)]


def _scaled(rate, factor):
    return ds.Quantity(float(rate.value) * factor, rate.dimension)
