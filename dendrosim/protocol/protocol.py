"""The specification of an experiment on a circuit (inputs, phases and recordings), and its checks.

A protocol is a sequence of blocks. A block repeats a cycle of phases, one cycle per trial. A trial shows `batch`
samples side by side; each has its own states, but they share the weights.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from os import PathLike

from dendrosim.checks import MOST_ELEMENTS
from dendrosim.circuit.event import SPIKE, event_path
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.paths import VariablePath, is_variable
from dendrosim.circuit.pathway import DELAYS
from dendrosim.errors import (
    ParameterError,
    ShapeError,
    SpecError,
    UnknownMemberError,
    prefix_errors,
)
from dendrosim.machine.cached_property import cached_property
from dendrosim.protocol.given_spikes import check_spikes
from dendrosim.protocol.method_check import check_method
from dendrosim.protocol.patterns import is_pattern, matching
from dendrosim.protocol.phases import Block, Recording
from dendrosim.protocol.protocol_data import ProtocolData
from dendrosim.protocol.rate_check import check_rates
from dendrosim.protocol.schedule import records_anything
from dendrosim.protocol.summary import protocol_html, protocol_text
from dendrosim.signals.base import Signal
from dendrosim.signals.process import Process
from dendrosim.signals.samples import Samples
from dendrosim.units import DIMENSIONLESS, unit

_MOST_STEPS = 2**62  # programs count the steps of a run in 64 bits


@dataclass(frozen=True, eq=False)
class Protocol(ProtocolData):
    """Specify an experiment: a circuit, its input signals, their durations, and the recordings.

    Like a circuit, a protocol is data and is checked when it is made, so every `Protocol` object can be run.

    Parameters
    ----------
    circuit : Circuit
        The circuit that is simulated. `Circuit.join` makes one circuit of several circuits.
    blocks : tuple of Block
        Blocks that run one after the other, at least one, with different names.
    dt : time
        Time step.
    recordings : tuple of Recording, optional
        Recordings, in addition to the final state, which is always kept. Two recordings of the same variable must
        have different names.
    signals : mapping of str to signals, optional
        For each input `population.variable`, what drives it in all phases that do not set another signal: a
        signal, a list of signals that add up, or a quantity. An input that has no value in the circuit must be
        driven in every phase.
    data : mapping of str to array of shape (rows, units), optional
        Data sets by name: finite numbers in SI units. The signal `Samples` shows their rows.
    batch : int, optional
        Number of samples that are shown side by side, at least 1 (default 1).
    batch_fixed : bool, optional
        Whether a run must keep this batch, because results of the protocol depend on it (default False).
    references : mapping of str to number or array, optional
        Values computed beforehand, with which `measure` compares the result.
    name : str, optional
        Name of the protocol; set by `load_protocol`.
    parameters : mapping, optional
        Parameters with which the protocol was made; set by `load_protocol`.
    spikes : mapping of str to spikes, optional
        For each source of the kind `SpikeTimes`, its spikes in the order of their times: `result.spikes["cell"]`
        of another run, or two lists, the unit and the time of each spike (a number is in seconds), and perhaps a
        third with the samples. Without samples, all samples of a batch have the same spikes. A time becomes the
        nearest time step, one half up; what comes after the end of the run has no effect.
    method : {"euler", "rk2"}, optional
        How a step is made (default `euler`). With the vector field f, a step of forward Euler is y + dt f(y), and
        a step of Heun's method, `rk2`, is y + dt/2 (f(y) + f(y + dt f(y))), for states and weights together. The
        second f has the time t + dt, but signals, gates and rows of data sets are those of the phase in which the
        step begins. Weights with bounds or a sign are set to the nearest limit in y + dt f(y) and at the end of
        the step. Errors fall with dt², except where a signal jumps within a phase; begin a phase there. `rk2`
        needs a circuit without spikes, events, synapses, delays and random signals.

    Raises
    ------
    SpecError
        If the parts do not fit together; the message names the object and the field. The subclass says what is
        wrong: UnknownMemberError for a name that no object has, UnitError, ShapeError and ParameterError for
        values.

    Examples
    --------
    >>> import dendrosim as ds
    >>> cell = ds.Population("cell", 2, "dv/dt = (u - v)/(10*ms) : 1\\nu : 1", inputs="u")
    >>> protocol = ds.Protocol(
    ...     ds.Circuit((cell,)),
    ...     blocks=(ds.Block("only", (ds.Phase("on", "50 ms"),)),),
    ...     dt="0.1 ms",
    ...     recordings=(ds.Recording("cell.v", every="1 ms"),),
    ...     signals={"cell.u": ds.Step([1.0, 2.0], onset="10 ms")},
    ... )
    >>> protocol.total_steps
    500
    """

    def __repr__(self) -> str:
        return protocol_text(self)

    def _repr_html_(self) -> str:
        return protocol_html(self)

    def __post_init__(self) -> None:
        if not self.blocks:
            raise SpecError("Protocol: there must be at least one block")
        names = [b.name for b in self.blocks]
        if len(set(names)) < len(names):
            raise SpecError(f"Protocol: block names must differ, not {names}")
        for block in self.blocks:
            self._check_block(block)
        self._check_counts()
        check_method(self)
        for recording in self.recordings:
            self._check_recording(recording)
        self.recordings_by_name()  # raises if something is recorded twice
        self.recordings_of_spikes()
        check_spikes(self.circuit, self.spikes, self.batch, self.time_step)
        for pathway in self.circuit.pathways:
            for side, field_ in DELAYS.items():
                check_delay(f"{pathway}: {field_}", pathway.delay_of(side), self.time_step)

    def _check_counts(self) -> None:
        """Check that steps and elements can be counted in the integers of all back ends."""
        if self.total_steps > _MOST_STEPS:
            raise ParameterError(
                f"Protocol: its blocks have {self.total_steps:.3g} time steps, more than {_MOST_STEPS:.3g}; make "
                "fewer or shorter trials"
            )
        for population in self.circuit.all_populations:
            if population.size * self.batch > MOST_ELEMENTS:
                raise ParameterError(
                    f"Protocol: {population.size} units of population {population.name!r} times a batch of "
                    f"{self.batch} samples are more than {MOST_ELEMENTS}; make one of them smaller"
                )

    # -- recordings ------------------------------------------------------------------------------

    def recordings_by_name(self) -> dict[str, Recording]:
        """Return the recordings of variables and matrices by label.

        A label is `owner.variable` or the name of a matrix, after `name/` if the recording has a name.
        """
        return self._recordings

    def recordings_of_spikes(self) -> dict[str, Recording]:
        """Return the recordings of spikes and other events by label.

        The label of spikes is the population, that of another event `population.event`, after `name/` if the
        recording has a name.
        """
        return self._event_recordings

    @cached_property
    def _recordings(self) -> dict[str, Recording]:
        return self._found(spikes=False)

    @cached_property
    def _event_recordings(self) -> dict[str, Recording]:
        found = self._found(spikes=True)
        return {label.removesuffix(f".{SPIKE}"): kept for label, kept in found.items()}

    def _found(self, spikes: bool) -> dict[str, Recording]:
        """Return the recordings by label, either those of events or those of variables and matrices."""
        found: dict[str, Recording] = {}
        for recording in self.recordings:
            if (recording.every == "spike") != spikes:
                continue
            for name in self._matching(recording):
                label = f"{recording.name}/{name}" if recording.name else name
                if label in found:
                    raise SpecError(
                        f"{label} is recorded twice; name it in one recording only, or give the recordings "
                        "different names: Recording(..., name='fine')"
                    )
                found[label] = recording
        return found

    # -- validation -------------------------------------------------------------------------------

    @cached_property
    def _recordable(self) -> dict[str, None]:
        """The names of variables and matrices that can be recorded."""
        circuit = self.circuit
        paths = [
            f"{p.name}.{v}"
            for p in circuit.all_populations
            for v in p.variables
            if v not in p.parameters
        ]
        paths += [f"{p.name}.{v}" for p in circuit.pathways for v in p.synaptic_units]
        return dict.fromkeys([*paths, *(m.name for m in circuit.matrices)])

    @cached_property
    def _recordable_events(self) -> dict[str, None]:
        """The names of events that can be recorded, spikes among them."""
        populations = self.circuit.all_populations
        return dict.fromkeys(f"{p.name}.{event}" for p in populations for event in p.all_events)

    def _matching(self, recording: Recording) -> list[str]:
        """Return the names that a recording's patterns match; raises SpecError if a pattern matches no name."""
        events = recording.every == "spike"
        names, others = self._recordable, self._recordable_events
        if events:
            names, others = others, names
        for pattern in recording.variables:
            if pattern in names or (is_pattern(pattern) and matching(names, [pattern])):
                continue
            if not matching(others, [pattern]):
                raise UnknownMemberError("recording", pattern, names)
            if events:
                error = UnknownMemberError("recording", pattern, names)
                said = f"the spikes of a population are recorded as {', '.join(names)}"
                if not names:
                    said = "no population spikes or has events"
                error.args = (f"{recording}: {pattern!r} has no spikes; {said}",)
                raise error
            raise ParameterError(
                f"{recording}: {pattern} means {self._said(pattern)}; record them with every='spike'"
            )
        return matching(names, recording.variables)

    def _said(self, pattern: str) -> str:
        """Return what messages call the events that a pattern names."""
        return "spikes" if fnmatchcase(SPIKE, event_path(pattern).variable) else "events"

    def _check_recording(self, recording: Recording) -> None:
        """Check that a recording keeps at least one value, and that its phases, samples and units exist."""
        if not isinstance(recording.every, str):
            self.steps(recording.every, f"{recording}: every")
        choices = {
            "units": recording.units, "samples": recording.samples, "synapses": recording.synapses,
        }  # fmt: skip
        for field_, chosen in choices.items():
            if chosen is not None and (not chosen or len(set(chosen)) < len(chosen)):
                raise ParameterError(
                    f"{recording}: {field_} is {chosen}; name at least one, each once, or leave it out"
                )
        phases = [n for b in self.blocks for p in b.phases for n in (p.name, f"{b.name}/{p.name}")]
        for pattern in recording.phases:
            if not any(fnmatchcase(n, pattern) for n in phases):
                raise UnknownMemberError(f"phase in {recording}", pattern, phases)
        for sample in recording.samples or ():
            if not 0 <= sample < self.batch:
                raise ParameterError(
                    f"{recording}: sample {sample} is not among 0 to {self.batch - 1}"
                )
        for name in self._matching(recording):
            self._check_elements(recording, name)
        if recording.every != "spike" and not records_anything(self, recording):
            raise ParameterError(
                f"{recording}: every = {recording.every} falls into none of the phases "
                f"{', '.join(recording.phases)}; record more often"
            )

    def _check_elements(self, recording: Recording, name: str) -> None:
        """Check that the units or synapses that a recording keeps of a variable exist, as far as is known."""
        synaptic = self.circuit.is_synaptic(name)
        if recording.units is not None and synaptic:
            raise ParameterError(
                f"{recording}: {name} is a variable of synapses; choose `synapses` in place of `units`"
            )
        if recording.synapses is not None and not synaptic:
            raise ParameterError(
                f"{recording}: {name} is no variable of synapses; record it without `synapses`, in a recording of "
                "its own"
            )
        if is_variable(name):
            owner = VariablePath.parse(name).owner
            if synaptic:
                check_elements(recording, name, self.circuit.pathway(owner).connect.count)
            else:
                check_elements(recording, name, self.circuit.population(owner).size)

    def _check_block(self, block: Block) -> None:
        """Check a block: its durations, the signals of inputs and gates, and the lengths of data sets."""
        inputs, gates = self.circuit.inputs, self.circuit.gates
        if block.trials == "pass" and not self.rows(block):
            raise ParameterError(
                f"Block {block.name!r}: trials is 'pass', but the block shows no data set; give a number"
            )
        for phase in block.phases:
            where = f"Phase {block.name}/{phase.name}"
            self.steps(phase.duration, f"{where}: duration")
            for path in (*self.signals, *phase.signals):
                if path not in inputs:
                    raise UnknownMemberError(f"input driven in {where}", path, inputs)
            for name in phase.gates:
                if name not in gates:
                    raise UnknownMemberError(f"gate set in {where}", name, gates)
            for path in inputs:
                self._check_drive(where, path, self.input_signals(phase, path))
            for path, source in self.circuit.rates.items():
                drives = self.input_signals(phase, path)
                check_rates(f"{where}: {path}", source, drives, self.data, self.time_step)
        lengths = {n: self.data[n].shape[0] for n in self._shown(block)}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{n!r} {rows}" for n, rows in lengths.items())
            raise ShapeError(
                f"Block {block.name!r}: its data sets differ in length ({counts} rows); a trial shows the "
                "same rows of all of them"
            )
        for phase in block.phases:
            where = f"Phase {block.name}/{phase.name}"
            for name in gates:
                for course in self.gate_signals(phase, name):
                    if isinstance(course, Samples):
                        raise SpecError(
                            f"{where}: gate {name!r} cannot show the rows of a data set"
                        )
                    if isinstance(course, Process):
                        raise SpecError(
                            f"{where}: gate {name!r} cannot be random ({type(course).__name__}); "
                            "drive an input of a population with it"
                        )
                    course.check(f"{where}: gate {name!r}", DIMENSIONLESS, 1)

    def _check_drive(self, where: str, path: str, drives: tuple[Signal, ...]) -> None:
        """Check that the signals of an input exist and fit it in unit and shape."""
        population, declared = self.circuit.variable(path)
        if not drives:
            raise ParameterError(
                f"{where}: nothing drives {path}; give it a signal (0 if it is meant to be silent)"
            )
        for drive in drives:
            drive.check(f"{where}: {path}", unit(declared.unit)[0], population.size)
            if isinstance(drive, Process):
                with prefix_errors(f"{where}: {path}"):
                    drive.numbers(self.time_step)
            if isinstance(drive, Samples):
                if drive.data not in self.data:
                    raise UnknownMemberError(f"data set for {path}", drive.data, self.data)
                columns = self.data[drive.data].shape[1]
                if columns != population.size:
                    raise ShapeError(
                        f"{where}: data set {drive.data!r} has {columns} columns, "
                        f"but {path} has {population.size} units"
                    )


