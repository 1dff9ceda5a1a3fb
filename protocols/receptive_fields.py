"""Receptive fields that rules find in images of crossing bars: Oja's rule finds what is common, BCM what is rare.

Each patch is a sum of horizontal and vertical bars, each of which is there with a small probability, independently
of the others, plus noise; the mean of all patches is subtracted. Linear units see one patch after the other. By
Oja's rule a unit becomes the first principal component of the patches, a mixture of all bars; by the BCM rule it
becomes selective for a single bar, whose patches are the rare events with the largest responses.

Measured:

    alignment     by unit, the cosine of the angle between its weights and the first principal component of the
                  patches (oja), or between its field and the bar that it answers to most (bcm). The field of a
                  unit is its mean patch, weighted by the response
    selectivity   by unit, 1 minus the mean over the largest of the responses above 0
    kurtosis      by unit, excess kurtosis of the responses, 0 for a Gaussian
    bars          bar to which each unit answers most: horizontal ones from the top, then vertical ones
    distinct      number of different bars

Sources
-------
Foldiak (1990), Biological Cybernetics 64:165: bars. Oja (1982), Journal of Mathematical Biology 15:267.
Bienenstock, Cooper & Munro (1982), Journal of Neuroscience 2:32. The patches, sizes and rates are choices.
"""

from typing import Literal

import numpy as np

import dendrosim as ds

GOOD = {"oja": 0.98, "bcm": 0.8}  # least alignment of a unit that has found what its rule finds


class Parameters(ds.Parameters):
    rule: Literal["oja", "bcm"] = ds.parameter("bcm", "plasticity rule")
    units: int = ds.parameter(8, "number of units, which learn independently", least=1)
    width: int = ds.parameter(6, "pixels in each direction of a patch", least=2)
    patches: int = ds.parameter(2000, "number of different patches", least=16)
    shown: int = ds.parameter(20000, "number of patches that are shown, in random order", least=1)
    probability: float = ds.parameter(0.1, "probability of each bar", above=0, below=1)
    noise: float = ds.parameter(0.1, "standard deviation of noise in each pixel", least=0)
    eta: float | None = ds.parameter(
        None, "learning rate per patch (0.002 for oja, 0.001 for bcm)", above=0
    )
    average: int = ds.parameter(
        200, "patches over which the threshold of bcm averages", least=1, only={"rule": "bcm"}
    )
    data_seed: int = ds.parameter(0, "seed of the patches", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    step = 1e-3
    eta = p.eta or {"oja": 0.002, "bcm": 0.001}[p.rule]
    rate = f"{eta / step!r} Hz"
    if p.rule == "oja":
        rule = ds.rules.oja(eta=rate)
    else:
        rule = ds.rules.bcm(eta=rate, tau_threshold=f"{p.average * step!r} s")
    size = p.width**2
    cells = rule.add_to(ds.Population("cell", p.units, "y : 1"))
    if p.rule == "bcm":
        cells = cells.replace(initial={"threshold": 1.0})
    circuit = ds.Circuit(
        (ds.Population("input", size, "x : 1", inputs="x"), cells),
        [ds.Matrix("w", "cell", "input", ds.Normal(0.5 / p.width), rule=rule)],
        [ds.Projection("input.x", "w", "cell.y")],
    )
    phase = ds.Phase("show", f"{step!r} s", signals={"input.x": ds.Samples("patch")})
    block = ds.Block("learn", (phase,), trials=p.shown, order="shuffled")
    return ds.Protocol(
        circuit,
        (block,),
        dt=f"{step!r} s",
        data={"patch": _patches(p)},
        recordings=(ds.Recording("w", every="phase", thin=max(1, p.shown // 50)),),
    )


def _bars(width):
    """Return the bars as patches, (bars, pixels)."""
    one = np.eye(width)
    across = [np.outer(row, np.ones(width)).ravel() for row in one]
    return np.array(across + [np.outer(np.ones(width), row).ravel() for row in one])


def _patches(p):
    """Return patches, (patches, pixels), with mean 0."""
    rng = np.random.default_rng(p.data_seed)
    present = rng.random((p.patches, 2 * p.width)) < p.probability
    patches = present @ _bars(p.width) + p.noise * rng.normal(size=(p.patches, p.width**2))
    return patches - patches.mean(axis=0)


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the fields with the first principal component, or with the bars."""
    p = Parameters(**result.protocol.parameters)
    patches, weights = _patches(p), result.state["w"]
    responses = patches @ weights.T
    bars = _bars(p.width) - _bars(p.width).mean(axis=1, keepdims=True)
    fields = np.maximum(responses, 0).T @ patches
    centred = fields - fields.mean(axis=1, keepdims=True)
    overlaps = _unit(centred) @ _unit(bars).T
    best = overlaps.argmax(axis=1)
    if p.rule == "oja":
        first = np.linalg.svd(patches, full_matrices=False)[2][0]
        alignment = np.abs(_unit(weights) @ first)
    else:
        alignment = overlaps.max(axis=1)
    above = np.maximum(responses, 0)
    spread = responses - responses.mean(axis=0)
    metrics = {
        "alignment": alignment,
        "selectivity": 1 - above.mean(axis=0) / np.maximum(above.max(axis=0), 1e-300),
        "kurtosis": (spread**4).mean(axis=0) / (spread**2).mean(axis=0) ** 2 - 3,
        "bars": best,
        "distinct": len(np.unique(best)),
    }
    figures = {
        "weights": lambda: _draw(weights, p, "weights of each unit", "weight"),
        "fields": lambda: _draw(
            fields / len(patches), p, "mean patch of each unit, weighted by its response", "pixel"
        ),
        "patches": lambda: _draw(patches[:8], p, "some patches", "pixel"),
    }
    found = ds.Reference(
        1.0, 1 - GOOD[p.rule], "statistical", reason="patches come one after the other"
    )
    return ds.Measurement(metrics, figures, references={"alignment": found})


def _unit(rows):
    """Return rows scaled to length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)


def _draw(rows, p, title, label):
    return ds.plot.receptive_fields(rows, (p.width, p.width), title=title, label=label).figure
