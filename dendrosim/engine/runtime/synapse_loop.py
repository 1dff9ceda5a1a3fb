"""Code objects of NumPy that do a text of a pathway for one synapse after the other.

Brian2's own code for NumPy does each statement for all synapses before the next one, which is something else if
the order of synapses matters (`dendrosim.engine.plan.synapse_order`). The loop reads and writes arrays in every
statement, so it is also right if both ends of a synapse are the same unit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from brian2.codegen.generators.numpy_generator import NumpyCodeGenerator
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.utils.stringtools import indent


class _LoopGenerator(NumpyCodeGenerator):
    def vectorise_code(
        self,
        statements: Sequence[Any],
        variables: Mapping[str, Any],
        variable_indices: Mapping[str, str],
        index: str = "_idx",
    ) -> list[str]:
        lines = ["_all_idx = _idx", "for _idx in _all_idx:", "    _vectorisation_idx = _idx"]
        for statement in statements:
            read, write, indices, _ = self.arrays_helper([statement])
            code = self.read_arrays(read, write, indices, variables, variable_indices)
            code.append(self.translate_statement(statement))
            code += self.write_arrays([statement], read, write, variables, variable_indices)
            lines += [indent(part) for part in code]
        return lines


class LoopCodeObject(NumpyCodeObject):  # type: ignore[misc]
    """Code object that does its statements for one synapse after the other."""

    generator_class = _LoopGenerator
