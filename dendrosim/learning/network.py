"""What a model file declares, as `LEARNING`, so that a learning circuit can be compared with others."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dendrosim.circuit.circuit import Circuit
from dendrosim.circuit.paths import is_variable
from dendrosim.display.short import ShortRepr
from dendrosim.errors import EquationError, SpecError
from dendrosim.learning.own_cycle import Cycle
from dendrosim.learning.targets import check_target, target_variables

NUMBER = "{i}"
"""Stands in a name for the numbers with which the circuit has the name."""


@dataclass(frozen=True)
class Network(ShortRepr):
    """The parts of a learning circuit: its layers, their weights, and how it is shown a sample.

    A name with `{i}` stands for all names of the circuit with a number from 1 up in its place, in the order of the
    numbers, so that one declaration fits any number of layers. Without `cycle`, gates have the meaning that
    `dendrosim.learning.cycle` gives them: the circuit settles with `hold` open, then with `teach` open; it learns
    while `learn` is open.

    Parameters
    ----------
    layers : tuple of str
        Rates of the layers above the input, such as `"layer{i}.h"`; the last one is the output.
    weights : tuple of str
        Matrix to each of these layers from the one below, such as `"w{i}"`.
    feedback : tuple of str, default ()
        Feedback matrices, such as `"q{i}"`. Those from a layer to the layer below are compared with the transpose
        and the pseudo-inverse of the weights of that layer.
    targets : tuple of str, default ()
        What the rule takes as targets of the layers: variables such as `"layer{i}.goal"`, or expressions of
        variables such as `"layer{i}.h + layer{i}.error"`; the last may be left out. A target counts as relative to
        the rate that the layer below causes, s(W h) with the recorded rates h of that layer.
    apical : tuple of str, default ()
        What the apical dendrites of the layers carry, or what else brings the teaching to a cell: variables such
        as `"layer{i}.apical"`, or expressions of variables; the last may be left out. Protocols that measure
        dendrites refuse rules without it.
    apical_phase : str, optional
        Phase of the cycle in which the apical dendrites of all layers have it (default: `learning_phase`).
    input : str, default "layer0.h"
        Input that gets the samples.
    target : str, default "target"
        Input of the last layer's population that gets the targets.
    learning_phase : str, default "learn"
        Phase of the cycle in which `weights` change, or the last one before they do.
    closed_loop : bool, default False
        Whether feedback changes the rates of the layers, so that the time to settle is that of the slowest mode of
        the whole circuit, and not that of a cascade of layers.
    cycle : callable, optional
        Function `cycle(circuit, *, dt, tau)` that returns the `Cycle` in which a circuit with gates of its own is
        shown a sample, for a time step and a time constant in seconds. A step of learning should change a weight
        by tau times its rate of change.
    signals : mapping of str to signal, default {}
        Further inputs of the circuit, by `population.variable`.
    rules : mapping of str to mapping, default {}
        Values of the model's parameters by name of the rule that they make; without it, the model is one rule,
        which has the name of the file.

    Raises
    ------
    SpecError
        If a name is missing, or is not that of a variable or of a matrix.

    Examples
    --------
    >>> import dendrosim as ds
    >>> LEARNING = ds.learning.Network(layers=("layer{i}.h",), weights=("w{i}",), feedback=("q{i}",))
    """

    layers: tuple[str, ...]
    weights: tuple[str, ...]
    feedback: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    apical: tuple[str, ...] = ()
    apical_phase: str = ""
    input: str = "layer0.h"
    target: str = "target"
    learning_phase: str = "learn"
    closed_loop: bool = False
    cycle: Callable[..., Cycle] | None = None
    signals: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("layers", "weights", "feedback", *EXPRESSIONS):
            given = getattr(self, name)
            if not isinstance(given, tuple) or not all(isinstance(n, str) for n in given):
                raise SpecError(f"Network.{name} is {given!r}; it must be a tuple of names")
            if not given and name in ("layers", "weights"):
                raise SpecError(
                    f"Network.{name} is empty; name at least one, such as {_EXAMPLE[name]!r}"
                )
            for one in given if name not in EXPRESSIONS else ():
                if is_variable(one) != (name == "layers"):
                    kind = "a variable, population.variable" if name == "layers" else "a matrix"
                    raise SpecError(f"Network.{name}: {one!r} is not the name of {kind}")
            for one in given if name in EXPRESSIONS else ():
                _check_expression(f"Network.{name}", one)
        if self.cycle is not None and not callable(self.cycle):
            raise SpecError(
                f"Network.cycle is {self.cycle!r}; it must be a function that returns a Cycle"
            )
        others: tuple[tuple[str, Any, str], ...] = (
            ("input", str, "a name"), ("target", str, "a name"), ("learning_phase", str, "a name"),
            ("apical_phase", str, "a name"), ("closed_loop", bool, "True or False"),
            ("signals", Mapping, "a mapping"), ("rules", Mapping, "a mapping"),
        )  # fmt: skip
        for field_, expected, said in others:
            if not isinstance(getattr(self, field_), expected):
                raise SpecError(f"Network.{field_} is {getattr(self, field_)!r}; it must be {said}")

    def of(self, circuit: Circuit) -> "Network":
        """Return the network with the names that a circuit has, in place of names with `{i}`.

        Raises
        ------
        SpecError
            If the circuit lacks a part, or there is not one matrix of weights for each layer.
        """
        variables = {f"{p.name}.{v}" for p in circuit.populations for v in p.variables}
        matrices = {m.name for m in circuit.matrices}
        found: dict[str, Any] = {}
        for name, known in (
            ("layers", variables), ("weights", matrices), ("feedback", matrices), ("targets", variables),
            ("apical", variables),
        ):  # fmt: skip
            found[name] = tuple(_expand(f"Network.{name}", getattr(self, name), known))
        if self.feedback and not found["feedback"]:
            _check_feedback(self.feedback, found["weights"], circuit)
        if len(found["weights"]) != len(found["layers"]):
            raise SpecError(
                f"Network has {len(found['layers'])} layers ({', '.join(found['layers'])}), but "
                f"{len(found['weights'])} matrices of weights ({', '.join(found['weights'])}); each layer has one"
            )
        for name in EXPRESSIONS:
            given = getattr(self, name)
            if given and len(found["layers"]) - len(found[name]) not in (0, 1):
                raise SpecError(
                    f"the circuit has {len(found[name])} of Network.{name} ({', '.join(given)}) for "
                    f"{len(found['layers'])} layers; only that of the last layer may be left out"
                )
        output = found["layers"][-1].partition(".")[0]
        found["target"] = f"{output}.{self.target.rpartition('.')[2]}"
        for name, one in (("input", self.input), ("target", found["target"])):
            if one not in variables:
                raise SpecError(f"Network.{name}: the circuit has no variable {one!r}")
        return replace(self, **found)


EXPRESSIONS = ("targets", "apical")
"""Fields of `Network` that hold expressions of variables, one for each layer."""

_EXAMPLE = {"layers": "layer{i}.h", "weights": "w{i}"}


def _check_feedback(names: tuple[str, ...], weights: tuple[str, ...], circuit: Circuit) -> None:
    """Refuse names of feedback that stand for nothing, if matrices lead from a layer to one below."""
    ends = [(m.pre, m.post) for m in (circuit.matrix(name) for name in weights)]
    layers = [ends[0][0], *(post for _, post in ends)]
    back = [
        m.name
        for m in circuit.matrices
        if {m.pre, m.post} <= set(layers) and layers.index(m.pre) > layers.index(m.post)
    ]
    if back:
        raise SpecError(
            f"Network.feedback: {names[0]!r} stands for no matrix of the circuit, whose feedback goes through "
            f"{', '.join(back)}; name these, with {NUMBER} in place of the number, or leave feedback out"
        )


def _check_expression(where: str, text: str) -> None:
    """Refuse a text that is no expression of variables."""
    try:
        check_target(text)
    except EquationError as error:
        raise SpecError(f"{where}: {error}") from None
    if not target_variables(text):
        raise SpecError(
            f"{where}: {text!r} has no variable, population.variable; name at least one"
        )


def _expand(where: str, names: tuple[str, ...], known: set[str]) -> Iterator[str]:
    """Yield the names of a circuit, or expressions of them, that those with `{i}` stand for."""
    for name in names:
        if NUMBER not in name:
            if missing := [n for n in target_variables(name) or (name,) if n not in known]:
                raise SpecError(f"{where}: the circuit has no {missing[0]!r}")
            yield name
            continue
        numbered = [
            one
            for i in range(1, len(known) + 1)
            if known.issuperset(target_variables(one := name.replace(NUMBER, str(i))) or (one,))
        ]
        yield from numbered
        if not numbered and where.endswith(("layers", "weights")):
            raise SpecError(f"{where}: {name!r} stands for {name.replace(NUMBER, '1')!r} and so on, but the "
                            "circuit has no such name")  # fmt: skip
