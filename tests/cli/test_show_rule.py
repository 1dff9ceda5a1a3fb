"""`dendrosim show RULE` prints the texts, parameters and sources of every rule."""

import json

import pytest

import dendrosim as ds
from dendrosim.cli.show_rule import is_rule


@pytest.mark.parametrize("name", dir(ds.rules))
def test_every_rule_is_shown_with_its_parameters_and_sources(call, name):
    code, out, _ = call("show", name)
    rule = getattr(ds.rules, name)()
    assert code == 0
    assert out.startswith(f"{name} (rule, ds.rules.{name})")
    assert "sources\n" in out
    assert all(f"    {parameter} = " in out for parameter in rule.parameters)


def test_a_rule_is_shown_as_json(call):
    _, out, _ = call("show", "pair_stdp", "--json")
    shown = json.loads(out)
    assert shown["kind"] == "rule"
    assert "trace_plus += 1" in shown["rule"]["on_pre"]
    assert shown["text"].startswith("Spike-timing-dependent")


def test_models_come_before_rules(folder):
    assert is_rule("triplet_stdp")
    (folder / "models" / "triplet_stdp.py").write_text(
        '"""Mine."""\n\n\ndef circuit():\n    pass\n'
    )
    assert not is_rule("triplet_stdp")
    assert not is_rule("pairing_rules")
