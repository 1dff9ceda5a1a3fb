"""What a sweep consists of: its points, seeds and drawn combinations, and what is refused before anything runs."""

import numpy as np
import pytest
from scipy import stats

import dendrosim as ds
from dendrosim.engine.settings import RunSettings
from dendrosim.errors import ParameterError, SpecError, UnknownNameError, UsageError
from dendrosim.library.catalogue import find_entry
from dendrosim.study.design import design_sweep, read_seeds
from dendrosim.study.specification import SweepSpec, describe_point
from dendrosim.study.sweep import read_part


def design(grid, seeds=(0,), **options):
    return design_sweep(
        find_entry("relax", "protocol"), grid, seeds, RunSettings("numpy"), **options
    )


@pytest.mark.usefixtures("library")
def test_points_of_a_grid_are_all_combinations_with_the_seed_varying_fastest():
    spec = design({"level": [0.5, 1.0, 2.0], "tau": "5 ms,20 ms", "gain": 2.0}, (3, 7))
    assert spec.dimensions == {"level": 3, "tau": 2, "seed": 2}
    expected = [
        ({"gain": 2.0, "level": level, "tau": tau}, seed)
        for level in (0.5, 1.0, 2.0) for tau in ("5 ms", "20 ms") for seed in (3, 7)
    ]  # fmt: skip
    assert [(p.parameters, p.seed) for p in map(spec.point, range(spec.count))] == expected
    assert describe_point(spec.point(3)) == "level=0.5, tau=20 ms, seed 7"


@pytest.mark.usefixtures("library")
def test_a_specification_goes_to_json_and_back():
    spec = design({"level": "0:1:3", "marks": [(1.0,), (2.0, 3.0)]}, (3, 7))
    assert SweepSpec.from_json(spec.to_json()) == spec
    assert [a.name for a in SweepSpec.from_json(spec.to_json()).axes] == ["level", "marks"]


@pytest.mark.usefixtures("library")
def test_values_of_python_mean_what_texts_mean():
    quantities = ds.Quantity(np.array([5e-3, 20e-3]), ds.quantity("1 s").dimension)
    axis = design({"tau": quantities}).axes[0]
    assert axis.coordinates() == ([5e-3, 20e-3], "s")
    assert design({"level": np.linspace(0, 1, 3)}).axes == design({"level": "0:1:3"}).axes
    assert design({"marks": (1.0, 2.0)}).fixed == {"marks": (1.0, 2.0)}  # a list is one value
    assert design({"marks": [(1.0,), (2.0,)]}).axes[0].values == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    ("given", "seeds"),
    [("5", (0, 1, 2, 3, 4)), ("3,7", (3, 7)), ("3,", (3,)), (2, (0, 1)), ([4, 2], (4, 2))],
)
def test_seeds_are_a_number_or_a_list(given, seeds):
    assert read_seeds(given) == seeds


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("0", ParameterError, "number of seeds is 0; it must be an integer of at least 1"),
        ("a,b", UsageError, "cannot read the seeds 'a,b': write their number, as in --seeds 5"),
        ("3,-1", ParameterError, "a seed is -1"),
        (1.5, ParameterError, "number of seeds is 1.5"),
    ],
)
def test_other_seeds_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        read_seeds(given)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("grid", "options", "error", "message"),
    [
        ({"levl": "1,2"}, {}, UnknownNameError, "parameter of protocol 'relax' 'levl'; did you mean 'level'"),
        ({"level": []}, {}, ParameterError, "'level' has no values"),
        ({"level": "1,1.0"}, {}, ParameterError, "'level' has the value 1.0 twice"),
        ({"tau": "5 ms,0.005 s"}, {}, ParameterError, "'tau' has the value 0.005 s twice"),
        ({"level": "1,2"}, {"seeds": (3, 3)}, ParameterError, "seed 3 is given twice"),
        ({"level": "1,2"}, {"seeds": ()}, ParameterError, "seeds is empty"),
        ({"level": "1,x"}, {}, UsageError, "parameter 'level': 'x' is not a number"),
        ({"level": "1:2"}, {}, UsageError, "START:STOP:COUNT"),
        ({"level": "1,2"}, {"points": 5}, UsageError, "give it with sampling random or latin"),
        ({"level": "1:2"}, {"sampling": "latin"}, UsageError, "give their number with points"),
        ({"level": "1"}, {"sampling": "latin", "points": 4}, UsageError, "needs a parameter that varies"),
        ({"level": "1:2"}, {"sampling": "sobol", "points": 4}, UnknownNameError, "unknown sampling 'sobol'"),
        ({"seed": "1,2"}, {}, UnknownNameError, "unknown parameter of protocol 'relax' 'seed'"),
        ({"level": "0:1:1001", "gain": "1:2:1000"}, {}, ParameterError, "1,001,000 points; it must have at most"),
    ],
)  # fmt: skip
def test_what_is_no_sweep_is_refused(grid, options, error, message):
    with pytest.raises(error, match=message):
        design(grid, **options)


@pytest.mark.usefixtures("library")
def test_a_parameter_seed_gets_its_values_from_the_seeds(library):
    text = (library / "protocols" / "relax.py").read_text("utf-8")
    text = text.replace("level: float = 1.0,", "level: float = 1.0,\n    seed: int = 0,")
    (library / "protocols" / "seeded.py").write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"give the seeds of a sweep with seeds \(--seeds\)"):
        design_sweep(find_entry("seeded", "protocol"), {"seed": "1,2"}, (0,), RunSettings())


@pytest.mark.usefixtures("library")
def test_a_latin_hypercube_has_one_value_in_each_part_of_each_span():
    spec = design({"level": "0:1", "tau": "10 ms:30 ms"}, sampling="latin", points=40)
    assert spec.dimensions == {"point": 40, "seed": 1}
    for axis, (low, high) in zip(spec.axes, ((0.0, 1.0), (0.01, 0.03)), strict=True):
        parts = (np.array(axis.coordinates()[0]) - low) / (high - low) * 40
        assert sorted(parts.astype(int)) == list(range(40))


@pytest.mark.usefixtures("library")
def test_random_points_are_uniform_between_the_ends_and_depend_on_the_seed():
    spec = design({"level": "-2:3", "marks": "[],[1]"}, sampling="random", points=2000)
    level, marks = spec.axes
    assert stats.kstest(level.values, stats.uniform(-2, 5).cdf).pvalue > 1e-3
    assert stats.binomtest(sum(v == () for v in marks.values), 2000).pvalue > 1e-3
    again = {"sampling": "random", "points": 2000}
    assert design({"level": "-2:3", "marks": "[],[1]"}, **again) == spec
    other = design({"level": "-2:3", "marks": "[],[1]"}, **again, sampling_seed=1)
    assert other.axes[0].values != level.values


@pytest.mark.parametrize("given", ["3/50", (3, 50)])
def test_a_part_has_a_number_and_a_count(given):
    assert read_part(given) == (3, 50)


@pytest.mark.parametrize(
    ("given", "error"),
    [("3", UsageError), ("a/b", UsageError), ("0/5", SpecError), ("6/5", SpecError)],
)
def test_other_parts_are_refused(given, error):
    with pytest.raises(error, match="part"):
        read_part(given)
