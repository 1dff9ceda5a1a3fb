"""Two rules in one cell: apical synapses follow local coactivity, basal synapses the output of the cell.

A cell has a basal compartment, which drives its output, and an apical one, which adds to the output with a weak
coupling. Oja's rule changes both sets of synapses, but with different postsynaptic factors: for apical synapses
the activity of the apical compartment, for basal ones the output. So apical weights become the first principal
component of the apical inputs alone, whatever the rest of the cell does; basal weights also learn what the apical
compartment adds to the output, as far as both inputs are correlated.

    apical   dv/dt = eta a (z - a v),   a = v z
    basal    dw/dt = eta y (x - y w),   y = w x + coupling a

A second cell with `output` rules at both compartments is the control: its apical weights learn from the output.

Each of two sources reaches both compartments, with the part `shared` of the strength: the strongest direction of
the inputs of one, and the second strongest of the other. All samples are shown side by side, so that the run
follows the mean flow.

Measured, as cosines of the angle between two directions, without sign:

    apical_local       apical weights and the first principal component of the apical inputs
    apical_output      the same for the cell whose apical synapses follow its output
    basal              basal weights and the fixed point by the second moments of inputs, of the first cell
    basal_alone        basal weights and the first principal component of the basal inputs, of the first cell
    residual           largest rate of change of a weight at the end, in Hz, of the first cell

Sources
-------
"Synapses in the apical and basal dendrites of layer 2/3 neurons follow distinct rules" (Science, 2025), known here
by reports only: apical synapses change by local coactivity, basal ones by coactivity with the output. The rules by
which this is modelled, and all numbers, are choices.
"""

import numpy as np

import dendrosim as ds
from dendrosim.plot import style

CELL = """
basal : 1    # fed from the basal inputs
apical : 1   # fed from the apical inputs
y = basal + coupling*apical : 1   # output
"""
RULES = {"local": "apical", "output": "y"}
"""For each cell, the variable that its apical synapses follow."""


class Parameters(ds.Parameters):
    inputs: int = ds.parameter(6, "inputs of each compartment", least=2)
    samples: int = ds.parameter(60, "number of samples", least=30)
    shared: float = ds.parameter(0.8, "part of the common source", least=0, below=1)
    coupling: float = ds.parameter(0.5, "weight of the apical compartment in the output", least=0)
    eta: ds.Quantity = ds.parameter("1 Hz", "learning rate", above=0)
    duration: ds.Quantity = ds.parameter("60 s", "duration of learning", above=0)
    dt: ds.Quantity = ds.parameter("20 ms", "time step", above=0)
    data_seed: int = ds.parameter(0, "seed of the inputs", least=0)


def protocol(p: Parameters) -> ds.Protocol:
    """Return the protocol."""
    basal, apical = _inputs(p)
    signals = {}
    for name in RULES:
        signals |= {
            f"{name}_basal.x": ds.Samples("basal"),
            f"{name}_apical.z": ds.Samples("apical"),
        }
    phase = ds.Phase("learn", p.duration, signals=signals)
    every = max(1, round(p.duration.value / p.dt.value / 100)) * float(p.dt.value)
    return ds.Protocol(
        ds.Circuit.join(**{name: _circuit(p, post) for name, post in RULES.items()}),
        (ds.Block("run", (phase,)),),
        dt=p.dt,
        data={"basal": basal, "apical": apical},
        recordings=(
            ds.Recording(
                tuple(f"{name}_{w}" for name in RULES for w in ("w", "v")),
                every=f"{every!r} s",
            ),
        ),
        batch=len(basal),
        batch_fixed=True,
    )


def _circuit(p, post):
    """Return a cell whose apical synapses follow the variable `post`."""
    start = 0.3 / np.sqrt(p.inputs) * np.ones(p.inputs)
    return ds.Circuit(
        (
            ds.Population("basal", p.inputs, "x : 1", inputs="x"),
            ds.Population("apical", p.inputs, "z : 1", inputs="z"),
            ds.Population("cell", 1, CELL, parameters={"coupling": p.coupling}),
        ),
        [
            ds.Matrix("w", "cell", "basal", start[None], rule=ds.rules.oja("x", "y", eta=p.eta)),
            ds.Matrix("v", "cell", "apical", start[None], rule=ds.rules.oja("z", post, eta=p.eta)),
        ],
        [
            ds.Projection("basal.x", "w", "cell.basal"),
            ds.Projection("apical.z", "v", "cell.apical"),
        ],
    )


