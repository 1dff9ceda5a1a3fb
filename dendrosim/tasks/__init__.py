"""Data sets from which circuits learn."""

from dendrosim.tasks.cifar import load_cifar_folder
from dendrosim.tasks.dataset import DataSet, one_hot
from dendrosim.tasks.digits import load_digits
from dendrosim.tasks.gaussian import canonical_gaussian
from dendrosim.tasks.idx import load_idx_folder, read_idx
from dendrosim.tasks.image_folder import load_image_folder

__all__ = [
    "DataSet",
    "canonical_gaussian",
    "load_cifar_folder",
    "load_digits",
    "load_idx_folder",
    "load_image_folder",
    "one_hot",
    "read_idx",
]