def check_protocol(given: object) -> None:
    """Raise ParameterError if a value is not a Protocol but, for instance, the name of a protocol."""
    if isinstance(given, str | PathLike):
        raise ParameterError(
            f"protocol is {str(given)!r}, a name; load it first: "
            f"ds.run(ds.load_protocol({str(given)!r}))"
        )
    if not isinstance(given, Protocol):
        raise ParameterError(f"protocol is a {type(given).__name__}; it must be a Protocol")


def check_elements(recording: Recording, name: str, size: int | None) -> None:
    """Check the numbers of units or synapses that a recording keeps of a variable.

    Parameters
    ----------
    recording : Recording
        The recording, which has either `units` or `synapses` or none of them.
    name : str
        The variable.
    size : int or None
        How many units or synapses there are; None if synapses have not been drawn yet.

    Raises
    ------
    ParameterError
        If there is no such unit or synapse.
    """
    what = "unit" if recording.synapses is None else "synapse"
    for index in recording.units or recording.synapses or ():
        if index < 0 or (size is not None and index >= size):
            there = (
                "count from 0"
                if size is None
                else f"only 0 to {size - 1}"
                if size
                else "and no other"
            )
            raise ParameterError(f"{recording}: {name} has no {what} {index}, {there}")


def check_delay(where: str, delay: Initial | None, dt: float) -> None:
    """Raise ParameterError if a pathway's delay can be shorter than a time step of `dt` seconds."""
    least = None if delay is None else delay.least
    # The tolerance is for rounding errors in a delay of exactly one step.
    if least is not None and least < dt * (1 - 1e-9):
        raise ParameterError(
            f"{where} is {least * 1e3:g} ms; it must be at least one time step, {dt * 1e3:g} ms "
            "(leave it out for an effect at the end of the step of the spike)"
        )
