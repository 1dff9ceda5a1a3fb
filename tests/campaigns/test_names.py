"""Every identifier of Brian2's and our templates and of generated code, tried as a name in every role.

A name is refused with a clear error when the circuit is made, or the run gives the numbers that it gives with
other names.
"""

import builtins
import keyword
import re
from pathlib import Path

import brian2
import numpy as np
import pytest
from brian2.codegen.runtime.numpy_rt.numpy_rt import NumpyCodeObject

import dendrosim as ds
from dendrosim.circuit.validation import check_symbol
from dendrosim.machine.cache import writable_folder

BRIAN, OWN = Path(brian2.__file__).parent, Path(ds.__file__).parent
TEMPLATES = (
    *(BRIAN / "codegen/runtime/numpy_rt/templates").glob("*"),
    *(BRIAN / "devices/cpp_standalone/templates").glob("*"),
    *(OWN / "engine").glob("c*/templates/*"),
    *(OWN / "engine/cpp/source").glob("*.h"),
)
AT_ONCE = 120  # names in one circuit
BACKENDS = ("numpy", "cpp")


def one_phase(*populations, recordings=(), **parts):
    return ds.Protocol(
        ds.Circuit(populations, **parts),
        (ds.Block("b", (ds.Phase("p", "3 ms"),)),),
        "1 ms",
        recordings,
    )


SOURCE = ds.Population("source", 2, "drive : 1", inputs={"drive": 1.0}, threshold="drive > 0.5")
TARGET = ds.Population("cell", 2, "dg/dt = -g/(10*ms) : 1")


def states(names):
    text = "".join(f"d{n}/dt = -{n}/(10*ms) : 1\n" for n in names) + "x_in : 1"
    cell = ds.Population(
        "cell", 2, text, inputs={"x_in": 1.0}, threshold="x_in > 0.5", refractory="0*ms",
        reset="\n".join(f"{n} = 0.9*{n}" for n in names), initial={n: 1.0 + k for k, n in enumerate(names)},
    )  # fmt: skip
    feed = ds.Pathway("feed", "source", "cell", "\n".join(f"{n}_post += 0.25" for n in names))
    return one_phase(SOURCE, cell, pathways=(feed,))


def subexpressions(names):
    text = "".join(f"dv{k}_/dt = ({n} - v{k}_)/(10*ms) : 1\n" for k, n in enumerate(names))
    text += "".join(f"{n} = {k}.5*v{k}_ + 1 : 1\n" for k, n in enumerate(names))
    return one_phase(ds.Population("cell", 2, text), recordings=(ds.Recording("cell.*", "1 ms"),))


def shared(names):
    text = "".join(f"dv{k}_/dt = (sin({n}) - v{k}_)/(10*ms) : 1\n" for k, n in enumerate(names))
    cell = ds.Population("cell", 2, text)
    feed = ds.Pathway(
        "feed", "source", "cell", "\n".join(f"v{k}__post += {n}" for k, n in enumerate(names))
    )
    values = {n: k + 1.0 for k, n in enumerate(names)}
    return one_phase(SOURCE, cell, pathways=(feed,), parameters=values)


def per_unit(names):
    text = "".join(f"dv{k}_/dt = ({n} - v{k}_)/(10*ms) : 1\n" for k, n in enumerate(names))
    values = {n: [k + 1.0, k + 2.0] for k, n in enumerate(names)}
    return one_phase(ds.Population("cell", 2, text, parameters=values))


def of_synapses(names):
    code = "\n".join(f"{n} += 1\ng_post += {n}*{k + 1}.5" for k, n in enumerate(names))
    text = "\n".join(f"d{n}/dt = -{n}/(5*ms) : 1 (event-driven)" for n in names)
    return one_phase(
        SOURCE, TARGET, pathways=(ds.Pathway("feed", "source", "cell", code, equations=text),)
    )


