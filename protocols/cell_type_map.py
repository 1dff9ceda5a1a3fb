"""Steady states of the circuit of cell types over two drives, each from both sides.

Every pair of values of two drives is a sample. All samples settle first after strong inhibition of NDNF cells,
then after strong excitation of them. Where the two ends differ, the circuit keeps one of two states.

Measured, with the first drive along rows and the second along columns:

    dendrite_low, dendrite_high    rate of dendrites, from inhibited and from excited NDNF cells
    ndnf_low, ndnf_high            rate of NDNF cells, likewise
    two_states                     whether the two differ by more than 0.05
    expected_two_states            the same in closed form, for the mean field
    deviation                      largest distance of any rate from that of the closed form, median over pairs
    settled                        part of the pairs at which that distance is below 0.01: states at the edge of
                                   the region of two states, and just outside, settle slowly

Sources
-------
The circuit is `cell_types`, which names its source; the maps are worked out here.
"""

from typing import Literal

import numpy as np

import dendrosim as ds
from dendrosim.analysis.presynaptic_inhibition import CLASSES, steady_states
from dendrosim.errors import ParameterError
from dendrosim.mechanisms.time_constants import check_time_constants
from dendrosim.plot import style

Class = Literal["soma", "dendrite", "pv", "sst", "vip", "ndnf"]
RATES = {k: f"pyramidal.{k}" if k in ("soma", "dendrite") else f"{k}.r" for k in CLASSES}
DRIVES = {k: f"pyramidal.{k}_drive" if k in ("soma", "dendrite") else f"{k}.drive" for k in CLASSES}
PREPARED = 5.0  # size of the drive of NDNF cells that prepares a state
APART = 0.05  # NDNF rates that differ by less are one state
EXACT = 0.01  # largest distance from the closed form of a state that counts as settled
FINE = 61  # pairs along an axis for which the closed form is drawn
SIDES = ("low", "high")


