"""Rules of synapses: what a pathway does with their texts, and which of them do not fit together."""

import pytest

import dendrosim as ds
from dendrosim.errors import EquationError, ParameterError, SpecError, UnknownMemberError

SHORT, PAIR = ds.rules.short_term("depressing"), ds.rules.pair_stdp(weight_max=2)
CELL = "dv/dt = -v/(10*ms) : 1"


def pathway(rule, **changes):
    given = {"on_pre": "g_post += weight*released", "weight": 1.0, **changes}
    return ds.Pathway("learn", "a", "b", rule=rule, **given)


def test_texts_come_in_the_order_of_the_rules_around_the_effect():
    made = pathway((SHORT, PAIR), on_post={"spike": "g_post *= 0.5", "burst": "g_post = 0"})
    assert made.on_pre.splitlines() == [
        "released = utilisation*resources",
        "g_post += weight*released",
        "resources -= released",
        "utilisation += utilisation_step*(1 - utilisation)",
        "trace_plus += 1",
        "weight = clip(weight - a_minus*weight_max*trace_minus, 0*weight_max, weight_max)",
    ]
    assert made.on_post["burst"] == "g_post = 0"
    assert made.on_post["spike"].splitlines()[:2] == ["g_post *= 0.5", "trace_minus += 1"]
    assert set(made.variables) == {"utilisation", "resources", "trace_plus", "trace_minus"}
    assert made.initial["resources"].value.value == 1


def test_a_pathway_keeps_only_texts():
    made = pathway((SHORT, PAIR))
    assert "rule" not in made.to_json()
    assert ds.Pathway.from_json(made.to_json()) == made
    assert made.replace(weight=0.5).on_pre == made.on_pre


def test_values_of_the_pathway_take_precedence():
    made = pathway(SHORT, parameters={"tau_depression": "7 ms"}, initial={"resources": 0.5})
    assert made.parameters["tau_depression"].value == 0.007
    assert made.initial["resources"].value.value == 0.5


def test_a_rule_can_be_printed_and_changed():
    changed = PAIR.replace(on_post="weight += 1", name="mine")
    assert "rule mine" in str(changed)
    for text in ("trace_plus += 1", "a_minus = 0.00525", "Song, Miller & Abbott"):
        assert text in str(PAIR)
    assert ds.SynapseRule.from_json(changed.to_json()) == changed


def test_a_population_gets_what_a_rule_reads():
    rule = ds.SynapseRule(
        "follow", on_pre="weight += slow_post", post_equations="dslow/dt = (v - slow)/tau_slow : 1",
        post_events={"high": ds.Event("slow > limit")}, on_post={"high": "weight = 0"},
        post_parameters={"tau_slow": "5 ms", "limit": 0.4}, post_initial={"slow": 0.1},
    )  # fmt: skip
    cell = ds.Population("b", 2, CELL, threshold="v > 1", reset="v = 0")
    sender = ds.Population("a", 2, CELL, threshold="v > 1", reset="v = 0")
    with pytest.raises(UnknownMemberError, match=r"event of population 'b'.*'high'"):
        ds.Circuit((sender, cell), pathways=(pathway(rule, on_pre=""),))
    only = rule.replace(on_post="")
    with pytest.raises(EquationError, match="slow_post"):
        ds.Circuit((sender, cell), pathways=(pathway(only, on_pre=""),))
    made = rule.add_to(cell)
    assert made.states == ("v", "slow")
    ds.Circuit((sender, made), pathways=(pathway(rule, on_pre=""),))


@pytest.mark.parametrize(
    ("rule", "changes", "error", "words"),
    [
        ("pair_stdp", {}, SpecError, "rule is 'pair_stdp'; it must be a SynapseRule, such as"),
        ((PAIR, 3), {}, SpecError, "rule is 3; it must be a SynapseRule"),
        ((PAIR, PAIR), {}, SpecError, "both have the variable 'trace_plus'; rename it"),
        ((PAIR, ds.SynapseRule("b", parameters={"a_plus": 2})), {}, SpecError, "different values of 'a_plus'"),
        (PAIR, {"on_post": "trace_minus = 0"}, EquationError, "on_post must not assign to 'trace_minus'"),
        (SHORT, {"on_pre": "g_post += weight"}, EquationError, "on_pre does not use 'released'"),
        (PAIR, {"weight": 3.0, "on_pre": ""}, ParameterError, "outside of its bounds, 0 and 2"),
        (PAIR, {"weight": [1.0, -0.1], "on_pre": ""}, ParameterError, "outside of its bounds, 0 and 2"),
        (PAIR.replace(parameters={**PAIR.parameters, "weight_min": 1.5}), {"on_pre": ""}, ParameterError,
         "bounds, 1.5 and 2"),
        (PAIR, {"weight": None, "on_pre": ""}, EquationError, "give Pathway.weight"),
    ],
)  # fmt: skip
def test_rules_that_do_not_fit_are_refused(rule, changes, error, words):
    cell = ds.Population("b", 2, CELL, threshold="v > 1", reset="v = 0")
    with pytest.raises(error, match=words):
        ds.Circuit((cell.replace(name="a"), cell), pathways=(pathway(rule, **changes),))


def test_the_namespace_has_rules_only():
    assert {"pair_stdp", "short_term", "burst_dependent"} <= set(dir(ds.rules))
    assert all(
        isinstance(getattr(ds.rules, name)(), ds.SynapseRule)
        for name in ("pair_stdp", "short_term")
    )
    with pytest.raises(AttributeError, match="did you mean 'pair_stdp'"):
        _ = ds.rules.pair_sdtp


@pytest.mark.parametrize("text", ["dx/dt = ", "g_post +"])
def test_texts_that_cannot_be_read_are_refused(text):
    with pytest.raises(EquationError, match="SynapseRule 'mine'"):
        ds.SynapseRule("mine", **{"equations" if "dx" in text else "on_pre": text})
