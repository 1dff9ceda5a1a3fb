"""A record on disk of the circuits that have passed the check of their equations.

The key of a circuit is a hash of its structure, of the code of dendrosim and of the versions of packages, so a
record is used only where a new check would give the same result. If the cache cannot be written, every circuit is
checked anew.
"""

import hashlib
import json
from functools import lru_cache

from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.machine import brian_import as brian
from dendrosim.machine.code_digest import code_digest
from dendrosim.machine.remembered import recall, remember

_WHAT = "check of equations"


def check_once(circuit: CircuitData) -> None:
    """Check the equations of a circuit, unless a circuit of the same structure has passed; may raise SpecError."""
    text = json.dumps(circuit.structure(), sort_keys=True)
    key = hashlib.sha256((text + code_digest()).encode()).hexdigest()
    if _passed(key):
        return
    with brian.alone():
        from dendrosim.circuit.equation_check import check_equations

        check_equations(circuit)
    _passed.cache_clear()
    remember(_WHAT, key, True)


@lru_cache(maxsize=256)  # so that a loop that makes copies of a circuit reads the disk only once
def _passed(key: str) -> bool:
    return recall(_WHAT, key, bool) is True
