"""Target propagation with exact inverses can increase the loss: the network for which theorem 4.1 fails.

The network 1-2-2 with W_1 = (1, -1)^T, W_2 = ((1, 2), (0, 1)) and leaky_relu of slope 0.1 gets the input `x` and
targets in all directions from its output: errors e = (cos a, sin a) sqrt(2). Its inverses are exact, and the step
of the output towards the target is so small that everything is of first order.

Measured for target propagation (`gradient`) and for modified target propagation, which divides by the slope of the
layer instead of multiplying with it (`modified`):

    cosine_gradient, cosine_modified     smallest cosine between the update of W_1 and the descent direction
    cosine_example                       that of target propagation for e = (1, 1)
    ascending_gradient, ascending_modified   fraction of directions in which the update increases the loss
    product_error                        largest error of <update, gradient> = -|e|^2 |h_0|^2 with modified steps

Sources
-------
Thesis (dynamical target propagation), theorem 4.1 and algorithm A.1.

Claims that fail
----------------
Theorem 4.1: the update of target propagation with exact inverses is within 90 degrees of gradient descent. Its
proof takes J D^2 J^-1, which is similar to D^2, to have a positive symmetric part. The cosine is -0.9665 for x = 1
and e = (1, 1). With modified steps the statement holds.
"""

import numpy as np

import dendrosim as ds
from dendrosim.learning.cycle import learning_cycle
from dendrosim.plot import style

W1, W2, SLOPE = np.array([[1.0], [-1.0]]), np.array([[1.0, 2.0], [0.0, 1.0]]), 0.1
EXAMPLE = -0.9665  # cosine for x = 1 and e = (1, 1), worked out from the exact inverses
STEP = 1e-3  # size of the step of the output towards the target, relative to a small input
SETTLE = 100  # time steps of half a time constant


class Parameters(ds.Parameters):
    x: float = ds.parameter(1.0, "input; not 0")
    directions: int = ds.parameter(360, "directions of the error, a multiple of 8", least=8)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if p.x == 0:
        raise ds.errors.ParameterError(
            "x is 0, so that no weight of the first layer changes; choose another x"
        )
    if p.directions % 8:
        raise ds.errors.ParameterError(
            f"directions is {p.directions}; it must be a multiple of 8, so that (1, 1) is one of them"
        )
    circuit = ds.load_circuit(
        "target_propagation", sizes=(1, 2, 2), transfer="leaky_relu", eta_hat=_eta_hat(p)
    )
    fixed = {"w1": ds.Fixed(W1), "w2": ds.Fixed(W2)}
    circuit = circuit.replace(
        matrices=[
            m.replace(initial=fixed[m.name]) if m.name in fixed else m for m in circuit.matrices
        ]
    )
    free, *_ = learning_cycle({"": circuit}, dt=5e-3, tau=10e-3, steps=SETTLE)
    shown = free.replace(name="shown", gates={"teach": 1.0, "learn": 0.0})
    return ds.Protocol(
        circuit,
        (ds.Block("target", (shown,)),),
        dt="5 ms",
        signals={"layer0.h": p.x, "layer2.target": ds.Samples("y")},
        data={"y": _forward(p.x)[1].T - _errors(p.directions).T},
        recordings=(ds.Recording(("layer1.h", "layer1.goal", "layer1.bottom_up"), every="phase"),),
        batch=p.directions,
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the updates of W_1 with the descent direction."""
    p = Parameters(**result.protocol.parameters)
    h, goal, inner = (result[f"layer1.{n}"].values[-1] for n in ("h", "goal", "bottom_up"))
    slopes, errors = np.where(inner > 0, 1.0, SLOPE), _errors(p.directions)
    signal = (goal - h) / _eta_hat(p)
    updates = {"gradient": slopes * signal * p.x, "modified": signal / slopes * p.x}
    descent = slopes * (W2.T @ (_slope(W2 @ h) * -errors)) * p.x
    cosines = {
        name: np.sum(u * descent, axis=0)
        / np.linalg.norm(u, axis=0)
        / np.linalg.norm(descent, axis=0)
        for name, u in updates.items()
    }
    product = -np.sum(updates["modified"] * descent, axis=0)
    expected = -np.sum(errors**2, axis=0) * p.x**2
    metrics = {f"cosine_{name}": float(c.min()) for name, c in cosines.items()}
    metrics["cosine_example"] = float(cosines["gradient"][p.directions // 8])
    metrics |= {f"ascending_{name}": float(np.mean(c < 0)) for name, c in cosines.items()}
    metrics["product_error"] = float(np.max(np.abs(product - expected)))
    angles = _angles(p.directions)
    references = {"product_error": ds.Reference(0.0, 1e-9, reason="rounding")}
    if p.x == 1 and p.directions % 8 == 0:
        references["cosine_example"] = ds.Reference(EXAMPLE, 5e-5, reason="four digits")
    figures = {"cosine": lambda: _draw(angles, cosines)}
    return ds.Measurement(metrics, figures, references=references)


def _eta_hat(p):
    """Return the step of the output towards the target, so short that no unit crosses the corner at 0."""
    return STEP * min(1.0, abs(p.x))


def _angles(directions):
    return 2 * np.pi * np.arange(directions) / directions


def _errors(directions):
    """Return the errors of the output, shape (2, directions); the direction of (1, 1) is number directions/8."""
    angles = _angles(directions)
    return 2**0.5 * np.array([np.cos(angles), np.sin(angles)])


def _slope(a):
    return np.where(a > 0, 1.0, SLOPE)


def _forward(x):
    """Return the activities of both layers, shape (2, 1) each."""
    first = _slope(W1 * x) * W1 * x
    second = W2 @ first
    return first, _slope(second) * second


@style.styled
def _draw(angles, cosines):
    labels = {"gradient": "target propagation", "modified": "modified target propagation"}
    curves = {labels[name]: c for name, c in cosines.items()}
    ax = ds.plot.curve(
        np.degrees(angles), curves, xlabel="direction of the error (degrees)",
        ylabel="cosine", title="Update of the first layer and descent direction", log=False,
    )  # fmt: skip
    ax.axhline(0.0, color="0.6", lw=0.8, zorder=0)
    ax.set_xticks(np.arange(0, 361, 90))
    return ax.figure
