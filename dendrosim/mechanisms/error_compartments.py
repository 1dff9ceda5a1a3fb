"""Compartments and conductances of microcircuits that learn from errors in apical dendrites.

Conductances are in units of the leak, voltages are numbers, and `tau` is the membrane time constant without input.
The soma of a pyramidal cell in layer i has the total conductance G_i, and without apical input it is at rest at a
part kappa_i of the basal voltage, which is what the basal dendrite predicts:

    form=conductance    G_i = 1 + g_basal + g_apical,  kappa_i = g_basal/G_i    (hidden layers)
                        G_L = 1 + g_basal,             kappa_L = g_basal/G_L    (output without apical dendrite)
    form=current        G_i = 1, kappa_i = 1: dendrites drive the soma, but do not load it

A time step dt is stable for a compartment if dt times its total conductance is below 2 tau.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.declaration import parameter
from dendrosim.errors import ParameterError
from dendrosim.units import Quantity

HIDDEN = {
    "conductance": """
du/dt = (-u + g_basal*(basal - u) + g_apical*(apical - u))/tau     : 1   # soma
predicted = s(g_basal/(1 + g_basal + g_apical)*basal)            : 1   # rate that the basal dendrite predicts
""",
    "current": """
du/dt = (-u + basal + g_apical*apical)/tau                         : 1   # soma
predicted = s(basal)                                             : 1   # rate that the basal dendrite predicts
""",
}
OUTPUT = {
    "conductance": """
du/dt = (-u + g_basal*(basal - u) + teaching)/tau                  : 1   # soma
predicted = s(g_basal/(1 + g_basal)*basal)                       : 1   # rate that the basal dendrite predicts
""",
    "current": """
du/dt = (-u + basal + teaching)/tau                                : 1   # soma
predicted = s(basal)                                             : 1   # rate that the basal dendrite predicts
""",
}
VOLTAGE_PREDICTED = {
    "conductance": """
du/dt = (-u + g_basal*(basal - u) + g_apical*(error - u))/tau          : 1   # soma
predicted = g_basal/(1 + g_basal + g_apical)*basal                 : 1   # voltage that the basal dendrite predicts
h = s(u)                                                           : 1   # rate
""",
    "current": """
