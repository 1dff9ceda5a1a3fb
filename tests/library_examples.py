"""Small model and protocol files for tests of the library and the command line."""

MODEL = '''
"""A leaky unit relaxes to its input.

Sources
-------
Somebody (2020), eq. 1.
"""

import dendrosim as ds

UNIT = """
dv/dt = (drive - gain*v)/tau : 1  # eq. 1
drive : 1
"""


def circuit(*, size: int = 2, tau: ds.Quantity = "20 ms", gain: float = 1.0) -> ds.Circuit:
    """Return leaky units.

    Parameters
    ----------
    size
        Number of units.
    tau
        Time constant.
    """
    parameters = {"tau": tau, "gain": gain}
    unit = ds.Population("unit", size, UNIT, inputs={"drive": 0.0}, parameters=parameters)
    return ds.Circuit((unit,))
'''

PROTOCOL = '''
"""Relaxation to a constant input."""

import dendrosim as ds


def protocol(
    *,
    level: float = 1.0,
    duration: ds.Quantity = "10 ms",
    marks: tuple[float, ...] = (),
    **circuit: ds.parameters_of("leaky", without=("size",)),
) -> ds.Protocol:
    return ds.Protocol(
        circuit=ds.load_circuit("leaky", size=3, **circuit),
        blocks=(ds.Block("all", (ds.Phase("free", duration),)),),
        dt="0.1 ms",
        signals={"unit.drive": level},
        recordings=(ds.Recording("unit.v", "1 ms"),),
    )


def measure(result):
    value = result["unit.v"].values[-1]
    return ds.Measurement(
        {"last": value, "worst": float("nan"), "good": True},
        figures={"traces": lambda: ds.plot.traces(result, "unit.v")},
        units={"last": "V"},
        references={"last": ds.Reference(0.25, 0.01, "grid-limited", reason="a step")},
    )
'''


def write_library(folder):
    """Write the examples into subfolders `models` and `protocols`, and return the folder."""
    for kind, name, text in (("models", "leaky", MODEL), ("protocols", "relax", PROTOCOL)):
        (folder / kind).mkdir(parents=True)
        (folder / kind / f"{name}.py").write_text(text)
    return folder
