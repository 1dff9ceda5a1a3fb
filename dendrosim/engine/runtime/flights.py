"""Spikes on their way in Brian2's queues: a run that continues another one puts them there again."""

from collections import deque

import numpy as np
from brian2.synapses.synapses import SynapticPathway
from numpy.typing import NDArray

from dendrosim.engine.network.parts import NetworkParts
from dendrosim.engine.plan.carried import elements_at, flying, flying_key, longest_delays
from dendrosim.engine.task import Task


class Flights:
    """The spikes that one end of a pathway has sent in the last steps.

    Parameters
    ----------
    events : array
        Brian2's list of the elements that spike in a step, whose last number is their number.
    longest : int
        Number of steps of the longest delay.
    """

    def __init__(self, events: NDArray[np.int32], longest: int) -> None:
        self.events, self.longest = events, longest
        self.sent: deque[tuple[int, NDArray[np.int32]]] = deque()

    def keep(self, step: int) -> None:
        """Keep the spikes of a step."""
        count = self.events[-1]
        if count:
            self.sent.append((step, self.events[:count].copy()))
        while self.sent and self.sent[0][0] <= step - self.longest:
            self.sent.popleft()

    def array(self, step: int) -> NDArray[np.int64]:
        """Return the spikes on their way before a step; see `plan.carried.flying_key`."""
        rows = [
            np.stack([np.full(len(elements), step - sent), elements], axis=1)
            for sent, elements in self.sent
        ]
        return np.concatenate([np.zeros((0, 2), np.int64), *rows])


def _send(
    pathway: SynapticPathway, spikes: NDArray[np.int64], flights: Flights, first: int
) -> None:
    """Send spikes as in the steps before step `first`, beginning with the oldest ones."""
    for age in range(int(np.max(spikes[:, 0], initial=0)), 0, -1):
        elements = spikes[spikes[:, 0] == age, 1].astype(np.int32)
        if len(elements):
            pathway.queue.push(elements)
            flights.sent.append((first - age, elements))
        pathway.queue.advance()


def send_again(task: Task, parts: NetworkParts) -> dict[str, Flights]:
    """Put the spikes on their way that the run before has sent; return all of delayed pathways by `flying_key`."""
    found = {}
    for name, bundle in parts.bundles.items():
        table, counts = task.synapses[name], elements_at(task.protocol, name)
        delays = longest_delays(table, task.protocol.time_step)
        for trigger, pathway in bundle.pathways.items():
            longest = delays[trigger.side]
            if not longest or not len(table.pre):
                continue
            spikes = flying(task.carried, name, trigger, longest, counts[trigger.side])
            flights = Flights(pathway.eventspace, longest)
            _send(pathway, spikes, flights, task.line.first)
            found[flying_key(name, trigger)] = flights
    return found
