"""A linear network that learns with feedback weights of their own, which learn as well: the flow on its weights.

Activities and errors follow the weights at once, so the circuit is a flow of its matrices. With inputs X, targets
Y, X X^T the identity, T = Y X^T and E = T - W_k .. W_1:

    dW_i/dt = eta R_(i+1) .. R_k E W_1^T .. W_(i-1)^T        i = 1 .. k
    dR_i/dt = eps (dW_i/dt)^T

Feedback is fixed with eps = 0 and updated with eps = 1; with R_i(0) = W_i(0)^T the latter is back-propagation.
Along the flow, A = R_i - eps W_i^T does not change, nor does

    A W_i + (A W_i)^T + eps W_i^T W_i - W_(i-1) W_(i-1)^T    i = 2 .. k.

With `one_to_one`, unit u of a layer is connected with unit u of the next layer only. Then each u is a network of
its own, with one weight per layer, its own `eps` and its own target.

Sources
-------
Amit, Deep learning with asymmetric connections and Hebbian updates, section 5, eq. 7-9 and 15.

Errata applied
--------------
None needed. `random_feedback_linear` tests what the paper concludes from these equations.
"""

import dendrosim as ds
from dendrosim.mechanisms.layer_chain import count_layers

INPUT = "h : 1                   # input"
HIDDEN = """
h : 1                            # fed from below
d : 1                            # error, fed from above
"""
OUTPUT = """
h : 1                            # fed from below
target : 1                       # input
d = target - h : 1               # error
"""
RATE = "eps : 1                  # learning rate of feedback over that of forward weights"
FORWARD = "dw/dt = eta*samples*d_post*h_pre : 1"
FEEDBACK = "dw/dt = eta*samples*eps_pre*d_pre*h_post : 1"


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((40, 100, 10), "units per layer, input first", least=1)
    eps: tuple[float, ...] = ds.parameter(
        (1.0,), "learning rate of feedback weights over that of others, one number or one per unit", least=0
    )  # fmt: skip
    samples: float = ds.parameter(1.0, "samples of the batch, over which rates are summed", above=0)
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate", above=0)
    spread: float = ds.parameter(0.05, "standard deviation of initial feedback weights", least=0)
    first_feedback: bool = ds.parameter(False, "whether r1, which carries nothing, learns as well")
    one_to_one: bool = ds.parameter(False, "whether layers are connected unit by unit")


def circuit(p: Parameters) -> ds.Circuit:
    """Return the network; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    if p.one_to_one and len(set(p.sizes)) > 1:
        raise ds.errors.ParameterError(
            f"one_to_one is true, but sizes is {p.sizes}; give all layers the same size"
        )
    populations = [ds.Population("layer0", p.sizes[0], INPUT, inputs=["h"])]
    matrices, projections = [], []
    connect = ds.OneToOne() if p.one_to_one else None
    for i in range(1, last + 1):
        layer, below, w, r = f"layer{i}", f"layer{i - 1}", f"w{i}", f"r{i}"
        text, inputs = (HIDDEN, ()) if i < last else (OUTPUT, ["target"])
        learned = i > 1 or p.first_feedback
        eps = {"eps": p.eps[0] if len(p.eps) == 1 else list(p.eps)} if learned else {}
        text += RATE if learned else ""
        populations.append(ds.Population(layer, p.sizes[i], text, inputs=inputs, parameters=eps))
        matrices.append(ds.Matrix(w, layer, below, 0.0, FORWARD, connect=connect))
        projections.append(ds.Projection(f"{below}.h", w, f"{layer}.h"))
        if learned:
            start = ds.Normal(p.spread)
            matrices.append(ds.Matrix(r, below, layer, start, FEEDBACK, connect=connect))
        if i > 1:
            projections.append(ds.Projection(f"{layer}.d", r, f"{below}.d"))
    return ds.Circuit(populations, matrices, projections, {"eta": p.eta, "samples": p.samples})
