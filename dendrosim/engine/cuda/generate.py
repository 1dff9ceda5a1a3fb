"""Generate CUDA sources and a manifest from a protocol's structure, with Brian2CUDA's device.

All sources are merged into one translation unit, in which each code object has its own namespace, because the
headers, thrust above all, take most of the time of compilation.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dendrosim.circuit.circuit import Circuit
from dendrosim.engine.cuda.device import CudaDevice, settings
from dendrosim.engine.cuda.operations import CudaOperations
from dendrosim.engine.network.parts import Bundle, NetworkParts
from dendrosim.engine.plan.spike_texts import effect_texts
from dendrosim.engine.standalone.sources import (
    FUNCTION,
    INCLUDE,
    array_table,
    network,
    repetitions,
    write_manifest,
)
from dendrosim.errors import SpecError
from dendrosim.protocol.protocol import Protocol

_SHARED = (
    "random.h",
    "arithmetic.h",
    "arrays.h",
    "checksum.h",
    "interrupts.h",
    "reader.h",
    "task.h",
)
# The program must number GPUs as nvidia-smi does, because nvidia-smi reports the architecture to compile for.
_ORDER = 'setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);'


def generate(protocol: Protocol, precision: str, folder: Path) -> None:
    """Write `program.cu`, the headers of Brian2CUDA and `manifest.json` into a folder.

    Raises
    ------
    SpecError
        If a name in the circuit means something else to Brian2CUDA.
    ShapeError
        See `dendrosim.engine.standalone.sources.network`.
    """
    _check_names(protocol.circuit)
    _check_random(protocol.circuit)
    operations = CudaOperations()
    with (
        settings(),
        network(CudaDevice, protocol, precision, operations, folder, _ORDER) as (device, parts),
    ):
        _write_glue(device, parts, operations, folder)
        write_manifest(parts, folder / "ds_glue.cu")
        _merge(device, parts, folder)


def _check_random(circuit: Circuit) -> None:
    """Raise SpecError if the texts of a pathway draw random numbers, which synapses on the GPU cannot."""
    for pathway in circuit.pathways:
        if effect_texts(circuit, pathway).keys:
            raise SpecError(
                f"{pathway}: rand() and randn() in its texts do not exist on back end cuda; use --backend cpp"
            )


def _check_names(circuit: Circuit) -> None:
    """Raise SpecError if a name ends in `space`: Brian2CUDA takes all arrays with such names for spike arrays."""
    named: list[tuple[str, Iterable[str]]] = [
        ("the circuit", [*circuit.parameters, *circuit.gates])
    ]
    named += [
        (f"population {p.name!r}", [*p.variables, *p.parameters]) for p in circuit.all_populations
    ]
    named += [(f"matrix {m.name!r}", [m.weight, *m.parameters]) for m in circuit.matrices]
    named += [(f"pathway {p.name!r}", [*p.variables, *p.parameters]) for p in circuit.pathways]
    for where, names in named:
        for name in names:
            if name.endswith("space"):
                raise SpecError(
                    f"{where}: {name!r} ends in 'space', which back end cuda does not allow; rename it, or use "
                    "--backend cpp"
                )


def _write_glue(device: Any, parts: NetworkParts, operations: CudaOperations, folder: Path) -> None:
    clock = device.get_array_name(parts.clock.variables["t"]).rsplit("_t", 1)[0]
    text = f"""// Names the program's arrays and runs its network for as many steps as the task says.
