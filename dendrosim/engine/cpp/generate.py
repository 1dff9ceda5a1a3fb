"""Generate C++ sources and a manifest from a protocol's structure, with Brian2's standalone device.

Brian2 writes one file per code object. These files are merged into two translation units, which are compiled at
the same time: `steps.cpp` has the code that runs in every step, so only it is compiled with high optimisation;
`program.cpp` has the rest. Code that does not depend on the circuit is in `runtime.cpp` and `kernels.cpp`, which
are compiled once for all programs.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from brian2.core.clocks import Clock
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from dendrosim.engine.cpp.operations import CppOperations
from dendrosim.engine.cpp.pathways import RowBundle
from dendrosim.engine.cpp.toolchain import SOURCES
from dendrosim.engine.network.parts import NetworkParts, moves
from dendrosim.engine.plan.carried import carried_keys
from dendrosim.engine.standalone.operations import number_type
from dendrosim.engine.standalone.sources import (
    FUNCTION,
    INCLUDE,
    array_table,
    network,
    repetitions,
    write_manifest,
)
from dendrosim.protocol.protocol import Protocol

_HEADERS = (
    "functions.h", "parallel.h", "tiles.h", "blas.h", "halves.h", "inverse.h", "dense.h",
    "sparse_tiles.h", "sparse.h", "random.h", "arithmetic.h", "normals.h", "arrays.h", "runtime.h", "synapses.h",
    "glue.h",
)  # fmt: skip

# Code with one of these calls needs no `flush` before it. `defer`, `flush`, `begin_effect` and `record` deal with
# deferred loops and effects (see parallel.h) themselves, and none of these reads what `feed` and `fire` set.
_KNOWING = (
    "ds::defer(", "ds::flush(", "ds::begin_effect(", "ds::feed(", "ds::record(", "ds::fire(",
)  # fmt: skip


def generate(protocol: Protocol, precision: str, folder: Path) -> None:
    """Write `steps.cpp`, `program.cpp`, Brian2's headers and `manifest.json` into a folder."""
    operations = CppOperations()
    with network(CPPStandaloneDevice, protocol, precision, operations, folder) as (device, parts):
        carried = carried_keys(protocol, parts.register_kept())
        _write_glue(device, parts, operations, folder)
        kernels = number_type(parts) if parts.circuit.matrices else None
        write_manifest(parts, folder / "ds_glue.cpp", kernels=kernels, carried=carried)
        _merge(device, parts, folder)


def _write_glue(device: Any, parts: NetworkParts, operations: CppOperations, folder: Path) -> None:
    clock = device.get_array_name(parts.clock.variables["t"]).rsplit("_t", 1)[0]
    named = {id(v) for v in parts.all_arrays.values()}
    spans = [
        f"    hidden.push_back({{brian::{name}, (int64_t)sizeof(*brian::{name})*{variable.size}}});"
        for variable, name in device.arrays.items()
        if id(variable) not in named and moves(variable) and not isinstance(variable.owner, Clock)
    ]
    text = f"""// Gives the runtime the program's arrays and objects.
namespace ds {{
{chr(10).join(f"extern Rows {b.rows};" for b in parts.bundles.values())}
Array arrays[{len(parts.all_arrays)}];
const int64_t array_count = {len(parts.all_arrays)};
void give_weights();
void start()
{{
    const Array all[] = {{
{array_table(device, parts, operations)}
    }};
    for (int64_t i = 0; i < array_count; i++) arrays[i] = all[i];
    give_weights();
{chr(10).join(_delay_lines(parts))}
{chr(10).join(_bundle(device, b) for b in parts.bundles.values())}
{chr(10).join(spans)}
{chr(10).join(repetitions(parts))}
}}
void loop()
{{
    std::vector<void (*)()> objects;
    for (const auto& object : brian::ds_network.objects) if (object.second) objects.push_back(object.second);
    run(objects, {{brian::{clock}_timestep, brian::{clock}_t, brian::{clock}_dt, &Network::_globally_stopped}});
}}
}}
"""
    (folder / "ds_glue.cpp").write_text(text, "utf-8")
    number = number_type(parts)
    text = f"""// The program's matrices. Their operations are in kernels.cpp.
#include "sparse.h"
extern template class ds::Weights<{number}>;
extern template class ds::Inverse<{number}>;
extern template class ds::Sparse<{number}>;
namespace ds {{
{chr(10).join(operations.declarations(parts))}
void give_weights()
{{
{chr(10).join(operations.assignments(parts))}
}}
}}
"""
    rows = "\n".join(
        ["namespace ds {", *(b.declaration() for b in parts.bundles.values()), "}", ""]
    )
    (folder / "ds_synapses.cpp").write_text(rows, "utf-8")
    none = "namespace ds { void give_weights() {} }\n"
    (folder / "ds_weights.cpp").write_text(text if parts.circuit.matrices else none, "utf-8")


