"""How fast a circuit comes to rest, from the spectrum of its equations, remembered across processes."""

import contextlib
import hashlib
import json
from collections.abc import Mapping

from dendrosim.circuit.circuit import Circuit
from dendrosim.errors import ParameterError, StorageError
from dendrosim.machine.cache import cache_folder, writable_folder
from dendrosim.machine.code_digest import GENERATED_CODE, code_digest

_PARTS = (*GENERATED_CODE, "stability", "learning/settling")
"""Parts of the package that decide the rate of the slowest mode."""


def slowest_rate(circuit: Circuit, gates: Mapping[str, float] | None = None) -> float:
    """Return the rate of the slowest mode, in 1/s: that of the equations at rest without input, weights held.

    Weights are those that seed 0 draws. States that stand still, such as a memory whose gate is closed, do not
    count.

    Raises
    ------
    ParameterError
        If a mode grows: the circuit does not come to rest.
    """
    text = json.dumps([circuit.to_json(), sorted((gates or {}).items()), code_digest(_PARTS)])
    name = hashlib.sha256(text.encode()).hexdigest()
    try:
        rate = float((cache_folder() / "slowest" / name).read_text())
    except (OSError, ValueError):
        rate = _computed(circuit, gates or {})
        with contextlib.suppress(StorageError, OSError):
            (writable_folder("slowest") / name).write_text(repr(rate))
    if rate <= 0:
        raise ParameterError(
            f"the circuit is unstable and does not settle: a mode grows at {-rate:.4g} per second; choose a "
            "smaller mu, or apical weights that are closer to the inverses of the basal ones"
        )
    return rate


def _computed(circuit: Circuit, gates: Mapping[str, float]) -> float:
    from dendrosim.stability.fixed_points.fixed_point import fixed_point
    from dendrosim.stability.vector_field.vector_field import vector_field

    found = fixed_point(vector_field(circuit, gates=gates)).spectrum
    moving = found.eigenvalues.real[abs(found.eigenvalues.real) > found.tolerance]
    return -float(moving.max(initial=float("-inf")))
