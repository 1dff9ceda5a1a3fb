"""IDX and binary CIFAR files that tests write."""

import struct

import numpy as np


def write_idx(folder, split, images, labels):
    """Write images (samples, rows, columns) of bytes, and their labels; `split` is train or t10k."""
    for what, dims, array in (("images", 3, images), ("labels", 1, labels)):
        header = struct.pack(f">2x2B{dims}I", 0x08, dims, *np.shape(array))
        content = header + np.asarray(array, np.uint8).tobytes()
        (folder / f"{split}-{what}-idx{dims}-ubyte").write_bytes(content)


def write_cifar(folder, name, labels, images):
    """Write images (samples, row, column, colour) with labels (samples, labels of a record)."""
    rows = [
        bytes([*label]) + image.transpose(2, 0, 1).tobytes()
        for label, image in zip(labels, images, strict=True)
    ]
    (folder / name).write_bytes(b"".join(rows))


def pictures(*shape, seed=0):
    """Random bytes."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
