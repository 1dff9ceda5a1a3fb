"""Layered networks that learn: declaration, networks, cycle of phases, settling, progress."""

from dendrosim.learning.network import Network as Network
from dendrosim.learning.own_cycle import Cycle as Cycle
