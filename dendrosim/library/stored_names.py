"""Finds protocols by names that were read from a file, which anybody may have written.

A name in such a file must not be enough for code to be executed. Therefore only protocols of the catalogue are
found, and files that the user has loaded by their paths in this process.
"""

from dendrosim.errors import UnknownNameError
from dendrosim.library.catalogue import (
    PATH_VARIABLE,
    Entry,
    catalogue_entry_at,
    find_named,
    is_path,
    lookup_name,
)

_given: dict[str, Entry] = {}


def remember_given(entry: Entry) -> str:
    """Note that the user has given the file of an entry, and return the name that its protocols keep."""
    name = lookup_name(entry)
    if is_path(name):
        _given[name] = entry
    return name


def find_stored_entry(name: str) -> Entry:
    """Return the entry of a protocol by a name that was read from a file.

    Raises
    ------
    UnknownNameError
        If the name is neither that of a protocol in the catalogue nor the path of a file that was loaded before.
    """
    if not is_path(name):
        try:
            return find_named(name, "protocol")
        except UnknownNameError as error:
            error.args = (f"{error}; {_advice('if it is a file of yours, give it')}",)
            raise
    found = catalogue_entry_at(name, "protocol") or _given.get(name)
    if found is None:
        unknown = UnknownNameError("protocol", name, ())
        unknown.args = (
            f"the protocol is the file {name!r}, which is not in the catalogue, and no file is executed because a "
            f"stored name says so; {_advice('give it yourself')}",
        )
        raise unknown
    return found


def _advice(begin: str) -> str:
    return (
        f"{begin}: `dendrosim plot RESULT.nc --protocol FILE`, `dendrosim run FILE --resume DIR`, "
        f"ds.measure(result, protocol=FILE) or ds.load_protocol(FILE), or name its folder in {PATH_VARIABLE}"
    )