du/dt = (-u + basal + g_apical*error)/tau                              : 1   # soma
predicted = basal                                                  : 1   # voltage that the basal dendrite predicts
h = s(u)                                                           : 1   # rate
""",
}
TEACHING = {
    "voltage": "teaching = teach*nudging*(target - u) : 1   # current towards the voltage `target`\n",
    "rate": "teaching = teach*nudging*(target - h) : 1   # current until the rate is `target`\n",
}
TARGET = "target : 1   # input\n"


class ErrorCompartments:
    """Parameters that all microcircuits with errors in dendrites have."""

    sizes: tuple[int, ...] = parameter((6, 5, 4, 3), "units per layer, input first", least=1)
    transfer: str = parameter("tanh", "transfer function of somata, interneurons among them")
    output: Literal["linear", "transfer"] = parameter("transfer", "output of the last layer")
    form: Literal["conductance", "current"] = parameter(
        "conductance", "whether dendrites load the soma, or only drive it"
    )
    symmetric: bool = parameter(
        False, "whether top-down weights begin as the transposes of basal weights"
    )
    low_pass: bool = parameter(False, "whether changes of weights pass a low-pass filter")
    g_basal: float = parameter(
        10.0, "conductance from basal dendrite to soma", above=0, only={"form": "conductance"}
    )
    g_apical: float = parameter(8.0, "conductance from apical dendrite to soma", above=0)
    nudging: float = parameter(1.0, "conductance of the current that teaches the output", above=0)
    eta: Quantity = parameter("1 Hz", "learning rate of basal weights", above=0)
    tau: Quantity = parameter("10 ms", "membrane time constant without dendrites", above=0)
    tau_low_pass: Quantity | None = parameter(
        None, "time constant of the low-pass filter (default: 30 ms)", unit="ms", above=0
    )
    gain: float = parameter(
        1.0, "standard deviation of initial weights times the root of the number of inputs", above=0
    )


class LateralPrediction:
    """Parameters of those microcircuits whose lateral weights predict what comes down to apical dendrites."""

    teaching: Literal["voltage", "rate"] = parameter(
        "voltage", "whether the target is a voltage or a rate of the output"
    )
    top_down: Literal["fixed", "learned"] = parameter("fixed", "top-down weights")
    self_predicting: bool = parameter(
        True, "whether lateral weights begin in the self-predicting state"
    )
    dale: bool = parameter(
        False, "whether pyramidal cells excite other layers, and lateral synapses inhibit"
    )
    eta_lateral: Quantity = parameter(
        "50 Hz", "learning rate of lateral weights while `sleep` is open", above=0
    )
    eta_top_down: Quantity | None = parameter(
        None, "learning rate of learned top-down weights (default: 10 Hz)", unit="Hz", above=0
    )


@dataclass(frozen=True)
class Conductances:
    """What the conductances of a circuit imply for its layers.

    Attributes
    ----------
    total : tuple of float
        Total conductance G_i of somata of layers 1 to L, in units of the leak.
    kappa : tuple of float
        Part of the basal voltage at which somata of layers 1 to L are at rest.
    """

    total: tuple[float, ...]
    kappa: tuple[float, ...]


def conductances(p: Any, apical_output: bool = False) -> Conductances:
    """Return total conductances and the parts that basal dendrites predict.

    Parameters
    ----------
    p : ErrorCompartments
        Values of the parameters.
    apical_output : bool, default False
        Whether the output layer has an apical dendrite too.
    """
    layers = len(p.sizes) - 1
    if p.form == "current":
        return Conductances((1.0,) * layers, (1.0,) * layers)
    full = 1.0 + p.g_basal + p.g_apical
    total = (full,) * (layers - 1) + (full if apical_output else 1.0 + p.g_basal,)
    return Conductances(total, tuple(p.g_basal / g for g in total))


def predicted_parts(circuit: Circuit) -> list[float]:
    """Return for layers 1 to L the part of the basal voltage that the basal dendrite predicts.

    Parameters
    ----------
    circuit : Circuit
        A circuit with the parameters of `ErrorCompartments`.
    """
    layers = [p for p in circuit.populations if p.name.startswith("layer")][1:]
    values = _numbers(circuit)
    if "g_basal" not in values:  # dendrites do not load somata
        return [1.0] * len(layers)
    basal = values["g_basal"]
    apical = [{"apical", "error"} & set(p.variables) for p in layers]
    return [basal / (1 + basal + (values["g_apical"] if a else 0.0)) for a in apical]


def total_conductances(circuit: Circuit) -> dict[str, float]:
    """Return the total conductances of compartments in units of the leak, as `check_time_step` takes them.

    Parameters
    ----------
    circuit : Circuit
        A circuit with the parameters of `ErrorCompartments`; its target counts as shown.
    """
    values = _numbers(circuit)
    names = {p.name: set(p.variables) for p in circuit.populations if p.name != "layer0"}
    loads = "g_basal" in values
    nudging = values["nudging"]
    found: dict[str, float] = {}
    for name, variables in names.items():
        if name.startswith("inter"):
            total = 1 + values.get("g_dendrite", 0.0) + values["g_teaching"]
            found["somata of interneurons"] = total
            continue
        apical, taught = {"apical", "error"} & variables, "target" in variables
        total = 1 + values["g_basal"] + (values["g_apical"] if apical else 0.0) if loads else 1.0
        if taught and not apical:
            total += nudging
        found[f"somata of {'output' if taught else 'hidden'} pyramidal cells"] = total
        if "error" in variables and "apical" not in variables:
            drive = nudging if taught else values.get("g_dendrite", 0.0)
            kind = "output" if taught else "hidden"
            found[f"error neurons of {kind} pyramidal cells"] = 1 + (drive if loads else 0.0)
    return found


def _numbers(circuit: Circuit) -> dict[str, float]:
    return {name: float(q.value) for name, q in circuit.parameters.items()}


def check_layers(p: Any) -> int:
    """Return the number of layers above the input; raise ParameterError if there is none.

    A time constant of a low-pass filter is refused as well if there is no such filter.
    """
    if len(p.sizes) < 2:
        raise ParameterError(f"sizes is {p.sizes}; there must be an input and an output layer")
    if p.tau_low_pass is not None and not p.low_pass:
        raise ParameterError(
            f"tau_low_pass is {p.tau_low_pass}, but low_pass is False; choose low_pass=True, or leave it out"
        )
    return len(p.sizes) - 1


def learning_values(p: Any, last: int) -> dict[str, Any]:
    """Return the values of those parameters of learning whose default depends on others.

    Parameters
    ----------
    p : ErrorCompartments and LateralPrediction
    last : int
        Number of layers above the input.

    Raises
    ------
    ParameterError
        If a learning rate is given for weights that do not learn, or Dale's law cannot be kept.
    """
    if p.dale and p.low_pass:
        raise ParameterError(
            "dale and low_pass are both True; a limit of weights cannot act on changes that are still in the "
            "filter; choose one of them"
        )
    if p.eta_top_down is not None and p.top_down != "learned":
        raise ParameterError(
            f"eta_top_down is {p.eta_top_down}, but top_down is {p.top_down}; it has a meaning only with "
            "top_down=learned; leave it out"
        )
    values = {"tau_low_pass": p.tau_low_pass or "30 ms"} if p.low_pass else {}
    if p.top_down == "learned" and last > 1:
        values["eta_top_down"] = p.eta_top_down or "10 Hz"
    return values


def check_time_step(totals: Mapping[str, float], tau: Quantity, dt: float) -> None:
    """Check that no compartment is unstable at a time step.

    Parameters
    ----------
    totals : mapping of str to float
        Total conductance of each kind of compartment in units of the leak, by what messages call it.
    tau : time
        Membrane time constant without dendrites.
    dt : float
        Time step in seconds.

    Raises
    ------
    ParameterError
        If the voltage of a compartment would oscillate with growing amplitude.
    """
    second = float(tau.value)
    for name, total in totals.items():
        if dt * total >= 2 * second:
            raise ParameterError(
                f"dt is {dt * 1e3:g} ms, but {name} have a total conductance of {total:g} leaks, so that their "
                f"voltage is unstable from dt = {2e3 * second / total:.4g} ms on; choose a shorter dt, or smaller "
                "conductances"
            )
