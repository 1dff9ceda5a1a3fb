"""Images in a folder of the user, in one of the formats that are known: IDX or binary CIFAR."""

import os
from typing import Literal

from dendrosim.errors import DataError, ParameterError
from dendrosim.machine.file_paths import AnyPath, as_path
from dendrosim.tasks.cifar import load_cifar_folder
from dendrosim.tasks.dataset import DataSet
from dendrosim.tasks.idx import load_idx_folder

_IDX = ("train-images", "t10k-images")  # beginnings of names
_CIFAR = ("data_batch_1.bin", "test_batch.bin", "train.bin", "test.bin")


def load_image_folder(folder: AnyPath, split: Literal["train", "test"] = "train") -> DataSet:
    """Load images and labels from IDX or binary CIFAR files, whichever the folder has.

    Parameters
    ----------
    folder : str or path
        Folder with files as described in `load_idx_folder` or `load_cifar_folder`.
    split : {"train", "test"}, default "train"
        Training or test set; in IDX files the latter is called `t10k`.

    Returns
    -------
    DataSet

    Raises
    ------
    ParameterError
        If `split` is unknown.
    UsageError
        If `folder` cannot be a path.
    DataError
        If there are no such files, or they cannot be read.
    """
    if split not in ("train", "test"):
        raise ParameterError(f"load_image_folder.split: {split!r} is none of train, test")
    home = as_path("folder of images", folder)
    if not os.path.isdir(home):
        raise DataError(f"{home}: there is no such folder; give one with IDX or binary CIFAR files")
    try:
        names = os.listdir(home)
    except OSError as cause:
        raise DataError(f"{home}: cannot be read ({cause.strerror or cause})") from cause
    if any(name.startswith(_IDX) for name in names):
        return load_idx_folder(home, split)
    if any(name in _CIFAR for name in names):
        return load_cifar_folder(home, split)
    raise DataError(
        f"{home}: holds neither IDX files, such as train-images-idx3-ubyte, nor binary CIFAR files, such as "
        "data_batch_1.bin or train.bin"
    )
