"""Equations in the file of a stranger are never executed as Python; what cannot be an equation does not open."""

import json
import os

import pytest
import result_examples
from result_files import replace_text, resealed

import dendrosim as ds
from campaigns.tally import Tally
from dendrosim.equations.rewriting import parse_expression
from dendrosim.errors import EquationError

ATTACKS = (
    "__import__('os').system('touch executed')",
    "__import__('os').mkdir('executed')",
    "open('executed', 'w')",
    "exec('open(\"executed\", \"w\")')",
    "eval('open(\"executed\", \"w\")')",
    "().__class__.__base__.__subclasses__()",
    "(lambda: open('executed', 'w'))()",
    "[open(f, 'w') for f in ('executed',)][0]",
    "f'{open(\"executed\", \"w\")}'",
    "(x := open('executed', 'w'))",
    "exp.__globals__['__builtins__']['open']('executed', 'w')",
    "sqrt.__self__",
    "v if open('executed', 'w') else v",
    "v*(1).__class__",
    "print(v)",
    "int(open('executed', 'w').fileno())",
    "rand()*breakpoint()",
    "{'v': open('executed', 'w')}['v']",
    "v; import os; os.mkdir('executed')",
    "v\n    import os",
    "v*2); system(\"touch executed\"); (1",
    "v /* */ + system(\"touch executed\")",
    "9**9**9",
    "v" + " + v" * 5000,
    "(" * 500 + "v" + ")" * 500,
    "-" * 5000 + "v",
    "v" + " " * 200_000,
    "\x00v",
    "v\u202e",
    "ｖ + ﹍import﹍",
)  # fmt: skip

PLACES = {
    "state": lambda p, text: soma(p).update(equations=equations(text)),
    "subexpression": lambda p, text: soma(p).update(
        equations=equations("-v/ms") + f"\nextra = {text} : 1"
    ),
    "threshold": lambda p, text: soma(p).update(threshold=f"v > {text}"),
    "reset": lambda p, text: soma(p).update(threshold="v > 1*volt", reset=f"v = {text}"),
    "refractory": lambda p, text: soma(p).update(threshold="v > 1*volt", refractory=text),
    "refractory condition": lambda p, text: soma(p).update(
        threshold="v > 1*volt", refractory=f"v > {text}"
    ),
    "condition": lambda p, text: soma(p).update(events=event(f"v > {text}", "v = 0*volt")),
    "action": lambda p, text: soma(p).update(events=event("v > 1*volt", f"v = {text}")),
    "plasticity": lambda p, text: p["circuit"]["matrices"][0].update(
        plasticity=f"dw/dt = {text} : volt"
    ),
    "unit": lambda p, text: soma(p).update(equations=f"{equations('-v/ms')}\nextra = v : {text}"),
    "transfer": lambda p, text: soma(p).update(transfer=text),
}


def soma(protocol):
    return protocol["circuit"]["populations"][1]


def event(condition, action):
    found = {"kind": "Event", "condition": condition, "action": action}
    return {"kind": "mapping", "items": {"high": found}}


def equations(rate):
    return f"dv/dt = {rate} : volt\ndu/dt = -u/tau : 1\ndrive : volt"


@pytest.mark.parametrize("place", PLACES)
def test_no_text_of_a_file_is_executed(tmp_path, monkeypatch, place, record_property):
    monkeypatch.chdir(tmp_path)
    path, tally = tmp_path / "result.nc", Tally(f"hostile texts, {place}", seconds=20)
    result_examples.result().save(path)
    content = path.read_bytes()
    for text in ATTACKS:
        path.write_bytes(content)
        with resealed(path) as file:
            protocol = json.loads(file["protocol"][()])
            PLACES[place](protocol, text)
            replace_text(file, "protocol", json.dumps(protocol))
        tally.judge(repr(text[:80]), lambda: ds.open_result(path), lambda result: False)
        assert os.listdir(tmp_path) == ["result.nc"], text
    tally.conclude(record_property)


PATHWAY = {
    "equations": lambda text: {"equations": f"gain = {text} : 1", "on_pre": "u_post += gain"},
    "clock-driven state": lambda text: {
        "equations": f"dgain/dt = {text} : 1 (clock-driven)",
        "on_pre": "u_post += gain",
    },
    "event-driven state": lambda text: {
        "equations": f"dgain/dt = {text} : 1 (event-driven)",
        "on_pre": "u_post += gain",
    },
    "sum over synapses": lambda text: {"equations": f"fed_post = {text} : 1 (summed)"},
    "on_pre": lambda text: {"on_pre": f"u_post += {text}"},
    "on_post": lambda text: {"on_pre": "u_post += 1", "on_post": f"u_post -= {text}"},
    "on_pre of an event": lambda text: {
        "on_pre": {"spike": "u_post += 1", "high": f"u_post += {text}"}
    },
    "name of an event": lambda text: {"on_pre": {text: "u_post += 1"}},
    "weight": lambda text: {"on_pre": "u_post += weight", "weight": text},
    "delay": lambda text: {"on_pre": "u_post += 1", "delay": text},
    "post_delay": lambda text: {
        "on_pre": "u_post += 1",
        "on_post": "u_post += 1",
        "post_delay": text,
    },
}


@pytest.mark.parametrize("field", PATHWAY)
def test_no_text_of_a_pathway_is_executed(tmp_path, monkeypatch, field, record_property):
    monkeypatch.chdir(tmp_path)
    tally = Tally(f"hostile texts, pathway, {field}", seconds=20)
    cell = ds.Population(
        "cell", 2, "du/dt = (fed - u)/ms : 1\nfed : 1", threshold="u > 1", reset="u = 0",
        events={"high": ds.Event("u > 2")},
    )  # fmt: skip

    def circuit(text):
        pathway = ds.Pathway(
            "self", pre="cell", post="cell", connect=ds.OneToOne(), **PATHWAY[field](text)
        )
        feed = (ds.Projection("cell.u", "w", "cell.fed"),) if not pathway.sums else ()
        return ds.Circuit((cell,), (ds.Matrix("w", "cell", "cell"),), feed, pathways=(pathway,))

    for text in ATTACKS:
        tally.judge(repr(text[:80]), lambda text=text: circuit(text), lambda result: False)
        assert not os.listdir(tmp_path), text
    tally.conclude(record_property)


def test_an_expression_has_no_texts_attributes_or_other_syntax():
    for text in (
        "f('1')",
        "f(b'1')",
        "a.b",
        "a[0]",
        "f(x=1)",
        "(1).real",
        "1j",
        "None",
        "...",
        "f(*a)",
        "[a]",
        "(a, b)",
    ):
        with pytest.raises(EquationError):
            parse_expression(text)
    for text in (
        "a + -b*exp(c)**2 % 3 // 1e-3",
        "a > b and not (c <= 1 or d != 2)",
        "f(g(x), True)",
    ):
        assert parse_expression(text)
