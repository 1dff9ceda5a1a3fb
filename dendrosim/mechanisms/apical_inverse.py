"""Apical weights that invert the basal weights of the layer above, in the chains of `layer_chain`."""

from collections.abc import Sequence

from dendrosim.circuit.initial_values.pseudo_inverse import PseudoInverse
from dendrosim.circuit.matrix import Matrix
from dendrosim.errors import ParameterError, ShapeError


def check_inverse(sizes: Sequence[int], inverse: str, inverse_error: float) -> None:
    """Check that layers have the exact inverse that is asked for, and that `inverse_error` has a meaning.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, input first.
    inverse : str
        Kind of apical weights: `exact`, `fixed` or another one.
    inverse_error : float
        Relative error of fixed apical weights.

    Raises
    ------
    ShapeError
        If inverses are exact, but layers 1 to L have different sizes.
    ParameterError
        If there is an error, but apical weights are not fixed.
    """
    if inverse == "exact" and len(set(sizes[1:])) > 1:
        raise ShapeError(
            f"sizes is {sizes}; for exact inverses, layers 1 to {len(sizes) - 1} must have one size (layer 0 may "
            "differ); otherwise choose inverse=learned or inverse=fixed"
        )
    if inverse_error and inverse != "fixed":
        raise ParameterError(
            f"inverse_error is {inverse_error}, but it has a meaning only with inverse=fixed; leave it out"
        )


def apical_inverse(i: int, inverse: str, inverse_error: float, rule: str | None) -> Matrix:
    """Return the matrix `q{i}` from layer i + 1 to layer i.

    Parameters
    ----------
    i : int
        Number of the layer that the matrix leads to.
    inverse : str
        `exact`: the inverse of `w{i+1}` at all times. Otherwise the matrix starts from the pseudo-inverse.
    inverse_error : float
        Relative error of the initial weights.
    rule : str or None
        Plasticity, if inverses are not exact.
    """
    q, layer, above, w = f"q{i}", f"layer{i}", f"layer{i + 1}", f"w{i + 1}"
    if inverse == "exact":
        return Matrix(q, layer, above, inverse_of=w)
    return Matrix(q, layer, above, PseudoInverse(w, 1 + inverse_error), rule)
