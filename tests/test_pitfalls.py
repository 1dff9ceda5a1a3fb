"""Slips that read well and mean something else: each is refused with the way out, or does what it says."""

import numpy as np
import pytest

import dendrosim as ds
from dendrosim.errors import EquationError, ParameterError, ShapeError, SpecError
from dendrosim.protocol.schedule import record_steps


def cell(text, **options):
    return ds.Circuit((ds.Population("a", 2, text, **options),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dv/dt = -v^2/ms : 1", r"write \*\*"),
        ("dv/dt = -v*(v > 0)/ms : 1", r"int\(v > 0\)"),
        ("dv/dt = -(v | 1)/ms : 1", "no meaning"),
        ("dv/dt = -~i/ms : 1", "no meaning"),
    ],
)
def test_operators_that_are_not_arithmetic_are_refused(text, message):
    with pytest.raises(EquationError, match=message):
        cell(text)


def test_a_comparison_in_a_plasticity_rule_is_refused_with_the_remedy():
    rule = "dw/dt = (v_post > 0.1)*v_pre/ms : 1"
    with pytest.raises(EquationError, match=r"int\(v_post > 0.1\)"):
        ds.Circuit(
            (ds.Population("a", 2, "dv/dt = -v/ms : 1"),), (ds.Matrix("m", "a", "a", 0.0, rule),)
        )


@pytest.mark.parametrize("name", ["new", "double", "template", "NAN", "register", "int64_t"])
def test_words_of_the_generated_language_are_reserved(name):
    with pytest.raises(SpecError, match="reserved"):
        cell(f"d{name}/dt = -{name}/ms : 1")


def test_macros_of_the_generated_language_are_names_as_any_other():
    names = ["INT_MAX", "M_E", "RAND_MAX", "FP_NAN", "CLOCKS_PER_SEC", "isnan", "BUFSIZ", "SIGINT"]
    text = "\n".join(f"d{n}/dt = (p_{n} - {n})/ms : 1" for n in names)
    circuit = ds.Circuit((ds.Population("a", 1, text),), parameters={f"p_{n}": 2.0 for n in names})
    protocol = ds.Protocol(circuit, (ds.Block("b", (ds.Phase("on", "1 ms"),)),), dt="1 ms")
    state = ds.run(protocol, "cpp").state
    assert [float(np.squeeze(state[f"a.{n}"])) for n in names] == [2.0] * len(names)


@pytest.mark.parametrize("name", ["self", "idx", "vectorisation_idx", "lio_1", "sources", "owner"])
def test_names_that_brian2_needs_are_reserved(name):
    with pytest.raises(SpecError, match=f"the symbol '{name}' is reserved; choose another name"):
        cell(f"d{name}/dt = -{name}/ms : 1")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [("exp", "function"), ("clip", "function"), ("rand", "function"), ("lambda", "Python"), ("True", "Python")],
)  # fmt: skip
def test_functions_and_words_of_python_are_no_names(name, meaning):
    """Neither of variables of units and synapses, nor of parameters and gates."""
    text = "dv/dt = -v/ms : 1"
    for make in (
        lambda: cell(f"d{name}/dt = -{name}/ms : 1"),
        lambda: cell(text, parameters={name: 1.0}),
        lambda: ds.Circuit((ds.Population("a", 2, text),), parameters={name: 1.0}),
        lambda: ds.Circuit((ds.Population("a", 2, text),), gates={name: 1.0}),
        lambda: ds.Pathway("p", "a", "a", f"{name} += 1", equations=f"{name} : 1"),
    ):
        with pytest.raises(
            SpecError, match=rf"the symbol '{name}' is reserved \(.*{meaning}\); choose"
        ):
            make()


@pytest.mark.parametrize("name", ["pre", "post"])
def test_the_ends_of_a_synapse_are_no_names_of_its_variables(name):
    with pytest.raises(SpecError, match=f"the symbol '{name}' is reserved"):
        ds.Pathway("p", "a", "a", f"{name} += 1\nv_post += {name}", equations=f"{name} : 1")


def test_a_parameter_cannot_have_the_name_of_a_unit():
    """A length in cm would become another one without a word."""
    text = "dv/dt = (10*cm/(1*metre) - v)/ms : 1"
    assert cell(text)
    text = "dv/dt = (10*cm - v)/ms : 1"
    message = r"a\.v: 'cm' is a unit in Brian2 and also the name of"
    for where in ("parameters", "gates"):
        with pytest.raises(EquationError, match=message):
            ds.Circuit((ds.Population("a", 1, text),), **{where: {"cm": 2.0}})
    with pytest.raises(EquationError, match=message):
        cell(text, parameters={"cm": 2.0})
    with pytest.raises(EquationError, match="'ms' is a unit"):
        ds.Circuit(
            (ds.Population("b", 1, "dv/dt = -v/second : 1", threshold="v > 1"),),
            pathways=(ds.Pathway("p", "b", "b", "ms = 2\nv_post += ms"),),
        )


@pytest.mark.parametrize("name", ["range", "max", "input", "KeyError"])
def test_names_of_python_mean_what_the_circuit_says(name):
    circuit = ds.Circuit(
        (ds.Population("a", 1, f"dv/dt = (sin({name}) + 0*v)/(1*second) : 1"),),
        parameters={name: 0.5},
    )
    protocol = ds.Protocol(circuit, (ds.Block("b", (ds.Phase("on", "1 s"),)),), dt="1 s")
    assert ds.run(protocol, "numpy").state["a.v"].item() == pytest.approx(np.sin(0.5), rel=1e-14)