class Parameters(ds.Parameters):
    b: float = ds.parameter(0.8, "strength of presynaptic inhibition", least=0, below=1)
    first: Class = ds.parameter("vip", "class that gets the first drive")
    second: Class = ds.parameter("ndnf", "class that gets the second drive, another one")
    first_drives: tuple[float, ...] = ds.parameter(
        (-1.0, -0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "values of the first drive"
    )
    second_drives: tuple[float, ...] = ds.parameter(
        (-1.0, -0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "values of the second drive"
    )
    settle: ds.Quantity = ds.parameter("8 s", "time to settle, on each side", above=0)
    dt: ds.Quantity = ds.parameter("2 ms", "time step", above=0)
    circuit = ds.parameters_of("cell_types", without=("b",))


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    if p.first == p.second:
        raise ParameterError(f"first and second are both {p.first}; choose two different classes")
    for name in ("first_drives", "second_drives"):
        if len(getattr(p, name)) < 2 or np.any(np.diff(getattr(p, name)) <= 0):
            raise ParameterError(
                f"{name} is {list(getattr(p, name))}; give at least two values, in ascending order"
            )
    circuit = ds.load_circuit("cell_types", b=p.b, **p.circuit)
    check_time_constants(circuit, float(p.dt.value))
    grid = np.meshgrid(p.first_drives, p.second_drives, indexing="ij")
    data, signals = {}, {}
    for kind, values in zip((p.first, p.second), grid, strict=True):
        units = circuit.population(RATES[kind].split(".")[0]).size
        data[kind] = values.reshape(-1, 1) * np.ones(units)
        signals[DRIVES[kind]] = (ds.Samples(kind),)
    phases = []
    for side, drive in zip(SIDES, (-PREPARED, PREPARED), strict=True):
        prepared = {DRIVES["ndnf"]: (*signals.get(DRIVES["ndnf"], ()), ds.Constant(drive))}
        phases.append(ds.Phase(f"prepare_{side}", "1 s", signals=prepared))
        phases.append(ds.Phase(side, p.settle))
    return ds.Protocol(
        circuit,
        (ds.Block("map", tuple(phases)),),
        dt=p.dt,
        signals=signals,
        data=data,
        recordings=(
            ds.Recording(tuple(RATES.values()), every="phase", phases=("map/low", "map/high")),
        ),
        batch=grid[0].size,
        batch_fixed=True,
    )


def measure(result: ds.Result) -> ds.Measurement:
    """Compare the two ends with each other and with closed forms."""
    p = Parameters(**result.protocol.parameters)
    shape = (len(p.first_drives), len(p.second_drives))
    # Mean over the cells of a class; axes: side, pair of drives, class.
    ends = np.stack([result[path].values.mean(axis=1) for path in RATES.values()], axis=-1)
    exact = _expected(p, p.first_drives, p.second_drives)
    ndnf = CLASSES.index("ndnf")
    distance = np.abs(ends - exact).max(axis=(0, 2))
    expected_two, two = (x[1, :, ndnf] - x[0, :, ndnf] > APART for x in (exact, ends))
    metrics = {
        f"{kind}_{side}": ends[k, :, CLASSES.index(kind)].reshape(shape)
        for kind in ("dendrite", "ndnf")
        for k, side in enumerate(SIDES)
    }
    metrics |= {
        "two_states": two.reshape(shape),
        "expected_two_states": expected_two.reshape(shape),
        "deviation": float(np.median(distance)),
        "settled": float(np.mean(distance < EXACT)),
    }
    figures = {"map": lambda: _draw(metrics, p)}
    references = {
        "deviation": ds.Reference(0.0, EXACT, reason="what counts as settled"),
        "settled": ds.Reference(1.0, 0.1, "grid-limited", reason="pairs at the edge settle slowly"),
    }
    return ds.Measurement(metrics, figures, references=references)


def _expected(p, first, second):
    """Return the states with the least and the most NDNF activity for all pairs, shape (2, pairs, 6)."""
    grid = np.meshgrid(first, second, indexing="ij")
    drives = np.zeros((grid[0].size, len(CLASSES)))
    for kind, values in zip((p.first, p.second), grid, strict=True):
        drives[:, CLASSES.index(kind)] = values.ravel()
    weights = {k: v for k, v in p.circuit.items() if "_from_" in k}
    found = steady_states(weights, drives, p.b, p.circuit["p_low"])
    return np.array([[states[0] for states in found], [states[-1] for states in found]])


@style.styled
def _draw(metrics, p):
    """Draw rates of dendrites from both sides; lines enclose the region of two states in closed form."""
    axes = style.row(2, (8.4, 3.4))
    rates = [metrics[f"dendrite_{side}"] for side in SIDES]
    limits = {"vmin": 0.0, "vmax": float(np.max(rates))}
    titles = ("after inhibition of NDNF cells", "after excitation of NDNF cells")
    fine = [np.linspace(min(x), max(x), FINE) for x in (p.first_drives, p.second_drives)]
    exact = _expected(p, *fine)[:, :, CLASSES.index("ndnf")].reshape(2, FINE, FINE)
    apart = exact[1] - exact[0]
    for ax, values, title in zip(axes, rates, titles, strict=True):
        image = ax.pcolormesh(
            p.second_drives, p.first_drives, values, cmap="viridis", shading="nearest", **limits
        )
        if apart.min() < APART < apart.max():
            ax.contour(fine[1], fine[0], apart, levels=[APART], colors="white")
        ax.set(title=title, xlabel=f"drive of {_named(p.second)}")
    axes[0].set_ylabel(f"drive of {_named(p.first)}")
    style.colourbar(axes[1], image, "rate of dendrites")
    return axes[0].figure


def _named(kind):
    return {"soma": "somata", "dendrite": "dendrites"}.get(kind, f"{kind.upper()} cells")
