"""Back-propagation in continuous time: feed-forward regression with weight transport, for comparison.

Rates relax to the feed-forward values, errors to the back-propagated ones, and each matrix is used twice:
forward, and transposed to carry errors down. That transport is what the other models do without.

    tau dh_i/dt     = -h_i + s(W_i h_(i-1)),             i = 1 .. L  (linear at i = L)
    tau ddelta_L/dt = -delta_L + target - h_L     (times s'(W_L h_(L-1)) where the output is not linear)
    tau ddelta_i/dt = -delta_i + s'(W_i h_(i-1)) o W_(i+1)^T delta_(i+1)
    dW_i/dt         = eta delta_i h_(i-1)^T

Sources
-------
BMVR workshop abstract (NeurIPS 2020), eq. 1-2; descends 1/2 |target - h_L|^2.

Errata applied
--------------
None needed. (Appendix B of the abstract refers to its eq. 2 as eq. 9.)
"""

from typing import Literal

import dendrosim as ds

HIDDEN = """
dh/dt = (-h + s(bottom_up))/tau                    : 1   # rate
ddelta/dt = (-delta + ds(bottom_up)*top_down)/tau  : 1   # back-propagated error
bottom_up                                          : 1   # fed from below
top_down                                           : 1   # fed by the transposed matrix from above
"""

OUTPUT = """
dh/dt = (-h + bottom_up)/tau               : 1   # linear read-out
ddelta/dt = (-delta + target - h)/tau      : 1   # error
bottom_up                                  : 1   # fed from below
target                                     : 1   # input
"""

NONLINEAR_OUTPUT = """
dh/dt = (-h + s(bottom_up))/tau                            : 1   # rate
ddelta/dt = (-delta + ds(bottom_up)*(target - h))/tau      : 1   # error
bottom_up                                                  : 1   # fed from below
target                                                     : 1   # input
"""

PLASTICITY = "dw/dt = learn*eta*delta_post*h_pre : 1"


def circuit(
    *,
    sizes: tuple[int, ...] = (10, 2, 3),
    transfer: Literal[
        "linear", "relu", "tanh", "sigmoid", "softplus", "smooth_leaky", "leaky_relu"
    ] = "linear",
    output: Literal["linear", "transfer"] = "linear",
    eta: ds.Quantity = "1 Hz",
    tau: ds.Quantity = "2 ms",
    gain: float = 1.0,
) -> ds.Circuit:
    """Return a feed-forward network trained by back-propagation.

    Parameters
    ----------
    sizes
        Units per layer, input first; `layer0.h` and the last layer's `target` are inputs.
    transfer
        Rate against input in the hidden layers.
    output
        Whether the last layer is linear, or has the transfer function of the others.
    eta
        Learning rate.
    tau
        Time constant of rates and errors.
    gain
        Initial weights are normal with standard deviation gain/sqrt(units below).
    """
    if len(sizes) < 2:
        raise ds.errors.ParameterError(
            f"sizes is {sizes}; there must be an input and an output layer"
        )
    ds.positive(sizes=sizes, tau=tau, eta=eta)
    last = len(sizes) - 1
    populations = [ds.Population("layer0", sizes[0], "h : 1", inputs=["h"])]
    matrices, projections = [], []
    for i in range(1, last + 1):
        if i < last:
            populations.append(ds.Population(f"layer{i}", sizes[i], HIDDEN, transfer=transfer))
            projections.append(
                ds.Projection(
                    f"layer{i + 1}.delta", f"w{i + 1}", f"layer{i}.top_down", transpose=True
                )
            )
        else:
            linear = output == "linear"
            populations.append(
                ds.Population(
                    f"layer{i}",
                    sizes[i],
                    OUTPUT if linear else NONLINEAR_OUTPUT,
                    inputs=["target"],
                    transfer=None if linear else transfer,
                )
            )
        matrices.append(
            ds.Matrix(
                f"w{i}",
                post=f"layer{i}",
                pre=f"layer{i - 1}",
                initial=ds.Normal(gain / sizes[i - 1] ** 0.5),
                plasticity=PLASTICITY,
            )
        )
        projections.append(ds.Projection(f"layer{i - 1}.h", f"w{i}", f"layer{i}.bottom_up"))
    return ds.Circuit(
        populations, matrices, projections, {"eta": eta, "tau": tau}, gates={"learn": 1.0}
    )
