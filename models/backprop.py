"""Back-propagation in continuous time: feed-forward regression with weight transport, for comparison.

Rates relax to the feed-forward values, errors to the back-propagated ones. Each matrix is used twice: forward, and
transposed to carry errors down. The other models avoid this weight transport.

    tau dh_i/dt     = -h_i + s(W_i h_(i-1)),             i = 1 .. L  (linear at i = L)
    tau ddelta_L/dt = -delta_L + target - h_L     (times s'(W_L h_(L-1)) where the output is not linear)
    tau ddelta_i/dt = -delta_i + s'(W_i h_(i-1)) o W_(i+1)^T delta_(i+1)
    dW_i/dt         = eta delta_i h_(i-1)^T

Sources
-------
BMVR workshop abstract (NeurIPS 2020), eq. 1-2. The weights descend the loss 1/2 |target - h_L|^2.

Errata applied
--------------
None needed. (Appendix B of the abstract refers to its eq. 2 as eq. 9.)
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.layer_chain import chain_populations, chain_weights, count_layers

HIDDEN = """
dh/dt = (-h + s(bottom_up))/tau                    : 1   # rate
ddelta/dt = (-delta + ds(bottom_up)*top_down)/tau  : 1   # back-propagated error
bottom_up                                          : 1   # fed from below
top_down                                           : 1   # fed by the transposed matrix from above
"""
OUTPUT = {
    "linear": """
dh/dt = (-h + bottom_up)/tau                       : 1   # linear read-out
ddelta/dt = (-delta + target - h)/tau              : 1   # error
bottom_up                                          : 1   # fed from below
target                                             : 1   # input
""",
    "transfer": """
dh/dt = (-h + s(bottom_up))/tau                            : 1   # rate
ddelta/dt = (-delta + ds(bottom_up)*(target - h))/tau      : 1   # error
bottom_up                                                  : 1   # fed from below
target                                                     : 1   # input
""",
}
PLASTICITY = "dw/dt = learn*eta*delta_post*h_pre : 1"
Transfer = Literal["linear", "relu", "tanh", "sigmoid", "softplus", "smooth_leaky", "leaky_relu"]

LEARNING = ds.learning.Network(
    layers=("layer{i}.h",), weights=("w{i}",), apical=("layer{i}.delta",)
)


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((10, 2, 3), "units per layer, input first", least=1)
    transfer: Transfer = ds.parameter("linear", "transfer function of the hidden layers")
    output: Literal["linear", "transfer"] = ds.parameter(
        "linear", "output of the last layer (the same with transfer=linear)"
    )
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate", above=0)
    tau: ds.Quantity = ds.parameter("2 ms", "time constant of rates and errors", above=0)
    gain: float = ds.parameter(
        1.0, "standard deviation of initial weights times sqrt(units below)", least=0
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return a feed-forward network; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    linear = p.output == "linear"
    populations = chain_populations(p.sizes, HIDDEN, OUTPUT[p.output], p.transfer, linear=linear)
    initial = [ds.Normal(p.gain / units**0.5) for units in p.sizes[:-1]]
    matrices, projections = chain_weights(initial, [PLASTICITY] * last, "bottom_up")
    projections += [
        ds.Projection(f"layer{i + 1}.delta", f"w{i + 1}", f"layer{i}.top_down", transpose=True)
        for i in range(1, last)
    ]
    return ds.Circuit(populations, matrices, projections, p, gates={"learn": 1.0})