@pytest.mark.parametrize("name", ["ds_circuit", "a_stateupdater"])
def test_names_of_internal_objects_are_reserved(name):
    with pytest.raises(SpecError, match="reserved"):
        ds.Population(name, 1, "dv/dt = -v/ms : 1")


def test_units_may_have_brackets_and_quantities_a_bare_denominator():
    circuit = cell("dv/dt = -v/ms : volt/(metre**2)")
    assert circuit.populations[0].variables["v"].unit == "volt/(metre**2)"
    assert ds.load_circuit("bmvr", eta="2/s").parameters["eta"].value == 2.0


def shown(a, b, **options):
    circuit = ds.Circuit(
        (
            ds.Population("p", 1, "dv/dt = (u - v)/ms : 1\nu : 1", inputs=["u"]),
            ds.Population("q", 1, "dv/dt = (u - v)/ms : 1\nu : 1", inputs=["u"]),
        )
    )
    return ds.Protocol(
        circuit,
        (ds.Block("b", (ds.Phase("x", "3 ms"), ds.Phase("y", "3 ms")), trials=6),),
        dt="1 ms",
        signals={"p.u": ds.Samples("a"), "q.u": ds.Samples("c")},
        data={"a": np.arange(a)[:, None], "c": np.arange(b)[:, None]},
        **options,
    )


def test_data_sets_shown_together_must_have_as_many_rows():
    assert shown(6, 6).total_steps == 36
    with pytest.raises(ShapeError, match="'a' 6, 'c' 3 rows"):
        shown(6, 3)


def test_once_a_trial_means_the_last_step_of_the_last_phase_that_is_recorded():
    whole = ds.Recording("p.v", every="trial")
    first = ds.Recording("p.v", every="trial", phases="x")
    protocol = shown(6, 6)
    assert list(record_steps(protocol, whole)[:2]) == [5, 11]
    assert list(record_steps(protocol, first)[:2]) == [2, 8]


@pytest.mark.parametrize(
    "recording",
    [
        ds.Recording("p.v", every="40 ms", phases="y"),
        ds.Recording("p.v", every="1 ms", units=()),
        ds.Recording("p.v", every="1 ms", units=(0, 0)),
    ],
)
def test_recordings_that_keep_nothing_are_refused(recording):
    with pytest.raises(ParameterError):
        shown(6, 6, recordings=(recording,))


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_names_that_only_differ_in_where_they_are_split_do_not_collide(backend):
    text = "dv/dt = -v/ms : 1\n{0} = 2*v : 1"
    populations = (
        ds.Population("a", 1, text.format("b_c"), initial={"v": 1.0}),
        ds.Population("a_b", 1, text.format("c"), initial={"v": 3.0}),
    )
    protocol = ds.Protocol(
        ds.Circuit(populations),
        (ds.Block("b", (ds.Phase("x", "2 ms"),)),),
        dt="0.5 ms",
        recordings=(ds.Recording(("a.b_c", "a_b.c"), every="0.5 ms"),),
    )
    result = ds.run(protocol, backend=backend)
    for name, start in (("a.b_c", 2.0), ("a_b.c", 6.0)):
        np.testing.assert_allclose(
            result[name].values[:, 0], start * 0.5 ** np.arange(4), rtol=1e-12
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"duration": "0 s"},
        {"duration": "-1 s"},
        {"duration": "3.1 ms"},
        {"eta": "-1 Hz"},
        {"dt": "0 ms"},
        {"tau_basal": "0 ms"},
        {"data_seed": -1},
        {"hidden": 0},
        {"canonical": (1.5,)},
    ],
)
def test_values_without_a_meaning_are_refused_by_name(settings):
    with pytest.raises(SpecError, match=next(iter(settings))):
        ds.load_protocol("bmvr_gaussian", **settings)


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_a_diverging_matrix_is_reported_in_the_step_in_which_it_diverges(backend):
    # w <- w + w^3 from 1 overflows a double in the step after |w| exceeds 1e103.
    circuit = ds.Circuit(
        (ds.Population("a", 1, "dv/dt = -v/ms : 1"),),
        (ds.Matrix("m", "a", "a", 1.0, "dw/dt = w**3/ms : 1"),),
    )
    protocol = ds.Protocol(
        circuit,
        (ds.Block("b", (ds.Phase("x", "1 s"),)),),
        dt="1 ms",
        recordings=(ds.Recording("m", every="1 ms"), ds.Recording("a.v", every="trial")),
    )
    w, steps = 1.0, 0
    with np.errstate(over="ignore"):
        while np.isfinite(w):
            w, steps = np.float64(w) + np.float64(w) ** 3, steps + 1
    with pytest.raises(ds.errors.NonFiniteError) as raised:
        ds.run(protocol, backend=backend)
    assert raised.value.variable == "m"
    assert raised.value.time == pytest.approx(steps * 1e-3)
    kept = raised.value.partial["m"].values
    assert len(kept) == steps
    assert np.all(np.isfinite(kept))
    assert raised.value.partial["a.v"].sizes["time"] == 0  # the trial never ended
