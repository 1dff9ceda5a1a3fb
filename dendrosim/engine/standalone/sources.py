"""Sources of a compiled program: Brian2 writes them, and each back end adds its own text."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from brian2.devices.device import all_devices
from brian2.units.allunits import second

from dendrosim.engine.network.brian_session import brian_session
from dendrosim.engine.network.build import build
from dendrosim.engine.network.heun import repeated_objects
from dendrosim.engine.network.parts import Bundle, NetworkParts
from dendrosim.engine.standalone.operations import CompiledOperations
from dendrosim.errors import ShapeError
from dendrosim.protocol.protocol import Protocol

INCLUDE = re.compile(r"^\s*#include\s*[<\"][^>\"]*[>\"]", re.M)
FUNCTION = re.compile(r"^void (_(?:before_|after_)?run_\w+)\(\)\s*$", re.M)
_LARGEST = 2**31 - 1  # largest size of an array: Brian2's programs count elements in 32 bits


@contextmanager
def network(
    device_class: Any, protocol: Protocol, precision: str, operations: CompiledOperations, folder: Path,
    *first: str,
) -> Iterator[tuple[Any, NetworkParts]]:  # fmt: skip
    """Write Brian2's sources of a protocol into a folder, for a new device; yield device and network.

    The program executes the statements `first` as soon as it has the path of its run's folder.

    Raises
    ------
    ShapeError
        If an array has more elements than the programs can count.
    """
    _check_sizes(protocol)
    name = operations.codeobj_class.class_name
    all_devices[name] = device_class()
    with brian_session(name, precision, build_on_run=False) as device:
        try:
            for line in ("args.resize(2); ds::use_folder(args[0], args[1]); args.clear();", *first):
                device.insert_code("before_start", line)
            device.insert_code("after_network_run", "ds::start(); ds::loop();")
            device.insert_code("before_end", "return ds::finish();")
            parts = build(protocol, precision, operations)
            for bundle in parts.bundles.values():
                if isinstance(bundle, Bundle):
                    # The task file has the connections. Without this flag Brian2 would refuse to run.
                    bundle.synapses._connect_called = True
            parts.network.run(0 * second, namespace={})
            device.build(directory=str(folder), compile=False, run=False, with_output=False)
            yield device, parts
        finally:
            del all_devices[name]


def _check_sizes(protocol: Protocol) -> None:
    circuit = protocol.circuit
    sizes = {f"population {p.name!r}": p.size * protocol.batch for p in circuit.all_populations}
    for matrix in circuit.matrices:
        sizes[f"matrix {matrix.name!r}"] = int(circuit.expected_weights(matrix))
    for what, size in sizes.items():
        if size > _LARGEST:
            raise ShapeError(
                f"{what} has {size:,} elements; compiled programs can count {_LARGEST:,} in one array, so make "
                "it or the batch smaller"
            )


def array_table(device: Any, parts: NetworkParts, operations: CompiledOperations) -> str:
    """Return the program's table of arrays: the name, the size, and the bytes of an element of each array.

    Arrays of synapses come last. Their place and size are not known before the program has read its task.
    """
    lines = [
        f"    {{{operations.arrays}{device.get_array_name(v)}, {v.size}, {np.dtype(v.dtype).itemsize}}},"
        for v in parts.arrays.values()
    ]
    lines += [
        f"    {{nullptr, 0, {np.dtype(v.dtype).itemsize}}},"
        for key, v in parts.all_arrays.items()
        if key not in parts.arrays
    ]
    return "\n".join(lines)


def repetitions(parts: NetworkParts) -> list[str]:
    """Return the statements that list the code objects of the second half of a step, if it has two halves."""
    if parts.protocol.method != "rk2":
        return []
    codes = [code for o in repeated_objects(parts) for code in o._code_objects]
    return [f"    again.push_back(_run_{code.name});" for code in codes]


def write_manifest(parts: NetworkParts, glue: Path, **more: Any) -> None:
    """Write the manifest: what Python has to know about a program to run it.

    A hash of the manifest is added to `glue`, the source that lists the arrays. The program refuses a task or a
    checkpoint with another hash, because the arrays would not have the same order.
    """
    arrays = parts.all_arrays
    manifest = {
        "keys": list(arrays),
        "sizes": [int(v.size) if k in parts.arrays else None for k, v in arrays.items()],
        "dtypes": [np.dtype(v.dtype).str for v in arrays.values()],
        "ones": parts.ones,
        "sparse": [m.name for m in parts.circuit.matrices if m.connect is not None],
        "bundles": {name: list(bundle.values) for name, bundle in parts.bundles.items()},
        **more,
    }
    text = glue.read_text("utf-8")
    digest = hashlib.sha256((json.dumps(manifest) + text).encode()).digest()
    layout = [int(number) for number in np.frombuffer(digest[:16], "<i8")]
    words = ", ".join(f"(int64_t){word % 2**64:#x}ull" for word in layout)
    glue.write_text(f"{text}namespace ds {{ const int64_t layout[2] = {{{words}}}; }}\n", "utf-8")
    (glue.parent / "manifest.json").write_text(json.dumps({**manifest, "layout": layout}), "utf-8")
