"""Operations that differ between back ends: dense products, feeding, recording and guarding."""

from abc import ABC, abstractmethod
from typing import Any

from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable
from brian2.groups.neurongroup import NeuronGroup

from dendrosim.circuit.matrix import Projection
from dendrosim.circuit.pathway import Pathway
from dendrosim.engine.network.parts import NetworkParts
from dendrosim.engine.network.synapses import build_pathway
from dendrosim.engine.network.weight_updates import Update


class Operations(ABC):
    """All operations of a back end that are not element-wise on a population.

    To add a back end, implement the seven abstract methods. Each returns a Brian2 object (`update` returns a
    list), which Brian2 runs in every step to do what the method's docstring says. `total` and `advance` are needed
    unless `Backend.refused` says that the back end has no such synapses. `codeobj_class` is the class of
    the code objects of populations and pathways; None means Brian2's own class. `has_gains` says whether `update`
    multiplies outer products by their gains; if not, the postsynaptic factors contain them.
    """

    codeobj_class: Any = None
    has_gains = True

    def pathway(self, network: NetworkParts, pathway: Pathway) -> Any:
        """Build the synapses of a pathway without connections: as Brian2's, unless a back end has its own."""
        return build_pathway(network, pathway)

    def total(
        self, network: NetworkParts, pathway: Pathway, variable: str, order: int
    ) -> BrianObject:
        """Set a variable of the postsynaptic population to a sum over synapses."""
        raise NotImplementedError(f"{type(self).__name__} refuses sums over synapses")

    def advance(self, network: NetworkParts, pathway: Pathway) -> BrianObject:
        """Do one step of the clock-driven states of synapses."""
        raise NotImplementedError(f"{type(self).__name__} refuses clock-driven states of synapses")

    @abstractmethod
    def feed(self, network: NetworkParts) -> BrianObject:
        """Set inputs and gates from the timeline, as the first operation of a step."""

    @abstractmethod
    def product(
        self, network: NetworkParts, projection: Projection, source: ArrayVariable, target: ArrayVariable,
        *, add: bool, order: int,
    ) -> BrianObject:  # fmt: skip
        """Compute target = matrix source, or target += matrix source if `add`."""

    @abstractmethod
    def update(self, network: NetworkParts, update: Update, order: int) -> list[BrianObject]:
        """Do one step of a matrix's plasticity."""

    @abstractmethod
    def invert(
        self, network: NetworkParts, inverse: ArrayVariable, of: ArrayVariable, order: int
    ) -> BrianObject:
        """Refresh the inverse of a square matrix after its plasticity."""

    @abstractmethod
    def record(self, network: NetworkParts) -> BrianObject:
        """Record the variables and matrices whose recordings include this step."""

    @abstractmethod
    def spikes(
        self, network: NetworkParts, group: NeuronGroup, event: str, index: int
    ) -> BrianObject:
        """Record an event of a population, such as `spike`, after the thresholds.

        `index` is the place of the recording among the recordings of spikes and other events.
        """

    def fire(self, network: NetworkParts, group: NeuronGroup, index: int) -> BrianObject:
        """Set the spikes of a source, which the task gives, in place of a threshold.

        `index` is the place of the source in `Circuit.given_spikes`. A back end without this operation refuses
        such circuits (`Backend.refused`).
        """
        raise NotImplementedError(f"{type(self).__name__} has no given spikes")

    def repeat(self, network: NetworkParts) -> BrianObject:
        """Set inputs and gates to their values at the end of the step, then run `repeated_objects` again.

        This is the second half of a step of Heun's method, and updates of matrices see that it is the second.
        A back end without this operation refuses such protocols (`Backend.refused`).
        """
        raise NotImplementedError(f"{type(self).__name__} has no second half of a step")

    @abstractmethod
    def guard(self, network: NetworkParts) -> BrianObject:
        """Stop the run at non-finite numbers, as the last operation of a step."""
