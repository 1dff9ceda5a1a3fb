"""The operations of the run-time back ends: dense products, recording and others, as Python calls per step."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from brian2.core.base import BrianObject
from brian2.core.operations import NetworkOperation
from brian2.core.variables import ArrayVariable
from brian2.groups.group import CodeRunner
from brian2.groups.neurongroup import NeuronGroup
from numpy.typing import NDArray

from dendrosim.circuit.event import event_path
from dendrosim.circuit.matrix import Projection
from dendrosim.circuit.paths import VariablePath, is_variable, path_of
from dendrosim.circuit.pathway import Pathway
from dendrosim.engine.network.every_step import StepText, step_text
from dendrosim.engine.network.groups import event_list
from dendrosim.engine.network.heun import AGAIN, repeated_objects
from dendrosim.engine.network.operations import Operations
from dendrosim.engine.network.parts import Bundle, NetworkParts
from dendrosim.engine.network.random_numbers import step_key
from dendrosim.engine.network.weight_updates import Update
from dendrosim.engine.plan.carried import delay_key, delayed_values
from dendrosim.engine.plan.projection_delays import delay_steps
from dendrosim.engine.plan.state_arrays import WEIGHT, recorded_key
from dendrosim.engine.plan.synapse_order import ordered_effects
from dendrosim.engine.plan.timeline import CIRCUIT, Fill
from dendrosim.engine.runtime.delay import DelayLine
from dendrosim.engine.runtime.flights import Flights, send_again
from dendrosim.engine.runtime.recordings import Reel, Tape
from dendrosim.engine.runtime.synapse_loop import LoopCodeObject
from dendrosim.engine.runtime.weight_steps import weight_step
from dendrosim.engine.task import (
    SYNAPSES_GUARDED_EVERY,
    Task,
    kept_elements,
    recorded_indices,
    recorded_shape,
)
from dendrosim.protocol.schedule import record_steps, spike_windows

SUM = "ds_sum_"
"""Prefix of the names of the terms of sums over synapses."""


class NumpyOperations(Operations):
    """Operations that are Python calls in every step."""

    def __init__(self, task: Task) -> None:
        self.task, self.protocol, self.line = task, task.protocol, task.line
        self.step = self.line.first
        self.begun = 0
        self.next = self.line.segment(0)
        self.order = np.concatenate([np.zeros(0, dtype=np.int32), *self.line.order()])
        self.tapes: dict[str, Tape] = {}
        self.failure: tuple[int, list[str]] | None = None
        self.every_step: list[Fill] = []
        self.reels: dict[str, Reel] = {}
        self.called: list[CodeRunner] = []
        self.kept = 0
        self.full = False
        self.again: list[BrianObject] = []
        self.second = False
        self.lines: dict[int, DelayLine] = {}
        self.flights: dict[str, Flights] = {}

    def bind(self, parts: NetworkParts) -> None:
        """Look up the arrays of the network; called after their initial values are set."""
        self.parts = parts
        for name, recording in self.protocol.recordings_of_spikes().items():
            windows = spike_windows(self.protocol, recording, self.task.begin)
            kept = kept_elements(self.task, event_path(name).owner, recording)
            self.reels[name] = Reel(windows, kept if kept.size else None)
        self.watched = self.task.guarded()
        self.watched_synapses = self.task.guarded_synapses()
        self.values = {k: v.get_value() for k, v in parts.all_arrays.items()}
        for label, recording in self.protocol.recordings_by_name().items():
            name = path_of(label)
            source = self.values[recorded_key(parts.circuit, name)]
            pick: Any = slice(None)
            if is_variable(name):
                pick = np.ix_(*recorded_indices(self.task, name, recording))
            steps = record_steps(self.protocol, recording, self.task.begin)
            rows = np.empty((len(steps), *recorded_shape(self.task, name, recording)), source.dtype)
            self.tapes[label] = Tape(steps, source.reshape(self.task.shape(name)), pick, rows)

    def begin(self) -> None:
        """Take the evaluation of synapses out of the steps, and put spikes of the run before on their way.

        This is called when Brian2 has made its code.
        """
        for bundle in self.parts.bundles.values():
            if bundle.evaluation is not None:
                bundle.evaluation.active = False  # `evaluate` calls it when its values are read
        for runner in self.called:
            runner.active = False  # an operation calls it, if there are synapses
        self.flights = send_again(self.task, self.parts)
        self.again = repeated_objects(self.parts)

    def evaluate(self, pathways: Iterable[str]) -> None:
        """Compute the present values of the event-driven states of pathways."""
        for name in pathways:
            bundle = self.parts.bundles[name]
            if bundle.evaluation is not None and len(self.task.synapses[name].pre):
                bundle.evaluation.run()

    def pathway(self, network: NetworkParts, pathway: Pathway) -> Bundle:
        bundle: Bundle = super().pathway(network, pathway)
        for trigger, ordered in ordered_effects(network.circuit, pathway).items():
            if ordered:
                bundle.pathways[trigger].codeobj_class = LoopCodeObject
        return bundle

    def total(
        self, network: NetworkParts, pathway: Pathway, variable: str, order: int
    ) -> BrianObject:
        synapses, hidden = network.groups[pathway.name], f"{SUM}{variable}"
        target = network.arrays[f"{pathway.post}.{variable}"]
        synapses.variables.add_dynamic_array(hidden, size=0, dtype=network.dtype)
        synapses.register_variable(synapses.variables[hidden])
        text = step_text(network, pathway, (variable,))
        run = self._over_synapses(
            network, pathway, text, f"{hidden} = {text.expressions[variable]}", order
        )
        post, values = synapses.variables["_synaptic_post"], synapses.variables[hidden]

        def gather() -> None:
            run()
            count = target.size
            target.get_value()[...] = np.bincount(post.get_value(), values.get_value(), count)

        name = f"ds_total_{pathway.name}_{variable}"
        return self._operation(network, gather, "start", order, name)

    def advance(self, network: NetworkParts, pathway: Pathway) -> BrianObject:
        text = step_text(network, pathway, pathway.clock_driven)
        run = self._over_synapses(network, pathway, text, text.euler_step(), 0)
        return self._operation(network, run, "before_groups", 0, f"ds_advance_{pathway.name}")

    def _over_synapses(
        self, network: NetworkParts, pathway: Pathway, text: StepText, code: str, order: int
    ) -> Callable[[], None]:
        """Return the function that runs code for all synapses of a pathway."""
        synapses = network.groups[pathway.name]
        for symbol, (end, name) in text.references.items():
            if symbol not in synapses.variables:
                group = network.groups[pathway.pre if end == "pre" else pathway.post]
                index = "0" if group.variables[name].scalar else f"_{end}synaptic_idx"
                synapses.variables.add_reference(symbol, group, name, index=index)
        runner = CodeRunner(
            synapses, "stateupdate", code=code, clock=network.clock, when="start", order=order,
            name=f"ds_every_step{len(self.called)}_{pathway.name}", check_units=False,
            codeobj_class=network.codeobj_class,
        )  # fmt: skip
        network.network.add(runner)
        self.called.append(runner)

        def run() -> None:
            if len(self.task.synapses[pathway.name].pre):
                runner.run()

        return run

    def carried(self, keys: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return what a run that continues this one takes over: the arrays `keys`, and what is on its way."""
        found = {key: self.values[key].copy() for key in keys}
        found |= {delay_key(k): line.array() for k, line in self.lines.items()}
        return found | {key: flights.array(self.step) for key, flights in self.flights.items()}

    # -- the seven operations ---------------------------------------------------------------------

    def feed(self, network: NetworkParts) -> BrianObject:
        return self._operation(network, self._feed, "before_start", 0, "ds_feed")

    def product(
        self, network: NetworkParts, projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        circuit, batch = network.circuit, network.protocol.batch
        matrix = circuit.matrix(projection.matrix)
        weight = network.arrays[f"{matrix.name}.{WEIGHT}"].get_value()
        sparse = matrix.name in self.task.connections
        if sparse:
            weight = self.task.connections[matrix.name].sparse(weight)
        else:
            weight = weight.reshape(circuit.shape(matrix))
        w = weight.T if projection.transpose else weight
        now, y = source.get_value().reshape(-1, batch), target.get_value().reshape(-1, batch)
        line = None
        if projection.delay is not None:
            place = network.circuit.delay_line(projection)
            before = delayed_values(self.task.carried, network.protocol)[place]
            steps = delay_steps(network.protocol)[place]
            line = DelayLine(steps, before.astype(now.dtype).reshape(-1, *now.shape))
            self.lines[place] = line

        def multiply() -> None:
            x = now if line is None else line.shift(now)
            if add:
                y[...] += w @ x
            elif sparse:
                y[...] = w @ x
            else:
                np.matmul(w, x, out=y)

        name = f"ds_product_{order}"
        return self._operation(network, multiply, "start", order, name)

    def update(self, network: NetworkParts, update: Update, order: int) -> list[BrianObject]:
        at = self.task.connections.get(update.matrix)
        step = weight_step(update, at, network.protocol.time_step, lambda: self.second)
        name = f"ds_update_{update.matrix}"
        return [self._operation(network, step, "before_groups", order, name)]

    def invert(
        self, network: NetworkParts, inverse: ArrayVariable, of: ArrayVariable, order: int
    ) -> BrianObject:
        size = round(of.size**0.5)
        w, q = (v.get_value().reshape(size, size) for v in (of, inverse))
        # nan equals nothing, so the first step computes the inverse; the weights are not set yet.
        before = np.full_like(w, np.nan)

        def refresh() -> None:
            if not np.array_equal(w, before):
                before[...] = w
                try:
                    q[...] = np.linalg.inv(w)
                except np.linalg.LinAlgError:
                    q[...] = np.nan

        return self._operation(
            network, refresh, "before_groups", order, f"ds_invert_{inverse.owner.name}"
        )

    def repeat(self, network: NetworkParts) -> BrianObject:
        def repeat() -> None:
            for fill in self.every_step:
                self._fill(fill, 1)
            self._set_times(1)
            time = (self.step + 1) * self.protocol.time_step
            network.clock.variables["t"].set_value(time)
            self.second = True
            for again in self.again:
                again.run()
            self.second = False

        return self._operation(network, repeat, AGAIN, 0, "ds_repeat")

    def record(self, network: NetworkParts) -> BrianObject:
        return self._operation(network, self._record, "after_start", 0, "ds_record")

    def fire(self, network: NetworkParts, group: NeuronGroup, index: int) -> BrianObject:
        events = group.variables["_spikespace"].get_value()
        steps, elements, repeat = network.protocol.spike_tables()[index]

        def fire() -> None:
            first, last = np.searchsorted(steps, (self.step, self.step + 1))
            fired = np.add.outer(elements[first:last], np.arange(repeat)).ravel()
            events[: len(fired)], events[-1] = fired, len(fired)

        return self._operation(network, fire, "thresholds", 0, f"ds_fire_{group.name}")

    def spikes(
        self, network: NetworkParts, group: NeuronGroup, event: str, index: int
    ) -> BrianObject:
        events = group.variables[event_list(event)].get_value()

        label = list(network.protocol.recordings_of_spikes())[index]

        def keep() -> None:
            self._keep(self.reels[label], events)

        name = f"ds_spikes{index}_{group.name}"
        return self._operation(network, keep, "after_thresholds", 0, name)

    def guard(self, network: NetworkParts) -> BrianObject:
        return self._operation(network, self._guard, "end", 0, "ds_guard")

    # -- what the operations do in each step ------------------------------------------------------

    def _operation(
        self, network: NetworkParts, function: Callable[[], None], when: str, order: int, name: str
    ) -> BrianObject:
        return NetworkOperation(
            lambda: function(), clock=network.clock, when=when, order=order, name=name
        )

    def _feed(self) -> None:
        line, now = self.line, self.next
        if now is not None and now.start == self.step:
            self.now, self.begun = now, self.begun + 1
            self.next = line.segment(self.begun)
            fills = line.fills[now.phase]
            for fill in fills:
                self._fill(fill)
            self.every_step = [f for f in fills if f.tables]
        else:
            for fill in self.every_step:
                self._fill(fill)
        for noise in line.noises:
            place = step_key(noise.key, self.step)
            self.values[f"{noise.group}.{noise.base}"][0] = place
        self._set_times()

    def _set_times(self, ahead: int = 0) -> None:
        """Set the times since phase and block began, at the beginning of the step or of the next one."""
        dt, step = self.protocol.time_step, self.step + ahead
        self.values[f"{CIRCUIT}.ds_t_phase"][0] = (step - self.now.start) * dt
        self.values[f"{CIRCUIT}.ds_t_block"][0] = (step - self.now.block_start) * dt

    def _fill(self, fill: Fill, ahead: int = 0) -> None:
        target = self.values[fill.key]
        batch = target.size // fill.constant.size if target.size > 1 else 1
        value = np.repeat(fill.constant[:, None], batch, axis=1)
        first = self.now.row
        for name in fill.samples:
            value = value + self.protocol.data[name][self.order[first : first + batch]].T
        elapsed = (self.step + ahead - self.now.start) * self.protocol.time_step
        for table, interval, linear in fill.tables:
            value = value + _look_up(table, elapsed / interval, linear)[:, None]
        target[...] = value.ravel()

    def _record(self) -> None:
        due = {
            label: tape
            for label, tape in self.tapes.items()
            if tape.next < len(tape.steps) and tape.steps[tape.next] == self.step
        }
        owners = {VariablePath.parse(label).owner for label in due}
        self.evaluate(owners & set(self.parts.bundles))
        for tape in due.values():
            tape.rows[tape.next] = tape.source[tape.pick]
            tape.next += 1

    def _keep(self, reel: Reel, events: NDArray[np.int32]) -> None:
        if not any(window.has(self.step) for window in reel.windows):
            return
        fired = events[: events[-1]]
        if reel.pick is not None:
            fired = fired[reel.pick[fired]]
        if not len(fired):
            return
        if self.kept + len(fired) > self.task.spike_limit:
            self.full = True
            self.parts.network.stop()
            return
        self.kept += len(fired)
        reel.steps.append(self.step)
        reel.elements.append(fired.copy())

    def _guard(self) -> None:
        for flights in self.flights.values():
            flights.keep(self.step)
        self.step += 1
        watched = self.watched
        if self.step % SYNAPSES_GUARDED_EVERY == 0 or self.step == self.line.end:
            watched = watched + self.watched_synapses
        if all(np.isfinite(np.sum(self.values[k])) for k in watched):
            return
        watched = self.watched + self.watched_synapses
        bad = [k for k in watched if not np.all(np.isfinite(self.values[k]))]
        if bad:  # and not only a sum that overflows
            self.failure = (self.step, bad)
            self.parts.network.stop()


def _look_up(table: NDArray[np.float64], position: float, linear: bool) -> NDArray[np.float64]:
    last = len(table) - 1
    index = min(int(position + 1e-9), last)
    if not linear or index == last:
        return table[index]
    return table[index] + (position - index) * (table[index + 1] - table[index])