def _delay_lines(parts: NetworkParts) -> list[str]:
    """Return the statements that register the projections with a delay, with the bytes of their sources."""
    delayed = [p for p in parts.circuit.projections if p.delay is not None]
    sources = [parts.circuit.variable(p.source)[0] for p in delayed]
    size = parts.dtype().itemsize * parts.protocol.batch
    return [f"    delay_lines.push_back({{{s.size * size}}});" for s in sources]


def _bundle(device: Any, bundle: RowBundle) -> str:
    """Return the statement that registers the arrays of a pathway's synapses."""

    def name(variable: Any) -> str:
        return f"brian::{device.get_array_name(variable, access_data=False)}"

    def listed(arrays: dict[str, Any]) -> list[str]:
        found = []
        for key, variable in arrays.items():
            end = bundle.ends[key]
            if end == "synapse":
                found.append(f"{{Variable::synapse, {{&{name(variable)}}}}}")
            else:
                unit = f"{name(variable)}, {variable.size}, {np.dtype(variable.dtype).itemsize}"
                found.append(f"{{Variable::{end}, {{(std::vector<double>*)nullptr}}, {{{unit}}}}}")
        return found

    variables, current = listed(bundle.values), listed(bundle.current)
    evaluate = f"_run_{bundle.evaluation.codeobj.name}" if bundle.evaluation else "nullptr"
    lists = [f"{{{', '.join(x)}}}" for x in (variables, current)]
    return f"    bundles.push_back({{&{bundle.rows}, {', '.join(lists)}, {evaluate}}});"


def _merge(device: Any, parts: NetworkParts, folder: Path) -> None:
    """Write `steps.cpp`, with each code object in its own namespace, and `program.cpp`, with the rest."""
    sources = sorted(device.writer.source_files)
    objects = [s for s in sources if s.startswith("code_objects/")]
    rest = [s for s in sources if s not in objects and s != "main.cpp"]
    known = folder / "objects.cpp"
    known.write_text(_UNCALLED.sub(r"\1}", known.read_text("utf-8")), "utf-8")
    texts = {Path(s).stem: (folder / s).read_text("utf-8") for s in objects}
    declared = [f'#include "{s.replace(".cpp", ".h")}"' for s in objects]
    steps = _needed(parts, texts.values(), folder)
    steps += ['#include "runtime.h"', '#include "ds_weights.cpp"']
    if parts.bundles:
        steps += ['#include "synapses.h"', '#include "ds_synapses.cpp"']
    steps += declared
    steps += [
        f"#undef {name}" for name in _given_names(parts)
    ]  # a circuit may use the name of a macro, such as INT_MAX
    for name, text in texts.items():
        steps += [
            f"namespace ds_{name} {{ using ds::exp; using ds::tanh;",
            INCLUDE.sub("", text),
            "}",
        ]
        # Deferred loops run before code that does not deal with them itself.
        first = "" if any(known in text for known in _KNOWING) else "ds::flush(); "
        steps += [f"void {f}() {{ {first}ds_{name}::{f}(); }}" for f in FUNCTION.findall(text)]
    program = ['#include "objects.h"', *declared, *(f'#include "{s}"' for s in rest)]
    program += [f'#include "{s}"' for s in ("glue.h", "ds_glue.cpp", "main.cpp")]
    for unit, lines in (("steps", steps), ("program", program)):
        (folder / f"{unit}.cpp").write_text("\n".join([*lines, ""]), "utf-8")
    for home in SOURCES:
        for header in _HEADERS:
            if (home / header).exists():
                shutil.copy(home / header, folder)


def _needed(parts: NetworkParts, texts: Iterable[str], folder: Path) -> list[str]:
    """Return the includes and declarations that code objects need, without headers that are slow to compile."""
    used = {line.strip() for text in texts for line in INCLUDE.findall(text)}
    arrays = _ARRAY.findall((folder / "objects.h").read_text("utf-8"))
    light = sorted(u for u in used if not _HEAVY.search(u))
    return [*light, "#include <vector>", "namespace brian {", *arrays, "}"]


def _given_names(parts: NetworkParts) -> list[str]:
    """Return the names of the circuit's variables, parameters and gates."""
    circuit = parts.circuit
    names = {*circuit.parameters, *circuit.gates}
    names.update(*(p.variables for p in circuit.all_populations))
    names.update(*(p.parameters for p in circuit.all_populations))
    names.update(*(p.variables for p in circuit.pathways))
    names.update(*(p.parameters for p in circuit.pathways))
    return sorted(names)


# Functions of Brian2 that no program calls. They have statements for every array, so their bodies are removed.
_UNCALLED = re.compile(
    r"(^void (?:set_variable_by_name|_write_arrays|_dealloc_arrays)\([^)]*\)\s*{).*?^}", re.M | re.S
)
_ARRAY = re.compile(r"^extern .*_array_\w+;$", re.M)
_HEAVY = re.compile('<(fstream|iostream)>|"objects.h"|"code_objects/')
