"""Simulate given spike trains in NEST; this file runs in NEST's own environment, without dendrosim.

It reads a description from its standard input and writes what NEST found to its standard output, both as JSON.
"""

import json
import sys

import nest

DT = 0.1
"""Time step in ms; spike trains are given as numbers of time steps."""


def parrot(steps, **settings):
    """Return a cell that spikes at the given time steps: its generator has a delay of 1 ms."""
    cell = nest.Create("parrot_neuron", params=settings)
    times = [round(k * DT - 1, 1) for k in steps]
    generator = nest.Create("spike_generator", params={"spike_times": times})
    nest.Connect(generator, cell, syn_spec={"delay": 1.0})
    return cell


def weights_of_cases(cases):
    """Return the weight of each case (a model, its parameters, two trains) after the last presynaptic spike."""
    pairs = []
    for case in cases:
        pre = parrot(case["pre"])
        post = parrot(case["post"], **case["cell"])
        # Receptor 1 of a parrot ignores spikes, so that the synapse learns and the train stays as it is.
        nest.Connect(pre, post, syn_spec={"receptor_type": 1, "delay": 1.0, **case["synapse"]})
        pairs.append((pre, post))
    yield
    for pre, post in pairs:
        yield nest.GetConnections(pre, post).get("weight")


def released(trains):
    """Return the fractions of resources that each spike of each synapse releases."""
    recorders = []
    for k, train in enumerate(trains):
        recorder = nest.Create("weight_recorder")
        nest.CopyModel("tsodyks2_synapse", f"released_{k}", {"weight_recorder": recorder})
        spec = {"synapse_model": f"released_{k}", "weight": 1.0, **train["synapse"]}
        nest.Connect(parrot(train["pre"]), nest.Create("parrot_neuron"), syn_spec=spec)
        recorders.append(recorder)
    yield
    for recorder in recorders:
        yield [float(w) for w in recorder.events["weights"]]


def voltage_rule(given):
    """Return recordings of a spiking cell and the weight of its Clopath synapse."""
    cell = nest.Create("aeif_psc_delta_clopath", params=given["cell"])
    names = ["V_m", "u_bar_minus", "u_bar_plus"]
    meter = nest.Create("multimeter", params={"record_from": names, "interval": DT})
    nest.Connect(meter, cell)
    nest.Connect(parrot(given["kicks"]), cell, syn_spec={"weight": 30.0, "delay": 1.0})
    pre = parrot(given["pre"])
    nest.Connect(pre, cell, syn_spec={"synapse_model": "clopath_synapse", **given["synapse"]})
    yield
    yield {name: [float(v) for v in meter.events[name]] for name in ("times", *names)}
    yield nest.GetConnections(pre, cell).get("weight")


def main():
    """Simulate everything in one run."""
    given = json.load(sys.stdin)
    nest.set_verbosity("M_ERROR")
    # NEST keeps the depressions of clopath_synapse for as long as the largest delay. If that is 1 ms, which is
    # also the interval in which spikes are sent, only spikes at the end of an interval depress the weight.
    nest.set(resolution=DT, min_delay=1.0, max_delay=10.0)
    parts = {
        "weights": weights_of_cases(given["cases"]),
        "released": released(given["released"]),
        "clopath": voltage_rule(given["clopath"]),
    }
    for part in parts.values():
        next(part)
    nest.Simulate(given["steps"] * DT)
    found = {name: list(part) for name, part in parts.items()}
    print("\nFOUND " + json.dumps(found))


main()
