"""Pairs of cells with given spikes, and a plastic synapse of each rule between the cells of a pair."""

import numpy as np

import dendrosim as ds

DT = 1e-4
CELL = "fire : 1\ndg/dt = -g/(5*ms) : 1"


def run_rules(rules, trains, weight, steps=1200, post=lambda cell: cell, effect="g_post += weight"):
    """Return the result of one run on the back end numpy, in which each rule is the pathway of its key.

    `trains` has, for each pair, the time steps of the spikes of the presynaptic and the postsynaptic cell; `post`
    changes the postsynaptic population, such as `rule.add_to`.
    """
    fire = np.zeros((2, steps, len(trains)))
    for k, sides in enumerate(trains):
        for side, spikes in enumerate(sides):
            fire[side, np.asarray(spikes, dtype=int), k] = 1
    pre, after = (
        ds.Population(n, len(trains), CELL, inputs=["fire"], threshold="fire > 0.5") for n in "ab"
    )
    units = np.arange(len(trains))
    pathways = [
        ds.Pathway(name, "a", "b", effect, ds.Pairings(units, units), weight, rule=rule)
        for name, rule in rules.items()
    ]
    signals = {f"{n}.fire": ds.Table(fire[k], f"{DT!r} s") for k, n in enumerate("ab")}
    run = ds.Block("run", (ds.Phase("on", f"{steps * DT!r} s"),))
    circuit = ds.Circuit((pre, post(after)), pathways=pathways)
    return ds.run(ds.Protocol(circuit, (run,), f"{DT!r} s", (), signals), "numpy")


def final_weights(rules, *arguments, **settings):
    """Return the weights at the end by rule, one of each pair; see `run_rules`."""
    final = run_rules(rules, *arguments, **settings).final
    return {name: final[f"{name}.weight"].values.ravel() for name in rules}