def _inputs(p):
    """Return basal and apical inputs, each (samples, inputs), with exactly uncorrelated sources."""
    rng = np.random.default_rng(p.data_seed)
    count = 2 * p.inputs + 2
    samples = max(p.samples, count + 1)
    sources = np.sqrt(samples) * np.linalg.qr(rng.normal(size=(samples, count)))[0]
    common, own = sources[:, :2], np.split(sources[:, 2:], 2, axis=1)
    scales = np.geomspace(1.2, 0.2, p.inputs)
    found = []
    for each, order in zip(own, (slice(None), slice(None, None, -1)), strict=True):
        strong = np.sqrt(1 - p.shared**2) * each[:, :2] + p.shared * common[:, order]
        each = np.hstack([strong, each[:, 2:]])
        found.append((each * scales) @ np.linalg.qr(rng.normal(size=(p.inputs, p.inputs)))[0])
    return found


def _first(samples):
    """Return the first principal component of samples without subtraction of their mean."""
    return np.linalg.eigh(samples.T @ samples)[1][:, -1]


def _fixed_point(p):
    """Return basal weights by the second moments: w is stable where <y x> = <y^2> w, with the apical weights v.

    With the moments C = <x x>, c = coupling <x z> v and s = coupling^2 <(v z)^2>, the mean flow is
    C w + c - (w C w + 2 w c + s) w; it is followed here until it rests.
    """
    basal, apical = _inputs(p)
    moments = basal.T @ basal / len(basal)
    v = _first(apical)
    v = v * np.sign(v.sum())  # the sign that the apical weights of the run reach from their start
    added = p.coupling * (apical @ v)
    cross, power = basal.T @ added / len(basal), np.mean(added**2)
    w = 0.3 / np.sqrt(p.inputs) * np.ones(p.inputs)
    for _ in range(100_000):
        change = moments @ w + cross - (w @ moments @ w + 2 * w @ cross + power) * w
        w = w + 0.02 * change
        if np.abs(change).max() < 1e-13:
            break
    return w


def _cosine(a, b):
    return float(abs(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)))


def measure(result: ds.Result) -> ds.Measurement:
    """Compare weights with principal components and with the fixed point."""
    p = Parameters(**result.protocol.parameters)
    basal, apical = _inputs(p)
    state = {name: result.state[name][0] for name in ("local_w", "local_v", "output_w", "output_v")}
    w, v = state["local_w"], state["local_v"]
    a = apical @ v
    y = basal @ w + p.coupling * a
    rates = [np.mean(y[:, None] * (basal - y[:, None] * w), axis=0)]
    rates.append(np.mean(a[:, None] * (apical - a[:, None] * v), axis=0))
    metrics = {
        "apical_local": _cosine(v, _first(apical)),
        "apical_output": _cosine(state["output_v"], _first(apical)),
        "basal": _cosine(w, _fixed_point(p)),
        "basal_alone": _cosine(w, _first(basal)),
        "residual": float(p.eta.value * np.abs(np.concatenate(rates)).max()),
    }
    reason = "the time of learning"
    references = {
        name: ds.Reference(1.0, 1e-3, reason=reason) for name in ("apical_local", "basal")
    }
    figures = {"learning": lambda: _draw(result, _first(apical), _first(basal))}
    return ds.Measurement(metrics, figures, units={"residual": "Hz"}, references=references)


@style.styled
def _draw(result, apical, basal):
    """Draw how weights of both cells turn towards the first principal components of their inputs."""
    axes = style.row(2, (7.4, 2.8))
    for ax, letter, first, title in zip(
        axes, "vw", (apical, basal), ("apical", "basal"), strict=True
    ):
        for k, name in enumerate(RULES):
            trace = result.traces[f"{name}_{letter}"]
            course = [_cosine(row, first) for row in trace.values[:, 0]]
            label = f"apical rule: {'local' if name == 'local' else 'output'}"
            ax.plot(trace.time, course, color=style.PALETTE[k], label=label)
        ax.set(title=f"{title} synapses", xlabel="time (s)", ylim=(0, 1.05))
    axes[0].set_ylabel("cosine with the first\nprincipal component")
    style.legend_right(axes[-1])
    return axes[0].figure
