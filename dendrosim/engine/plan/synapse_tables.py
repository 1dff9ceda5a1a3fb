"""The synapses of a run: connected units, delays, weights and start values.

They are drawn in Python from streams named after the pathway, so they are the same on every back end and do not
change when another object is added. Everywhere in a run and its result, the synapses of a pathway are ordered by
presynaptic unit, then by postsynaptic unit; several synapses between one pair keep the order in which the
connection rule returned them. In a batch every sample has the same connections among its own units, and samples
of one synapse follow each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dendrosim.arrays import Integers
from dendrosim.circuit.initial_values.base import Initial
from dendrosim.circuit.initial_values.fixed import Fixed
from dendrosim.circuit.paths import VariablePath, path_of
from dendrosim.circuit.pathway import DELAYS, Pathway
from dendrosim.errors import ParameterError
from dendrosim.protocol.protocol import Protocol, check_elements
from dendrosim.protocol.time_steps import nearest_steps
from dendrosim.results.synapses import Synapses
from dendrosim.streams import stream

# The queue of spikes has a vector of 24 bytes for each time step of the longest delay, so that 10 million steps
# take 240 MB before the first spike.
_LONGEST = 10_000_000


@dataclass(frozen=True)
class SynapseTable:
    """The synapses of one pathway; `pre` and `post` are indices of elements (units x samples).

    `delays` are in seconds, one for each synapse or one for all; `post_delays` are those of postsynaptic events,
    or None. `values` has the start values of the variables that every synapse has for itself. `batch` is the
    number of samples.
    """

    pre: NDArray[np.int32]
    post: NDArray[np.int32]
    delays: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]
    batch: int = 1
    post_delays: NDArray[np.float64] | None = None

    @property
    def count(self) -> int:
        """The number of synapses of one sample."""
        return len(self.pre) // self.batch

    def synapses(self) -> Synapses:
        """Return units and delays of the synapses of one sample."""
        first = slice(None, None, self.batch)
        return Synapses(
            self.pre[first] // np.int32(self.batch),
            self.post[first] // np.int32(self.batch),
            self._of_one_sample(self.delays),
            None if self.post_delays is None else self._of_one_sample(self.post_delays),
        )

    def _of_one_sample(self, delays: NDArray[np.float64]) -> NDArray[np.float64]:
        found = delays if len(delays) == 1 else delays[:: self.batch]
        return np.broadcast_to(found, (self.count,))


@dataclass(frozen=True)
class _Pairs:
    """The connected units of a pathway in the order of its connection rule; `sizes` are those of pre and post."""

    pathway: Pathway
    pre: Integers
    post: Integers
    sizes: tuple[int, int]

    def draw(self, name: str, initial: Initial, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return a value for each synapse; raises ParameterError if one is not finite."""
        values = initial.sample_synapses(self.pre, self.post, self.sizes, rng)
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            i, j = self.pre[wrong[0]], self.post[wrong[0]]
            raise ParameterError(
                f"{self.pathway}: the {name} of the synapse from unit {i} to unit {j} is {values[wrong[0]]}, "
                f"and {len(wrong)} of {len(values)} synapses have no finite {name}; change {initial}"
            )
        return values


def synapse_tables(protocol: Protocol, seed: int) -> dict[str, SynapseTable]:
    """Return the synapses of every pathway.

    Raises
    ------
    ParameterError
        If a delay is shorter than a time step or too long for the queue of spikes, or if a recording names a
        synapse that was not drawn.
    """
    tables = {p.name: _table(protocol, p, seed) for p in protocol.circuit.pathways}
    for label, recording in protocol.recordings_by_name().items():
        name = path_of(label)
        if protocol.circuit.is_synaptic(name):
            check_elements(recording, name, tables[VariablePath.parse(name).owner].count)
    return tables


def _table(protocol: Protocol, pathway: Pathway, seed: int) -> SynapseTable:
    circuit, batch = protocol.circuit, protocol.batch
    post, pre = circuit.population(pathway.post).size, circuit.population(pathway.pre).size
    same = pathway.post == pathway.pre
    rng = stream(seed, f"connections.{pathway.name}")
    to, from_ = pathway.connect.draw(post, pre, same, rng)
    # Values are drawn, or given as arrays, in the order of the connection rule, and sorted with their synapses.
    order = np.lexsort((to, from_))
    pairs = _Pairs(pathway, from_, to, (pre, post))
    values = {
        name: pairs.draw(name, initial, stream(seed, f"synapses.{pathway.name}.{name}"))[order]
        for name, initial in pathway.synapse_start_values().items()
    }
    return SynapseTable(
        pre=elements_of(from_[order], batch),
        post=elements_of(to[order], batch),
        delays=_delays(protocol, pairs, order, seed, "pre"),
        values={name: np.repeat(value, batch) for name, value in values.items()},
        batch=batch,
        post_delays=None
        if pathway.post_delay is None
        else _delays(protocol, pairs, order, seed, "post"),
    )


def elements_of(units: NDArray[np.integer], batch: int) -> NDArray[np.int32]:
    """Return the elements (units x samples) of units; the samples of a unit follow each other."""
    return (units.astype(np.int64)[:, None] * batch + np.arange(batch)).ravel().astype(np.int32)


def _delays(
    protocol: Protocol, pairs: _Pairs, order: Integers, seed: int, side: str
) -> NDArray[np.float64]:
    """Return the delays of one end in seconds, each rounded to the nearest whole number of time steps."""
    pathway, dt, count = pairs.pathway, protocol.time_step, len(order)
    delay, field = pathway.delay_of(side), DELAYS[side]
    if delay is None:
        return np.zeros(1)
    if isinstance(delay, Fixed) and delay.value.scalar:
        steps = nearest_steps([delay.value.value], dt)
        check_longest(f"{pathway}: a {field}", float(steps[0]), dt)
        return steps * dt
    delays = pairs.draw(field, delay, stream(seed, f"{field}s.{pathway.name}"))
    # A delay of one time step may be less than dt by rounding errors.
    if count and delays.min() < dt * (1 - 1e-9):
        raise ParameterError(
            f"{pathway}: a {field} of {delays.min() * 1e3:.3g} ms was drawn, shorter than the time step of "
            f"{dt * 1e3:g} ms; choose a distribution without shorter delays, such as Uniform"
        )
    steps = nearest_steps(delays, dt)
    check_longest(f"{pathway}: a {field}", float(np.max(steps, initial=0)), dt)
    return np.repeat(steps[order] * dt, protocol.batch)


def check_longest(where: str, steps: float, dt: float) -> None:
    """Raise ParameterError if a delay is too long for the queue of spikes; `where` begins the message."""
    if steps > _LONGEST:
        raise ParameterError(
            f"{where} of {steps * dt:g} s is {steps:.3g} time steps; the queue of spikes holds "
            f"{_LONGEST:.0e} steps, so make the delay shorter"
        )
