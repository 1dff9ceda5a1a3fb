"""Locally connected layers: each unit sees a square patch of the layer below, with weights of its own.

Layers 1 to n of a network have a kernel each (the size of their patches) and a stride (the distance of
neighbouring patches); the layers above are fully connected. Layer i is an image of height_(i-1)/stride_i x
width_(i-1)/stride_i places, with as many units (filters) at each place as the size of the layer allows. Patches at
the edges are cut off there.
"""

from collections.abc import Sequence

from dendrosim.circuit.connectivity.local_patches import LocalPatches
from dendrosim.circuit.declaration import parameter
from dendrosim.errors import ParameterError, prefix_errors


class LocalLayers:
    """Parameters of locally connected layers."""

    image: tuple[int, ...] = parameter(
        (), "height, width and channels of the input, with kernels", least=1
    )
    kernels: tuple[int, ...] = parameter(
        (), "height and width of the patches of locally connected layers, from layer 1 on", least=1
    )
    strides: tuple[int, ...] = parameter(
        (), "distance of neighbouring patches, one for each of kernels (default: 1)", least=1
    )


def patches_of_layers(
    sizes: Sequence[int], image: Sequence[int], kernels: Sequence[int], strides: Sequence[int] = ()
) -> dict[int, LocalPatches]:
    """Return the connection rules of the locally connected layers, by number of the layer.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, input first.
    image, kernels, strides : sequence of int
        See `LocalLayers`.

    Raises
    ------
    ParameterError
        If kernels or strides are too many or missing, or the sizes of layers do not fit.
    ShapeError
        If patches are larger than the layer below, or do not tile it.
    """
    _check(sizes, image, kernels, strides)
    found: dict[int, LocalPatches] = {}
    if not kernels:
        return found
    height, width, channels = image
    for i, (kernel, stride) in enumerate(
        zip(kernels, strides or (1,) * len(kernels), strict=True), 1
    ):
        with prefix_errors(f"kernels, strides: layer {i}"):
            places = LocalPatches(height, width, channels, 1, kernel, stride).shape[0]
        filters, rest = divmod(sizes[i], places)
        if rest:
            raise ParameterError(
                f"sizes is {tuple(sizes)}, but the patches of layer {i} have {places} positions; give it a "
                f"multiple of {places} units, or change kernels or strides"
            )
        found[i] = LocalPatches(height, width, channels, filters, kernel, stride)
        height, width, channels = height // stride, width // stride, filters
    return found


def _check(
    sizes: Sequence[int], image: Sequence[int], kernels: Sequence[int], strides: Sequence[int]
) -> None:
    if not kernels:
        for name, given in (("image", image), ("strides", strides)):
            if given:
                raise ParameterError(
                    f"{name} is {tuple(given)}, which has a meaning only with kernels; leave it out, or "
                    "give kernels"
                )
        return
    if len(image) != 3 or image[0] * image[1] * image[2] != sizes[0]:
        raise ParameterError(
            f"image is {tuple(image)}; with kernels it must be (height, width, channels), whose product is the "
            f"number of inputs, {sizes[0]}"
        )
    if len(kernels) > len(sizes) - 2:
        raise ParameterError(
            f"kernels is {tuple(kernels)}, but there are {len(sizes) - 2} hidden layers; give at most one kernel "
            "for each, because the output layer is fully connected"
        )
    if strides and len(strides) != len(kernels):
        raise ParameterError(
            f"strides is {tuple(strides)} and kernels is {tuple(kernels)}; give one stride for each kernel"
        )
