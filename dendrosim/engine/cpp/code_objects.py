"""The code objects of C++ programs, which also find the templates in this package."""

from collections.abc import Iterable

from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject

INDICES = {"pre": "_ds_pre", "post": "_ds_post"}
"""Names of the elements at both ends of a synapse in the code of pathways."""


class CppCodeObject(CPPStandaloneCodeObject):
    """Code object that also finds the templates in this package."""

    templater = CPPStandaloneCodeObject.templater.derive("dendrosim.engine.cpp")
    class_name = "dendrosim_cpp"


class _InPlaceGenerator(CPPCodeGenerator):
    def translate_to_read_arrays(
        self, read: set[str], write: set[str], indices: Iterable[str]
    ) -> list[str]:
        inside = self._inside(read | write)
        lines: list[str] = super().translate_to_read_arrays(read - inside, write - inside, indices)
        for name in sorted(inside):
            variable, index = self.variables[name], self.variable_indices[name]
            const = "" if name in write else "const "
            kind = self.c_data_type(variable.dtype)
            lines.append(f"{const}{kind}& {name} = {self.get_array_name(variable)}[{index}];")
        return lines

    def translate_to_declarations(
        self, read: set[str], write: set[str], indices: Iterable[str]
    ) -> list[str]:
        inside = self._inside(write)
        lines: list[str] = super().translate_to_declarations(read, write - inside, indices)
        return lines

    def translate_to_write_arrays(self, write: set[str]) -> list[str]:
        lines: list[str] = super().translate_to_write_arrays(write - self._inside(write))
        return lines

    def _inside(self, names: set[str]) -> set[str]:
        return {n for n in names if self.variable_indices[n] in INDICES.values()}


class InPlaceCodeObject(CppCodeObject):
    """Code object whose statements change the variables of units in place, not copies of them.

    It is needed if both ends of a synapse may be the same unit, and a text changes a variable that it also uses at
    the other end.
    """

    generator_class = _InPlaceGenerator
