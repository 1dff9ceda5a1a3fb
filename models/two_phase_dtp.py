"""Two-phase target propagation: weights learn from the difference between a nudged phase and a free phase.

The layers are those of `dynamical_tp`. While the gate `hold` is open (free phase), a slow cellular variable
follows the soma; when the gate closes, the variable keeps its value. With `teach` and `learn` open the top is
nudged and the weights follow

    dW_i/dt = -eta_i s'(W_i h_(i-1)) o (h_i^free - h_i) h_(i-1)^T                        rule=difference
    dW_i/dt = -eta_i s'(W_i h_(i-1)) o ((h_i - f_i)^free - (h_i - f_i)) h_(i-1)^T        rule=local

Errors of the inverse enter both phases and cancel, in linear networks exactly. The trained output is the output of
the free phase, not the feed-forward output.

Sources
-------
Thesis, chapter 6, eq. 6.21-6.37, with the conventions as corrected in that chapter.

Errata applied
--------------
Eq. 6.35: W_i learns from the difference of layer i, not of layer i-1; `rule=printed` is the equation as printed,
for study: the loss explodes, and W_1 does not change. The errata of `dynamical_tp` apply as well.
"""

from typing import Literal

import dendrosim as ds

SOMA = "dheld/dt = hold*(h - held)/tau_hold : 1   # the soma of the free phase\n"
HELD = {
    "difference": SOMA,
    "local": "dheld/dt = hold*(h - f - held)/tau_hold : 1   # the local error of the free phase\n",
    "printed": SOMA,
}
DEVIATION = "deviation = h - held : 1\n"
BELOW = "below : 1   # fed by one from the deviation of the layer below\n"
RULES = {
    "difference": "dw/dt = learn*eta*ds(basal_post)*(h_post - held_post)*h_pre : 1",
    "local": "dw/dt = learn*eta*ds(basal_post)*(h_post - f_post - held_post)*h_pre : 1",
    "printed": "dw/dt = learn*eta*ds(basal_post)*below_post*h_pre : 1",
}

LEARNING = ds.learning.Network(layers=("layer{i}.h",), weights=("w{i}",), feedback=("q{i}",))


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((5, 4, 4, 3), least=1)
    tau_hold: ds.Quantity = ds.parameter("10 ms", "time constant of the held variable", above=0)
    inverse: Literal["exact", "learned", "fixed", "transpose"] = ds.parameter("learned")
    rule: Literal["difference", "local", "printed"] = ds.parameter(
        "difference", "signal from which weights learn; printed is eq. 6.35 with its misprint"
    )
    circuit = ds.parameters_of("dynamical_tp", without=("target",))


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers; its inputs are `layer0.h` and the `target` of the last layer."""
    base = ds.load_circuit(
        "dynamical_tp", sizes=p.sizes, inverse=p.inverse, target="free", **p.circuit
    )
    last = len(p.sizes) - 1
    if p.rule == "printed" and last < 2:
        raise ds.errors.ShapeError(
            f"sizes is {p.sizes}; by the rule as printed layer 1 does not learn, so there must be a layer 2"
        )
    if p.rule == "printed" and len(set(p.sizes[1:])) > 1:
        raise ds.errors.ShapeError(
            f"sizes is {p.sizes}; the rule as printed subtracts activities of the layer below, so layers 1 to "
            f"{last} must have one size"
        )
    layers = {f"layer{i}" for i in range(1, last + 1)}
    populations = [
        q.replace(equations=q.equations + HELD[p.rule]) if q.name in layers else q
        for q in base.populations
    ]
    matrices = [
        m.replace(plasticity=RULES[p.rule]) if m.name.startswith("w") else m for m in base.matrices
    ]
    projections = list(base.projections)
    if p.rule == "printed":
        populations, matrices, projections = _as_printed(last, populations, matrices, projections)
    return base.replace(
        populations=populations,
        matrices=matrices,
        projections=projections,
        parameters={**base.parameters, "tau_hold": p.tau_hold},
        gates={**base.gates, "hold": 1.0},
    )


def _as_printed(last, populations, matrices, projections):
    """Let each layer learn from the deviation of the layer below; layer 1, above the input, does not learn."""
    more = {f"layer{i}": BELOW for i in range(2, last + 1)}
    for i in range(1, last):
        more[f"layer{i}"] = DEVIATION + more.get(f"layer{i}", "")
    populations = [q.replace(equations=q.equations + more.get(q.name, "")) for q in populations]
    matrices = [
        m.replace(plasticity=None, parameters={}) if m.name == "w1" else m for m in matrices
    ]
    for i in range(2, last + 1):
        below, layer = f"layer{i - 1}", f"layer{i}"
        matrices.append(ds.Matrix(f"one{i}", post=layer, pre=below, initial=ds.Identity()))
        projections.append(ds.Projection(f"{below}.deviation", f"one{i}", f"{layer}.below"))
    return populations, matrices, projections
