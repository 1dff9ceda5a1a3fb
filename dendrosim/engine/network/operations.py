"""Operations that differ between back ends: dense products, feeding, recording and guarding."""

from abc import ABC, abstractmethod
from typing import Any

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.groups.neurongroup import NeuronGroup

from dendrosim.circuit.matrix import Projection
from dendrosim.engine.network.parts import NetworkParts
from dendrosim.engine.network.weight_updates import Update


class Operations(ABC):
    """Brian2 objects of a back end for all operations that are not element-wise on a population.

    To add a back end, implement these seven; each returns an object that Brian2 runs once a step.
    `codeobj_class` is the kind of Brian2's code objects of populations and pathways, None for its own.
    """

    codeobj_class: Any = None

    @abstractmethod
    def feed(self, network: NetworkParts) -> BrianObject:
        """Set inputs and gates from the timeline; the first operation of a step."""

    @abstractmethod
    def product(
        self, network: NetworkParts, projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        """target = matrix source, or target += matrix source if `add`."""

    @abstractmethod
    def update(self, network: NetworkParts, update: Update, order: int) -> list[BrianObject]:
        """One step of a matrix's plasticity."""

    @abstractmethod
    def invert(
        self, network: NetworkParts, inverse: ArrayVariable, of: ArrayVariable, order: int
    ) -> BrianObject:
        """Refresh the inverse of a square matrix after its plasticity."""

    @abstractmethod
    def record(self, network: NetworkParts) -> BrianObject:
        """Keep what is to be kept in this step."""

    @abstractmethod
    def spikes(self, network: NetworkParts, group: NeuronGroup, index: int) -> BrianObject:
        """Keep the spikes of a population, the `index`-th of those recorded; after thresholds."""

    @abstractmethod
    def guard(self, network: NetworkParts) -> BrianObject:
        """Stop at non-finite numbers; last in the step."""
