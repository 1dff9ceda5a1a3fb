"""Changes to the file of a result, as a damaged disk or a stranger may make them."""

from contextlib import contextmanager

import h5py

from dendrosim.machine.file_checksum import append_checksum


def seal(path):
    """Give a file a new checksum, as a stranger can."""
    with path.open("r+b") as file:
        append_checksum(file)


@contextmanager
def resealed(path):
    """Yield the file for changes, after which its checksum is right again."""
    with h5py.File(path, "a") as file:
        yield file
    seal(path)


def replace_text(file, name, text):
    """Replace a text, which may have another length."""
    del file[name]
    file.create_dataset(name, (), h5py.string_dtype(), data=text)


def as_format_1(path):
    """Turn a file into one of the first format, which had no checksum."""
    with h5py.File(path, "a") as file:
        file.attrs["dendrosim_format"] = [1]
