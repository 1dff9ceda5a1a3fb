"""Plasticity rules as matrix updates: outer products of factor arrays, and element-wise code."""

from dataclasses import dataclass, field
from typing import NamedTuple

from brian2.core.variables import ArrayVariable

from dendrosim.circuit.matrix import Matrix
from dendrosim.circuit.population import Population
from dendrosim.engine.network.groups import Holder, add_array, add_number
from dendrosim.engine.network.parts import NetworkParts, assign, refer_shared
from dendrosim.engine.plan.state_arrays import HIGH, LOW, WEIGHT
from dendrosim.equations.plasticity import PlasticityRule, analyse_rule, hoist_sides
from dendrosim.equations.real_numbers import with_real_numbers
from dendrosim.equations.rewriting import read_symbols

FACTORS = "before_groups"


class Outer(NamedTuple):
    """An outer product of an update: the arrays of its factors, each units x samples.

    Attributes
    ----------
    post, pre : ArrayVariable
        The factors.
    gain : ArrayVariable or None
        Number that multiplies the product.
    product : ArrayVariable or None
        Array in which the product is kept, if `Update.elementwise` multiplies it by a function of the weight.
    """

    post: ArrayVariable
    pre: ArrayVariable
    gain: ArrayVariable | None
    product: ArrayVariable | None


@dataclass
class Update:
    """The update of a matrix in one step, described by arrays, for the dense operations of a back end.

    Attributes
    ----------
    decay : ArrayVariable or None
        Coefficient of w in dw/dt, if the rule has such a term and `elementwise` is None.
    outer : list of Outer
        Outer products.
    elementwise : str or None
        Text of dw/dt, which uses weights, kept products, the symbols of `factors`, and shared numbers.
        It is None if the rule has only outer products and a decay.
    others : dict
        For each symbol that stands for the weights of another matrix, their array.
    factors : dict
        For each symbol that stands for a factor of one side, its array and that side, "post" or "pre".
    sparse : bool
        Whether the weight and each kept product have a number only for each connection.
    limits : (ArrayVariable, ArrayVariable) or None
        Smallest and largest weight. After the step, a weight outside is set to the nearest of them.
    averaged : bool
        Whether `elementwise` depends on the sample, so that it is averaged over the batch.
    heun : bool
        Whether a step has two halves. In each, the update is that of a forward Euler step without limits. With w
        at the beginning of the step, u after the first half, v = P(u) within the limits, and u' = v + dt f(v)
        after the second half, the weight at the end of the step is P((w + u - v + u')/2).
    """

    matrix: str
    shape: tuple[int, int]
    batch: int
    holder: Holder
    weight: ArrayVariable
    decay: ArrayVariable | None = None
    outer: list[Outer] = field(default_factory=list)
    elementwise: str | None = None
    others: dict[str, ArrayVariable] = field(default_factory=dict)
    factors: dict[str, tuple[ArrayVariable, str]] = field(default_factory=dict)
    averaged: bool = False
    sparse: bool = False
    limits: tuple[ArrayVariable, ArrayVariable] | None = None
    heun: bool = False


class _Side:
    """The factor arrays of one side of a matrix.

    A factor that is a variable has the array of the variable; any other factor has a hidden array.
    """

    def __init__(
        self, parts: NetworkParts, matrix: Matrix, population: Population, suffix: str
    ) -> None:
        self.parts, self.matrix, self.population, self.suffix = parts, matrix, population, suffix
        self.count = population.size * parts.protocol.batch
        self.holder: Holder | None = None
        self.code: list[str] = []

    def array(self, text: str | None) -> ArrayVariable:
        """Return the array of a factor with this text; for None, a factor of 1, it is an array of ones."""
        variable = (text or "").removesuffix(f"_{self.suffix}")
        path = f"{self.population.name}.{variable}"
        if text and text.endswith(f"_{self.suffix}") and path in self.parts.arrays:
            return self.parts.arrays[path]
        if self.holder is None:
            self.holder = Holder(
                f"ds_{self.matrix.name}_{self.suffix}", self.count, self.parts.clock
            )
            self.parts.network.add(self.holder)
            self.parts.groups[self.holder.name] = self.holder
        name = f"ds_factor{len(self.code)}"
        add_array(self.holder, name, self.count, self.parts.dtype)
        if text is None:
            self.parts.register(self.holder, name)
            self.parts.ones.append(f"{self.holder.name}.{name}")
            self.code.append("")
        else:
            self._refer(text)
            self.code.append(f"{name} = {text}")
        return self.holder.variables[name]

    def _refer(self, text: str) -> None:
        assert self.holder is not None
        symbols = {s for s in read_symbols(text) if s not in self.holder.variables}
        group = self.parts.groups[self.population.name]
        for symbol in sorted(symbols):
            if symbol.endswith(f"_{self.suffix}"):
                self.holder.variables.add_reference(
                    symbol, group, symbol.removesuffix(f"_{self.suffix}")
                )
        owner_group = self.parts.groups[self.matrix.name]
        for symbol in sorted(symbols - set(self.holder.variables)):
            if symbol in self.matrix.parameters:
                if symbol not in owner_group.variables:
                    refer_shared(self.parts, owner_group, self.matrix, {symbol})
                self.holder.variables.add_reference(symbol, owner_group, symbol, index="0")
            else:
                refer_shared(self.parts, self.holder, self.matrix, {symbol})

    def finish(self) -> None:
        """Add the code that refreshes the hidden arrays."""
        code = "\n".join(line for line in self.code if line)
        if self.holder is not None and code:
            assign(self.parts, self.holder, code, FACTORS, 0, f"ds_factors_{self.holder.name}")


