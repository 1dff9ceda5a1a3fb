"""From a protocol's structure to C++ sources and a manifest, through Brian2's standalone device.

Brian2 writes one file per code object. They are merged into two translation units, which read the headers once
each and compile side by side: `steps.cpp` has what runs in every step, and only it is worth much optimising;
`program.cpp` has the rest.
"""

import shutil
from pathlib import Path
from typing import Any

from brian2.core.variables import DynamicArrayVariable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice

from dendrosim.engine.built import Built
from dendrosim.engine.compiled import real
from dendrosim.engine.cpp.dense import CppDense
from dendrosim.engine.sources import FUNCTION, INCLUDE, listed, network, write_manifest
from dendrosim.engine.synapses import Bundle
from dendrosim.protocol import Protocol

_HEADERS = (
    "functions.h", "parallel.h", "tiles.h", "dense.h", "random.h", "normals.h", "task.h", "runtime.h",
    "checkpoint.h",
)  # fmt: skip

_KNOWING = ("ds::defer(", "ds::flush(", "ds::feed(")  # feed: what it sets, none of those looks at that may wait


def generate(protocol: Protocol, precision: str, folder: Path) -> None:
    """Write `steps.cpp`, `program.cpp`, Brian2's headers and `manifest.json` into a folder."""
    dense = CppDense()
    with network(CPPStandaloneDevice, protocol, precision, dense, folder) as (device, built):
        _write_glue(device, built, dense, folder)
        kernels = real(built) if built.circuit.matrices else None
        write_manifest(built, folder, kernels=kernels)
        _merge(device, folder)


def _write_glue(device: Any, built: Built, dense: CppDense, folder: Path) -> None:
    clock = device.get_array_name(built.clock.variables["t"]).rsplit("_t", 1)[0]
    named = {id(v) for v in built.arrays.values()}
    spans = [
        f"    hidden.push_back({{brian::{name}, (int64_t)sizeof(*brian::{name})*{variable.size}}});"
        for variable, name in device.arrays.items()
        if id(variable) not in named and _moves(variable)
    ]
    text = f"""// Names the program's arrays and runs its network for as many steps as the task says.
namespace ds {{
Array arrays[{len(built.arrays)}];
const int64_t array_count = {len(built.arrays)};
void give_weights();
void start()
{{
    const Array all[] = {{
{listed(device, built, dense)}
    }};
    std::copy(std::begin(all), std::end(all), arrays);
    give_weights();
{chr(10).join(_bundle(device, b, clock) for b in built.bundles.values())}
{chr(10).join(spans)}
    load();
    brian::{clock}_dt[0] = task.dt;
    for (Bundle& b : bundles) b.prepare(b);
    resume();
}}
// Network::run would do, but it looks up the clock of every object in every step, and asks for the time.
void loop()
{{
    using namespace brian;
    ds_clock.timestep[0] = task.step;
    ds_clock.t[0] = task.step*task.dt;
    const auto begin = std::chrono::steady_clock::now();
    Network::_globally_running = true;
    Network::_globally_stopped = false;
    while (task.step < task.steps && !Network::_globally_stopped)
    {{
        for (const auto& object : ds_network.objects)
        {{
            if (object.second) object.second();
            if (diverged) break;
        }}
        if (diverged) break;
        ds_clock.tick();
    }}
    Network::_globally_running = false;
    task.seconds = seconds(begin, std::chrono::steady_clock::now());
}}
}}
"""
    (folder / "ds_glue.cpp").write_text(text)
    text = f"""// The program's matrices. Their operations are in kernels.cpp.
extern template class ds::Weights<{real(built)}>;
namespace ds {{
{chr(10).join(dense.declarations(built))}
void give_weights()
{{
{chr(10).join(dense.assignments(built))}
}}
}}
"""
    (folder / "ds_weights.cpp").write_text(text)


def _moves(variable: Any) -> bool:
    """Whether an array can change from step to step; those of synapses are kept with their pathway."""
    return not (variable.constant or isinstance(variable, DynamicArrayVariable))


def _bundle(device: Any, bundle: Bundle, clock: str) -> str:
    """Return the statement that tells where the synapses of a pathway are kept."""

    def name(variable: Any) -> str:
        return f"brian::{device.get_array_name(variable, access_data=False)}"

    synapses = bundle.synapses
    values = ", ".join(f"&{name(v)}" for v in bundle.values.values())
    last = synapses.variables.get("lastupdate")
    blank = f"&{name(last)}" if last is not None else ""
    sizes = {"pre": synapses.source, "post": synapses.target}
    prepares, queues = [], []
    for kind, pathway in bundle.pathways.items():
        delays = "b.delays.data(), (int)b.delays.size()" if kind == "pre" else "&none, 1"
        other = "post" if kind == "pre" else "pre"
        counts = f"{len(sizes[kind])}, {len(sizes[other])}"
        prepares.append(
            f"brian::{pathway.name}.prepare({counts}, {delays}, b.{kind}->data(), (int)b.{kind}->size(), task.dt);"
        )
        queues.append(
            f"for (auto* q : brian::{pathway.name}.queue) b.queues.push_back({{&q->offset, &q->queue}});"
        )
    pre, post = (name(synapses.variables[f"_synaptic_{k}"]) for k in ("pre", "post"))
    count = device.get_array_name(synapses.variables["N"])
    return f"""    bundles.push_back({{&{pre}, &{post}, brian::{count}, {{{values}}}, {{{blank}}},
        [](Bundle& b) {{ double none = 0; (void)none; {" ".join([*prepares, *queues])} }}, {{}}, {{}}}});"""


def _merge(device: Any, folder: Path) -> None:
    """Write `steps.cpp`, with code objects each in a namespace of its own, and `program.cpp`, with the rest."""
    sources = sorted(device.writer.source_files)
    objects = [s for s in sources if s.startswith("code_objects/")]
    headers = sorted(h for h in device.writer.header_files if not h.startswith("code_objects/"))
    used = {line.strip() for s in objects for line in INCLUDE.findall((folder / s).read_text())}
    declared = [s.replace(".cpp", ".h") for s in objects]
    common = [*sorted(u for u in used if "<" in u), "#include <algorithm>", "#include <random>"]
    common += [f'#include "{h}"' for h in ["runtime.h", *headers, *declared]]
    steps = [*common, '#include "ds_weights.cpp"']
    for source in objects:
        name = Path(source).stem
        steps += [f"namespace ds_{name} {{", "using ds::exp;", "using ds::tanh;", f'#include "{source}"', "}"]
        text = (folder / source).read_text()
        # Loops may wait in order to run together, see parallel.h; what does not know of it finds none waiting.
        first = "" if any(known in text for known in _KNOWING) else "ds::flush(); "
        steps += [f"void {f}() {{ {first}ds_{name}::{f}(); }}" for f in FUNCTION.findall(text)]
    rest = [s for s in sources if s not in objects and s != "main.cpp"]
    program = [*common, *(f'#include "{s}"' for s in rest)]
    program += [f'#include "{s}"' for s in ("checkpoint.h", "ds_glue.cpp", "main.cpp")]
    for unit, lines in (("steps", steps), ("program", program)):
        (folder / f"{unit}.cpp").write_text("\n".join([*lines, ""]))
    for header in _HEADERS:
        shutil.copy(Path(__file__).with_name(header), folder)