namespace ds {{
Array arrays[{len(parts.all_arrays)}];
const int64_t array_count = {len(parts.all_arrays)};
void start()
{{
    const Array all[] = {{
{array_table(device, parts, operations)}
    }};
    std::copy(std::begin(all), std::end(all), arrays);
{chr(10).join(_bundle(device, b) for b in parts.bundles.values())}
{chr(10).join(repetitions(parts))}
    begin();
    brian::{clock}_dt[0] = task.dt;
    for (Bundle& b : bundles) b.prepare(b);
}}
// Whether an object computes present values, which is done only when they are read.
bool is_evaluation(void (*object)())
{{
    return std::any_of(bundles.begin(), bundles.end(), [=](const Bundle& b) {{ return b.evaluate == object; }});
}}
void loop()
{{
    Clock& clock = brian::{parts.clock.name};
    clock.timestep[0] = 0;
    clock.t[0] = 0;
    const auto begin = std::chrono::steady_clock::now();
    Network::_globally_stopped = false;
    while (task.step < task.steps && !Network::_globally_stopped && !interrupted)
    {{
        for (auto& object : brian::{parts.network.name}.objects)
            if (object.second && !is_evaluation(object.second)) object.second();
        clock.tick();
    }}
    DS_CUDA(cudaDeviceSynchronize());
    task.seconds = seconds(begin, std::chrono::steady_clock::now());
}}
}}
"""
    (folder / "ds_glue.cu").write_text(text, "utf-8")


def _bundle(device: Any, bundle: Bundle) -> str:
    """Return the statement that registers the arrays of a pathway's synapses."""

    def name(variable: Any) -> str:
        return f"brian::dev{device.get_array_name(variable, access_data=False)}"

    synapses = bundle.synapses
    values = ", ".join(f"&{name(v)}" for v in bundle.values.values())
    current = ", ".join(f"&{name(v)}" for v in bundle.current.values())
    evaluate = f"_run_{bundle.evaluation.codeobj.name}" if bundle.evaluation else "nullptr"
    sides = {"pre": (len(synapses.source), "sources"), "post": (len(synapses.target), "targets")}
    prepares = []
    for (side, _), pathway in bundle.pathways.items():
        units, from_ = sides[side]
        delays = "b.delays" if side == "pre" else "{0.0}"
        prepares.append(f"path_{pathway.name}.prepare({units}, b.{from_}, {delays}, task.dt);")
    pre, post = (name(synapses.variables[f"_synaptic_{k}"]) for k in ("pre", "post"))
    count = f"brian::{device.get_array_name(synapses.variables['N'])}"
    return f"""    bundles.push_back({{&{pre}, &{post}, {count}, {{{values}}},
        [](const Bundle& b) {{ {" ".join(prepares)} }}, {{}}, {{}}, {{}}, {{{current}}}, {evaluate}}});"""


def _merge(device: Any, parts: NetworkParts, folder: Path) -> None:
    """Write `program.cu`, which includes every source file, with each code object in its own namespace."""
    sources = sorted(device.writer.source_files)
    objects = [s for s in sources if s.startswith("code_objects/")]
    # Headers of brianlib are included only if a code object needs them; one of them has no include guard.
    headers = sorted(h for h in device.writer.header_files if "/" not in h)
    used = {
        line.strip() for s in objects for line in INCLUDE.findall((folder / s).read_text("utf-8"))
    }
    declared = [s.replace(".cu", ".h") for s in objects]
    paths = [p.name for b in parts.bundles.values() for p in b.pathways.values()]
    lines = [*sorted(u for u in used if "<" in u), "#include <algorithm>", "#include <cassert>"]
    lines += [f'#include "{h}"' for h in ["runtime.cuh", "objects.h", *headers]]
    lines += sorted(u for u in used if "brianlib/" in u)
    lines += [f'#include "{h}"' for h in declared]
    lines += [f"namespace ds {{ Path path_{name}; }}" for name in paths]
    lines += [f'#include "{s}"' for s in sources if s not in objects and s != "main.cu"]
    lines += ['#include "ds_glue.cu"']
    for source in objects:
        name = Path(source).stem
        lines += [f"namespace ds_{name} {{", f'#include "{source}"', "}"]
        lines += [
            f"void {f}() {{ ds_{name}::{f}(); }}"
            for f in FUNCTION.findall((folder / source).read_text("utf-8"))
        ]
    lines += ['#include "main.cu"', ""]
    (folder / "program.cu").write_text("\n".join(lines), "utf-8")
    here = Path(__file__).parent
    shared = here.parent / "standalone" / "source"
    for header in (*here.glob("source/*.cuh"), *(shared / name for name in _SHARED)):
        shutil.copy(header, folder)
