"""Subexpressions of populations in the texts of pathways that change what they depend on.

A program computes a subexpression such as `r_post` once for each synapse. If a text changes a variable on which it
depends, every use means its present value, so its formula is put in place of the name.
"""

from dataclasses import replace

from dendrosim.circuit.circuit_data import CircuitData
from dendrosim.circuit.pathway import Pathway
from dendrosim.circuit.population import LAST_SPIKE, UNIT, Population
from dendrosim.equations.assignments import Assignment
from dendrosim.equations.rewriting import read_symbols, replace_symbols

_ENDS = ("_pre", "_post")


def put_subexpressions_in_place(
    circuit: CircuitData, pathway: Pathway, lines: tuple[Assignment, ...]
) -> tuple[Assignment, ...]:
    """Return assignments of a pathway with the formulas of those subexpressions that they may change."""
    owners = (pathway.pre, pathway.post)
    changed = {line.target for line in lines if line.target.endswith(_ENDS)}
    if pathway.pre == pathway.post:
        changed |= {
            target.removesuffix(e) + end for target in changed for e in _ENDS for end in _ENDS
        }
    formulas = {}
    for end, population in zip(_ENDS, map(circuit.population, owners), strict=True):
        for name, declared in population.variables.items():
            if declared.kind == "subexpression" and any(name + end in x.symbols for x in lines):
                formula = _formula(circuit, population, name, end)
                if read_symbols(formula) & changed:
                    formulas[name + end] = formula
    if not formulas:
        return lines
    return tuple(replace(x, expression=replace_symbols(x.expression, formulas)) for x in lines)


def _formula(circuit: CircuitData, population: Population, name: str, end: str) -> str:
    """Return the formula of a subexpression, without other subexpressions, as a text of a pathway has it."""
    text = population.equations_in_place[name]
    names = {}
    for symbol in read_symbols(text):
        declared = population.variables.get(symbol)
        if declared is not None and declared.kind == "subexpression":
            names[symbol] = _formula(circuit, population, symbol, end)
        elif (
            declared is not None
            or symbol in (LAST_SPIKE, UNIT)
            or circuit.symbol_value(population, symbol) is not None
        ):
            names[symbol] = symbol + end
    return replace_symbols(text, names)
