"""Sources of a compiled program as Brian2 writes them, and what every back end of this kind writes beside them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from brian2.devices.device import all_devices
from brian2.units.allunits import second

from dendrosim.engine.network.brian_session import brian
from dendrosim.engine.network.build import build
from dendrosim.engine.network.parts import Built
from dendrosim.engine.standalone.operations import CompiledDense
from dendrosim.errors import ShapeError
from dendrosim.protocol.protocol import Protocol

INCLUDE = re.compile(r"^\s*#include\s*[<\"][^>\"]*[>\"]", re.M)
FUNCTION = re.compile(r"^void (_(?:before_|after_)?run_\w+)\(\)\s*$", re.M)
_LARGEST = 2**31 - 1  # elements of an array: Brian2's programs count them in 32 bits


@contextmanager
def network(
    kind: Any, protocol: Protocol, precision: str, dense: CompiledDense, folder: Path,
    *first: str,
) -> Iterator[tuple[Any, Built]]:  # fmt: skip
    """Write Brian2's sources of a protocol into a folder, for a new device of a kind; yield device and network.

    `first` are statements with which the program begins, after it has learnt the folder of its run.

    Raises
    ------
    ShapeError
        If an array has more elements than the programs can count.
    """
    _check_sizes(protocol)
    name = dense.codeobj_class.class_name
    all_devices[name] = kind()
    with brian(name, precision, build_on_run=False) as device:
        try:
            for line in ("ds::use_folder(args.at(0)); args.clear();", *first):
                device.insert_code("before_start", line)
            device.insert_code("after_network_run", "ds::start(); ds::loop();")
            device.insert_code("before_end", "return ds::finish();")
            built = build(protocol, precision, dense)
            for bundle in built.bundles.values():
                # The task file provides the synapses; without this flag Brian2 refuses to run them.
                bundle.synapses._connect_called = True
            built.network.run(0 * second, namespace={})
            device.build(directory=str(folder), compile=False, run=False, with_output=False)
            yield device, built
        finally:
            del all_devices[name]


def _check_sizes(protocol: Protocol) -> None:
    circuit = protocol.circuit
    sizes = {f"population {p.name!r}": p.size * protocol.batch for p in circuit.populations}
    for matrix in circuit.matrices:
        rows, columns = circuit.shape(matrix)
        sizes[f"matrix {matrix.name!r}"] = rows * columns
    for what, size in sizes.items():
        if size > _LARGEST:
            raise ShapeError(
                f"{what} has {size:,} elements; compiled programs can count {_LARGEST:,} in one array, so make "
                "it or the batch smaller"
            )


def listed(device: Any, built: Built, dense: CompiledDense) -> str:
    """Return the program's list of arrays: where each is, its size, and the bytes of an element."""
    lines = [
        f"    {{{dense.arrays}{device.get_array_name(v)}, {v.size}, {np.dtype(v.dtype).itemsize}}},"
        for v in built.arrays.values()
    ]
    return "\n".join(lines)


def write_manifest(built: Built, folder: Path, **more: Any) -> None:
    """Write what the host has to know of a program."""
    keys = list(built.arrays)
    manifest = {
        "keys": keys,
        "sizes": [int(built.arrays[k].size) for k in keys],
        "dtypes": [np.dtype(built.arrays[k].dtype).str for k in keys],
        "ones": built.ones,
        "bundles": {name: list(bundle.values) for name, bundle in built.bundles.items()},
        **more,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
