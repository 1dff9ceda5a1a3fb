"""A chain of layers, each of which receives the rates of the layer below through a matrix of its own.

The populations are `layer0`, which is the input, and `layer1` to `layerL`; matrix `w{i}` leads to layer i.
"""

from collections.abc import Sequence

from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.matrix import Matrix, Projection
from dendrosim.circuit.population import Population
from dendrosim.errors import ParameterError


def count_layers(sizes: Sequence[int]) -> int:
    """Return the number of layers above the input.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, input first.

    Raises
    ------
    ParameterError
        If there are fewer than two layers.
    """
    if len(sizes) < 2:
        raise ParameterError(f"sizes is {sizes}; there must be an input and an output layer")
    return len(sizes) - 1


def input_layer(units: int) -> Population:
    """Return the population `layer0`, whose rates `h` are an input."""
    return Population("layer0", units, "h : 1", inputs=["h"])


def chain_populations(
    sizes: Sequence[int], hidden: str, output: str, transfer: str, *, linear: bool = False
) -> list[Population]:
    """Return the populations `layer0` to `layerL`, where layer L has an input `target`.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, input first.
    hidden, output : str
        Equations of layers 1 to L - 1, and of layer L.
    transfer : str
        Transfer function of layers 1 to L.
    linear : bool, default False
        Whether layer L has no transfer function.
    """
    last = len(sizes) - 1
    between = [Population(f"layer{i}", sizes[i], hidden, transfer=transfer) for i in range(1, last)]
    top = Population(
        f"layer{last}", sizes[last], output, ["target"], transfer=None if linear else transfer
    )
    return [input_layer(sizes[0]), *between, top]


def chain_weights(
    initial: Initial | Sequence[Initial], rules: Sequence[str | None], target: str
) -> tuple[list[Matrix], list[Projection]]:
    """Return the matrices `w1` to `wL`, and projections through them from the rates `h` of the layer below.

    Parameters
    ----------
    initial : Initial, or sequence of L Initial
        Initial weights, of all matrices or of each.
    rules : sequence of L str or None
        Plasticity of each matrix.
    target : str
        Variable of layers 1 to L to which the projections add, such as "bottom_up".
    """
    starts = [initial] * len(rules) if isinstance(initial, Initial) else initial
    matrices = [
        Matrix(f"w{i}", f"layer{i}", f"layer{i - 1}", start, rule)
        for i, (start, rule) in enumerate(zip(starts, rules, strict=True), 1)
    ]
    projections = [Projection(f"{m.pre}.h", m.name, f"{m.post}.{target}") for m in matrices]
    return matrices, projections
