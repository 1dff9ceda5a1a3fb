"""Functions that the texts of programs call, made for all back ends but cuda, which adds its own code."""

from typing import Any

from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.core.functions import Function
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject


def program_function(name: str, pyfunc: Any, arguments: str, cython: str, **units: Any) -> Function:
    """Return a Brian2 function of real numbers.

    Parameters
    ----------
    name : str
        Its name in texts, which begins with `ds_`; in C++, the function of this name in namespace `ds`.
    pyfunc : callable
        The function for NumPy, which takes arrays.
    arguments : str
        Types and names of its arguments in C++.
    cython : str
        Its definition for Cython.
    **units
        Further arguments of Brian2's `Function`, such as `arg_units` and `return_unit`.
    """
    function = Function(pyfunc, return_type="float", stateless=True, **units)
    plain = ", ".join(part.split()[-1] for part in arguments.split(","))
    # Units are discarded because Brian2's check of them would convert every array to text.
    function.implementations.add_numpy_implementation(pyfunc, discard_units=True)
    function.implementations.add_implementation(
        CPPStandaloneCodeObject,
        f"static inline double {name}({arguments}) {{ return ds::{name.removeprefix('ds_')}({plain}); }}",
        name=name,
    )
    function.implementations.add_implementation(CythonCodeObject, cython, name=name)
    return function