def assigned(names):
    code = "\n".join(f"{n} = zz_half*{k + 1}\ng_post += {n}" for k, n in enumerate(names))
    feed = ds.Pathway("feed", "source", "cell", code, parameters={"zz_half": 0.5})
    return one_phase(SOURCE, TARGET, pathways=(feed,))


def plastic(names):
    text = "".join(f"d{n}/dt = -{n}/(10*ms) : 1\n" for n in names)
    cell = ds.Population("cell", 2, text, initial={n: 0.1 + 0.01 * k for k, n in enumerate(names)})
    terms = "+".join(f"{n}_post*tanh({n}_pre)" for n in names)
    return one_phase(
        cell, matrices=(ds.Matrix("w", "cell", "cell", 0.1, f"dw/dt = ({terms} - w)/second : 1"),)
    )


ROLES = (states, subexpressions, shared, per_unit, of_synapses, assigned, plastic)


def numbers(role, names, backend):
    result = ds.run(role(names), backend)
    return [*result.state.values(), *(trace.values for trace in result.traces.values())]


def failures(role, names, backend, known):
    """The names, and what happens with each, that neither work nor are refused when the circuit is made."""
    harmless = [f"zz{k}_" for k in range(len(names))]
    if len(names) not in known:
        known[len(names)] = numbers(role, harmless, backend)
    try:
        role(names)
    except ds.errors.SpecError as error:
        found = "" if len(names) == 1 else str(error)
    else:
        try:
            pairs = zip(numbers(role, names, backend), known[len(names)], strict=True)
            same = all(np.allclose(a, b, rtol=1e-12, atol=0) for a, b in pairs)
            found = "" if same else "other numbers"
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
    if not found:
        return {}
    if len(names) == 1:
        return {names[0]: found}
    half = len(names) // 2
    return {
        name: why
        for part in (names[:half], names[half:])
        for name, why in failures(role, part, backend, known).items()
    }


@pytest.fixture(scope="module")
def candidates():
    """Identifiers that are valid symbols; for each with underscores in front, also the rest, which Brian2 adds."""
    texts = [p.read_text(errors="ignore") for p in TEMPLATES if p.is_file()]
    compile_block = NumpyCodeObject.compile_block

    def keep(code, block):
        texts.append(getattr(code.code, block, None) or "")
        texts.append(" ".join([*map(str, code.namespace), *code.variables]))
        return compile_block(code, block)

    everything = [role(["zz0_", "zz1_"]) for role in ROLES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NumpyCodeObject, "compile_block", keep)
        for protocol in everything:
            ds.run(protocol, "numpy")
    ds.run(everything[0], "cpp")
    programs = writable_folder("programs")
    texts += [path.read_text(errors="ignore") for path in programs.glob("*/*.cpp")]
    words = {
        w
        for text in texts
        for w in re.findall(r"[A-Za-z_]\w*", re.sub(r"//.*|\{#.*?#\}", "", text))
    }
    words |= {*dir(builtins), *keyword.softkwlist, "pre", "post", "np", "numpy"}
    names = {n for w in words for n in (w, w.strip("_"), re.sub("_(pre|post)$", "", w.strip("_")))}
    of_roles = re.compile(r"(zz|v)\d+_|x_in")
    return sorted(n for n in names if len(n) < 40 and not of_roles.fullmatch(n) and _is_symbol(n))


def _is_symbol(name):
    try:
        check_symbol("x", name)
        ds.Population("cell", 1, f"d{name}/dt = -{name}/ms : 1")
        ds.Circuit((ds.Population("cell", 1, f"d{name}/dt = -{name}/ms : 1"),))
    except ds.errors.SpecError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_a_name_is_refused_or_works(role, backend, candidates):
    assert len(candidates) > 1000
    known, found = {}, {}
    for first in range(0, len(candidates), AT_ONCE):
        found |= failures(role, candidates[first : first + AT_ONCE], backend, known)
    assert not found
