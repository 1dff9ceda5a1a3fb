"""A connection rule for images: each unit sees a patch of the image below it, as in a locally connected layer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dendrosim.arrays import Integers
from dendrosim.checks import as_whole_number
from dendrosim.circuit.connectivity.base import Connections, Pairs
from dendrosim.errors import ShapeError

_MOST_PLACES = (
    10_000_000  # along an axis; each needs some bytes of memory while patches are counted
)


@dataclass(frozen=True, eq=False)
class LocalPatches(Connections):
    """Connect each unit of an image-like layer with a square patch of the layer below it.

    The presynaptic population is an image of `height` x `width` places with `channels` units each. The
    postsynaptic population has `filters` units for each position of the patch. Every unit sees all channels of its
    patch, and has weights of its own, other than in a convolution. The number of a unit is
    (row * width + column) * channels + channel, and likewise with `filters` for postsynaptic units.

    Parameters
    ----------
    height, width : int
        Size of the presynaptic image, in places.
    channels : int
        Presynaptic units at each place.
    filters : int
        Postsynaptic units at each position of the patch.
    kernel : int
        Height and width of the patch, in places; at most those of the image.
    stride : int, optional
        Distance of neighbouring positions of the patch, in places (default 1).
    padding : {"same", "valid"}, optional
        With "valid", all patches are inside of the image, and there are (height - kernel)/stride + 1 positions
        vertically. With "same" (default), there are height/stride positions; patches at the edges reach beyond the
        image and are cut off there. If the patch reaches over by an odd number of places, the larger part is at
        the bottom and at the right.

    Raises
    ------
    ShapeError
        If the kernel is larger than the image, or the patches do not fit into it without a rest; `Circuit` also
        raises this error if a population does not have as many units as the image or the positions.
    ParameterError
        If a number is not an integer of at least 1.

    Examples
    --------
    >>> import dendrosim as ds
    >>> patches = ds.LocalPatches(height=28, width=28, channels=1, filters=8, kernel=5, padding="valid")
    >>> patches.shape
    (4608, 784)
    >>> layer = ds.Matrix("w", post="cell", pre="image", initial=ds.Normal(0.2), connect=patches)
    """

    height: int
    width: int
    channels: int
    filters: int
    kernel: int
    stride: int = 1
    padding: Literal["same", "valid"] = "same"

    def __post_init__(self) -> None:
        for name in ("height", "width", "channels", "filters", "kernel", "stride"):
            as_whole_number(f"LocalPatches.{name}", getattr(self, name), 1)
        for name, size in (("height", self.height), ("width", self.width)):
            if self.kernel > size:
                raise ShapeError(
                    f"LocalPatches: the kernel is {self.kernel}, larger than {name} = {size}; choose at most "
                    f"{min(self.height, self.width)}"
                )
            rest = (size if self.padding == "same" else size - self.kernel) % self.stride
            if rest:
                whole = f"{name}" if self.padding == "same" else f"{name} - kernel"
                raise ShapeError(
                    f"LocalPatches: the patches do not tile the image: {whole} = {size - self._overlap()} is not "
                    f"a multiple of stride = {self.stride}; change one of them"
                )

            if self._positions(size) * self.kernel > _MOST_PLACES:
                raise ShapeError(
                    f"LocalPatches: {self._positions(size):,} positions of a kernel of {self.kernel:,} along "
                    f"{name} are more than {_MOST_PLACES:,} places; make the image or the kernel smaller"
                )

    def _overlap(self) -> int:
        return self.kernel if self.padding == "valid" else 0

    def _positions(self, size: int) -> int:
        """Return the number of positions of the patch along an axis."""
        return (size - self._overlap()) // self.stride + (self.padding == "valid")

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of postsynaptic and presynaptic units."""
        positions = self._positions(self.height) * self._positions(self.width)
        return positions * self.filters, self.height * self.width * self.channels

    @property
    def count(self) -> int:
        rows, columns = (len(self._pairs(size)[0]) for size in (self.height, self.width))
        return rows * columns * self.channels * self.filters

    def check(self, where: str, post: int, pre: int, same: bool) -> None:
        for name, units, needed in zip(("post", "pre"), (post, pre), self.shape, strict=True):
            if units != needed:
                raise ShapeError(
                    f"{where}: LocalPatches needs {needed:,} units in the {name} population, which has {units:,}"
                )

    def expected(self, post: int, pre: int) -> float:
        return self.count

    def draw(self, post: int, pre: int, same: bool, rng: np.random.Generator) -> Pairs:
        (to_row, row), (to_column, column) = self._pairs(self.height), self._pairs(self.width)
        to = to_row[:, None] * self._positions(self.width) + to_column
        from_ = row[:, None] * self.width + column
        to = to.ravel()[:, None, None] * self.filters + np.arange(self.filters)[:, None]
        from_ = from_.ravel()[:, None, None] * self.channels + np.arange(self.channels)
        to, from_ = np.broadcast_arrays(to, from_)
        return to.ravel(), from_.ravel()

    def _pairs(self, size: int) -> tuple[Integers, Integers]:
        """Return all positions of the patch and places of the image along an axis that belong together."""
        positions = self._positions(size)
        beyond = max((positions - 1) * self.stride + self.kernel - size, 0)
        first = np.arange(positions) * self.stride - beyond // 2
        places = first[:, None] + np.arange(self.kernel)
        inside = (places >= 0) & (places < size)
        return np.nonzero(inside)[0].astype(np.int64), places[inside].astype(np.int64)
