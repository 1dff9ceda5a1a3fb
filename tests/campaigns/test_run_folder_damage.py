"""Every file of an interrupted run, damaged in every way: the run is refused or ends with the right numbers."""

import os
import random
import shutil

import pytest
from comparisons import identical
from interrupted_runs import interrupt
from long_runs import learning, spiking_with_few_records

import dendrosim as ds
from campaigns.damage import damages
from campaigns.tally import Tally

PROBLEMS = {"learning": lambda: learning(trials=9000), "spiking": spiking_with_few_records}


@pytest.fixture(scope="module", params=PROBLEMS)
def begun(request, tmp_path_factory):
    """Two interrupted runs with different seeds, and the result of the first without interruption."""
    folder = tmp_path_factory.mktemp("damage")
    protocol = PROBLEMS[request.param]()
    runs = [interrupt(protocol, folder / f"seed{seed}", seed=seed, threads=1) for seed in (3, 4)]
    return request.param, *runs, ds.run(protocol, "cpp", seed=3, threads=1)


@pytest.mark.parametrize(
    "cases", [1, pytest.param(40, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_no_damage_to_an_interrupted_run_gives_wrong_numbers(
    begun, cases, tmp_path, record_property
):
    problem, run, other, expected = begun
    tally, rng = Tally(f"damaged files of an interrupted run ({problem})"), random.Random(cases)
    names = sorted(os.listdir(run / "unfinished"))
    if problem == "spiking" and cases < 10:  # the others are damaged in the other problem
        names = [n for n in names if n.startswith(("spikes", "checkpoint"))]
    for name in names:
        for label, damage in damages(run / "unfinished", other / "unfinished", name, rng, cases):
            if cases < 10 and rng.random() < 0.5:  # a random half of the kinds of damage to a file
                continue
            copy = tmp_path / "copy"
            shutil.copytree(run, copy)
            damage(copy / "unfinished" / name)
            tally.judge(
                f"{name}: {label}",
                lambda copy=copy: ds.run(resume=copy),
                lambda result: identical(result, expected),
            )
            shutil.rmtree(copy)
    tally.conclude(record_property)
