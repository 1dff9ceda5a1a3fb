"""Which circuits have passed the equation check, remembered across processes.

The key hashes the circuit's structure, dendrosim's code and the versions, so a remembered verdict is as good
as a fresh one; without a writable cache the check simply runs every time.
"""

import hashlib
import json
from functools import lru_cache

from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.errors import StorageError
from dendrosim.machine import brian_import as brian
from dendrosim.machine.cache import cache_folder, writable_folder
from dendrosim.machine.code_digest import code_digest


def check_once(circuit: CircuitData) -> None:
    """Check a circuit's equations unless the same structure has passed before; raises SpecError."""
    text = json.dumps(circuit.structure(), sort_keys=True)
    key = hashlib.sha256((text + code_digest()).encode()).hexdigest()
    if _passed(key):
        return
    brian.load()
    from dendrosim.circuit.equation_check import check_equations

    check_equations(circuit)
    _passed.cache_clear()
    try:
        (writable_folder("checked") / key).touch()
    except (StorageError, OSError):
        return


@lru_cache(maxsize=256)
def _passed(key: str) -> bool:
    return (cache_folder() / "checked" / key).exists()
