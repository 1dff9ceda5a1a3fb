"""Layered networks that learn by target propagation or back-propagation, alone or side by side.

A network that is alone has the names of its model (`layer1.h`, `w1`). Networks side by side have prefixes
(`single_w1`) and start from the same weights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dendrosim.arrays import Array
from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.initial_values.copy import Copy
from dendrosim.circuit.initial_values.well_conditioned import WellConditioned
from dendrosim.display.short import ShortRepr
from dendrosim.errors import ParameterError, UnknownNameError
from dendrosim.learning.settling import Settling, find_settling, layer_count
from dendrosim.library.catalogue import find_entry
from dendrosim.library.file_parameters import parameters_of_file
from dendrosim.library.loading import load_circuit
from dendrosim.protocol.phases import Recording

MODELS = {
    "single": "dynamical_tp",
    "two_phase": "two_phase_dtp",
    "multiplexed": "multiplexed_dtp",
    "backprop": "backprop",
}
"""Model of each network, by the short name that protocols use."""


@dataclass(frozen=True)
class LayeredNetwork(ShortRepr):
    """A layered circuit that learns.

    Attributes
    ----------
    name : str
        A key of `MODELS`.
    circuit : Circuit
        The circuit, with the names of the model.
    prefix : str
        Prefix of the network's names in a joined circuit, such as `single_`; empty for a single circuit.
    """

    name: str
    circuit: Circuit
    prefix: str = ""

    @property
    def layers(self) -> int:
        """Number of layers above the input, which is also the number of the last layer."""
        return layer_count(self.circuit)

    def find_settling(self, *, left: float | None = None) -> Settling:
        """Return how long the network needs to settle; see `dendrosim.learning.settling.find_settling`."""
        return find_settling(self.circuit, left=left)


def load_network(
    name: str,
    *,
    tau: Any,
    common: Mapping[str, Any],
    own: Mapping[str, Any],
    others: Mapping[str, Any],
    prefix: str = "",
) -> LayeredNetwork:
    """Load the model of a network.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    tau : time
        Time constant of all layers.
    common : mapping of str to object
        Parameters that every model has: `sizes`, `transfer`.
    own : mapping of str to object
        Further parameters of this network; the model must have all of them.
    others : mapping of str to object
        Parameters that are used if the model has them, such as `mu`, or `gain` and `condition` of the initial
        weights.
    prefix : str, default ""
        Prefix of the network's names in a joined circuit.

    Raises
    ------
    UnknownNameError
        If the model does not have a parameter of `common` or `own`.
    ParameterError
        If the model refuses a value.
    """
    model = MODELS[name]
    known = {p.name for p in parameters_of_file(find_entry(model, "model"))}
    times = {"tau", "tau_basal", "tau_apical", "tau_hold"} & known
    given = {k: v for k, v in others.items() if k in known}
    if name != "backprop":
        circuit = load_circuit(model, **common, **dict.fromkeys(times, tau), **given, **own)
        return LayeredNetwork(name, circuit, prefix)
    circuit = load_circuit(model, **common, output="transfer", tau=tau, **own)
    # These are the defaults of the other models, so that all networks start from weights of the same type.
    gain, condition = others.get("gain", 1.4), others.get("condition", 2.0)
    first = WellConditioned(gain, condition)
    circuit = circuit.replace(matrices=[m.replace(initial=first) for m in circuit.matrices])
    return LayeredNetwork(name, circuit, prefix)


def check_parameter_names(
    names: Sequence[str], given: Mapping[str, Any], others: Iterable[str] = ()
) -> None:
    """Raise UnknownNameError if a given parameter belongs to no model of target propagation among the networks.

    Parameters
    ----------
    names : sequence of str
        Keys of `MODELS`.
    given : mapping of str to object
        Parameters by name.
    others : iterable of str
        Further names that the error suggests if they resemble the unknown name.
    """
    models = [MODELS[n] for n in names if n != "backprop"]
    known = {p.name for m in models for p in parameters_of_file(find_entry(m, "model"))}
    for parameter in given:
        if parameter not in known:
            allowed = ", ".join(names)
            raise UnknownNameError(f"parameter of {allowed}", parameter, {*known, *others})


def join_networks(networks: Sequence[LayeredNetwork]) -> Circuit:
    """Return one circuit of all networks; all of them start from the basal weights of the first network."""
    if len(networks) == 1:
        return networks[0].circuit
    circuit = Circuit.join(**{n.name: n.circuit for n in networks})
    first = networks[0]
    copies = {
        f"{n.prefix}w{i}": f"{first.prefix}w{i}"
        for n in networks[1:]
        for i in range(1, n.layers + 1)
    }
    return circuit.replace(
        matrices=[
            m.replace(initial=Copy(copies[m.name])) if m.name in copies else m
            for m in circuit.matrices
        ]
    )


def circuits_by_prefix(networks: Sequence[LayeredNetwork]) -> dict[str, Circuit]:
    """Return the circuits by prefix, written without its underscore, as the functions of `cycle` expect it."""
    return {n.prefix.removesuffix("_"): n.circuit for n in networks}


def input_signals(networks: Sequence[LayeredNetwork], x: Any, target: Any) -> dict[str, Any]:
    """Return the signals of a protocol that feed `x` into all input layers, and `target` into all last layers."""
    inputs = {f"{n.prefix}layer0.h": x for n in networks}
    return inputs | {f"{n.prefix}layer{n.layers}.target": target for n in networks}


def learning_recordings(
    networks: Sequence[LayeredNetwork],
    *,
    thin: int,
    cycle: float,
    events: bool,
    tested: bool = True,
) -> tuple[Recording, ...]:
    """Return the recordings of blocks `train` and `test` that `dendrosim.learning.progress` reads.

    Parameters
    ----------
    networks : sequence of LayeredNetwork
    thin : int
        Every `thin`-th trial is recorded.
    cycle : float
        Duration of a trial in seconds; used if plasticity is continuous.
    events : bool
        Whether weights learn in single steps. If so, weights before and after a step are recorded, and the inputs
        and targets of that trial; otherwise, weights at the beginning of the trial.
    tested : bool, default True
        Whether there is a block `test`, of which the outputs are recorded.
    """
    every: dict[str, Any] = (
        {"every": "phase", "phases": "train/learn", "thin": thin}
        if events
        else {"every": f"{thin * cycle!r} s", "phases": "train/*"}
    )
    basal = tuple(f"{n.prefix}w{i}" for n in networks for i in range(1, n.layers + 1))
    outputs = tuple(f"{n.prefix}layer{n.layers}.h" for n in networks)
    first = networks[0]
    kept = [Recording(outputs, every="phase", phases="test/*")] if tested else []
    kept.append(
        Recording(
            basal, **({**every, "phases": ("train/learn", "train/rest")} if events else every)
        )
    )
    if events:
        kept.append(
            Recording(
                (f"{first.prefix}layer0.h", f"{first.prefix}layer{first.layers}.target"), **every
            )
        )
    if apical := tuple(f"{n.prefix}{q}" for n in networks for q in _apical_matrices(n)):
        kept.append(Recording(apical, **every))
    if bounded := tuple(f"{n.prefix}layer*.saturated" for n in networks if n.name == "multiplexed"):
        kept.append(Recording(bounded, **every))
    return tuple(kept)


def _apical_matrices(network: LayeredNetwork) -> list[str]:
    """Return the names of the matrices that only apical dendrites use."""
    return [m.name for m in network.circuit.matrices if m.name[0] == "q"]


def check_target_range(networks: Sequence[LayeredNetwork], targets: Array) -> None:
    """Raise ParameterError if a target is out of the range that a multiplexed circuit can send."""
    largest = float(np.max(np.abs(targets)))
    for network in networks:
        if "span" in network.circuit.parameters:
            span = float(network.circuit.parameters["span"].value)
            if largest > span:
                raise ParameterError(
                    f"targets reach {largest:.4g}, but span is {span:.4g}: event rates and burst probabilities of "
                    f"{MODELS[network.name]} cannot send more; raise span"
                )