def matrix_update(parts: NetworkParts, matrix: Matrix, *, gains: bool) -> Update:
    """Return the update of a plastic matrix; `gains` says whether the back end multiplies products by numbers."""
    post, pre = (parts.circuit.population(n) for n in (matrix.post, matrix.pre))
    rate = with_real_numbers(parts.circuit.rate_in_place(matrix))
    others = parts.circuit.weights_read(matrix)
    rule = analyse_rule(rate, matrix.weight, others)
    shape, batch = parts.circuit.shape(matrix), parts.protocol.batch
    holder = parts.groups[matrix.name]
    update = Update(
        matrix.name,
        shape,
        batch,
        holder,
        holder.variables[WEIGHT],
        sparse=matrix.connect is not None,
        heun=parts.protocol.method == "rk2",
        others={s: parts.arrays[f"{m.name}.{WEIGHT}"] for s, m in others.items()},
    )
    for symbol, array in update.others.items():
        holder.variables.add_reference(symbol, array.owner, WEIGHT)
    sides = {
        "post": _Side(parts, matrix, post, "post"),
        "pre": _Side(parts, matrix, pre, "pre"),
    }
    refer_shared(parts, holder, matrix, read_symbols(rate))
    elementwise = _products(parts, update, rule, sides, gains)
    if elementwise or rule.local or rule.general:
        _elementwise(update, rule, matrix.weight, elementwise, sides)
    elif rule.decay:
        update.decay = _shared_number(parts, update, "ds_decay", rule.decay)
    for side in sides.values():
        side.finish()
    if matrix.bounded:
        for name in (LOW, HIGH):
            add_number(holder, name, parts.dtype, constant=True)
            parts.register(holder, name)
        update.limits = holder.variables[LOW], holder.variables[HIGH]
    return update


def _shared_number(parts: NetworkParts, update: Update, name: str, text: str) -> ArrayVariable:
    """Return a new number of a matrix that is computed in every step."""
    add_number(update.holder, name, parts.dtype)
    assign(parts, update.holder, f"{name} = {text}", FACTORS, 0, f"{name}_{update.matrix}")
    return update.holder.variables[name]


def _products(
    parts: NetworkParts, update: Update, rule: PlasticityRule, sides: dict[str, _Side], gains: bool
) -> list[str]:
    """Add the outer products of a rule; return the texts of the products that have a factor with the weight.

    A gain that the back end multiplies leaves factors that are variables, whose arrays need not be copied. A
    product of weights and the variables of one side needs no array with a number per weight, unless it is
    averaged over samples.
    """
    terms = []
    for index, outer in enumerate(rule.outer):
        if outer.weight is not None and None in (outer.post, outer.pre) and update.batch == 1:
            side = "post" if outer.pre is None else "pre"
            text = (
                outer.scaled_post
                if side == "post"
                else f"({outer.scaled_post or 1.0})*({outer.pre})"
            )
            symbol = f"ds_factor_of_weight{index}_{side}"
            update.factors[symbol] = (sides[side].array(text), side)
            terms.append(f"({outer.weight})*{symbol}")
            continue
        separate = gains and outer.gain is not None and outer.weight is None
        post = sides["post"].array(outer.post if separate else outer.scaled_post)
        pre = sides["pre"].array(outer.pre)
        gain = product = None
        if separate and outer.gain is not None:
            gain = _shared_number(parts, update, f"ds_gain{index}", outer.gain)
        if outer.weight is not None:
            name = f"ds_product{index}"
            add_array(update.holder, name, update.weight.size, parts.dtype)
            product = update.holder.variables[name]
            terms.append(f"({outer.weight})*{name}")
        update.outer.append(Outer(post, pre, gain, product))
    return terms


def _elementwise(
    update: Update,
    rule: PlasticityRule,
    weight: str,
    terms: list[str],
    sides: dict[str, _Side],
) -> None:
    terms = list(terms)
    if rule.decay:
        terms.append(f"({rule.decay})*{weight}")
    if rule.local:
        terms.append(rule.local)
    if rule.general:
        text, found = hoist_sides(rule.general, weight, update.others)
        update.averaged = True
        for symbol, expression in found.items():
            side = "post" if symbol.endswith("_post") else "pre"
            update.factors[symbol] = (sides[side].array(expression), side)
        terms.append(text)
    if weight not in update.holder.variables:
        update.holder.variables.add_reference(weight, update.holder, WEIGHT)
    update.elementwise = " + ".join(f"({term})" for term in terms)
