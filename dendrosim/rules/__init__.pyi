"""The shipped rules for editors and type checkers; `__init__.py` finds rules by their files, not here."""

from collections.abc import Callable
from typing import Any

from ._bcm import bcm as bcm
from ._btsp import btsp as btsp
from ._burst_dependent import burst_dependent as burst_dependent
from ._calcium import calcium as calcium
from ._clopath import clopath as clopath
from ._e_prop import e_prop as e_prop
from ._hebb import hebb as hebb
from ._heterosynaptic import heterosynaptic as heterosynaptic
from ._inhibitory_stdp import inhibitory_stdp as inhibitory_stdp
from ._oja import oja as oja
from ._pair_stdp import pair_stdp as pair_stdp
from ._sanger import sanger as sanger
from ._short_term import short_term as short_term
from ._synaptic_scaling import synaptic_scaling as synaptic_scaling
from ._three_factor import three_factor as three_factor
from ._three_factor_stdp import three_factor_stdp as three_factor_stdp
from ._triplet_stdp import triplet_stdp as triplet_stdp

def __getattr__(name: str) -> Callable[..., Any]: ...
