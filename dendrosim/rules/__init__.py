"""Plasticity rules: one function per rule, one file per function.

A function returns the equation texts of a rule as a value, which can be printed, copied and changed: a
`SynapseRule` for `Pathway(rule=...)`, or a `MatrixRule` for `Matrix(rule=...)`.

To add a rule, write a file `_NAME.py` in this folder with a function NAME. The function is then `ds.rules.NAME`,
without being listed anywhere. The stub `__init__.pyi` lists the shipped rules for editors and type checkers only;
a line in it is optional. The file of a rule is imported when its function is first used.
"""

from dendrosim.discovery import functions_by_file

__all__, __getattr__, __dir__ = functions_by_file(__name__, __path__)
