"""Plasticity rules of weight matrices as values: equation texts that a matrix adds to its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from dendrosim.checks import as_any_text, as_code, one_of
from dendrosim.circuit.population import Population
from dendrosim.circuit.rule_texts import join_texts, list_values, print_rule, tidy_text
from dendrosim.circuit.validation import as_name, as_parameters
from dendrosim.equations.declarations import Declaration, parse_declarations
from dendrosim.errors import EquationError, SpecError, UnitError, abbreviate, prefix_errors
from dendrosim.spec import Spec


@dataclass(frozen=True, eq=False)
class MatrixRule(Spec):
    """Describe a plasticity rule of a matrix of weights by equation texts, for `Matrix(rule=...)`.

    Functions of `ds.rules` return the rules that are shipped; `print(rule)` shows all texts, and
    `rule.replace(...)` returns a changed copy. With several rules, as in `Matrix(..., rule=(a, b))`, the rates of
    change add up.

    Parameters
    ----------
    name : str
        Name of the rule, in lower case letters, digits and underscores, for messages.
    plasticity : str
        The differential equation of a weight, such as `dw/dt = eta*y_post*x_pre : 1`; see `Matrix`.
    parameters : mapping of str to quantity, optional
        Values of symbols in `plasticity`. Parameters given to the matrix itself take precedence.
    post_equations, pre_equations : str, optional
        Variables that the postsynaptic and the presynaptic population must have besides their own, such as an
        average of the activity. `add_to` adds them.
    post_parameters, pre_parameters : mapping of str to quantity, optional
        Values of symbols in these equations.
    traces : sequence of MatrixRule, optional
        Rules of further matrices between the same populations, whose weights `plasticity` reads by their names,
        such as an eligibility of each weight. The circuit must have these matrices, as in
        `[ds.Matrix(t.name, "cell", "input", rule=t) for t in rule.traces]`.
    sources : str, optional
        Where the rule comes from.

    Raises
    ------
    EquationError
        If a text cannot be read, or `plasticity` is not one differential equation.
    SpecError
        If another field is not valid. `Matrix` and `Circuit` check the texts further, and name a variable that a
        population lacks.

    Examples
    --------
    Weights that decay towards 0, and grow if both cells are active:

    >>> import dendrosim as ds
    >>> rule = ds.MatrixRule(
    ...     "growth", "dw/dt = eta*y_post*x_pre - w/tau : 1", parameters={"eta": "1 Hz", "tau": "1 s"}
    ... )
    >>> ds.Matrix("w", "cell", "input", 0.1, rule=rule).plasticity
    'dw/dt = eta*y_post*x_pre - w/tau : 1'
    """

    name: Annotated[str, as_name]
    plasticity: Annotated[str, as_code]
    parameters: Annotated[Mapping[str, Any], as_parameters] = field(default_factory=dict)
    post_equations: Annotated[str, as_code] = ""
    pre_equations: Annotated[str, as_code] = ""
    post_parameters: Annotated[Mapping[str, Any], as_parameters] = field(default_factory=dict)
    pre_parameters: Annotated[Mapping[str, Any], as_parameters] = field(default_factory=dict)
    traces: Annotated[Sequence["MatrixRule"], lambda where, value: _as_rules(where, value)] = ()
    sources: Annotated[str, as_any_text] = ""

    def __post_init__(self) -> None:
        where = f"MatrixRule {self.name!r}"
        read_plasticity(where, self.plasticity)
        with prefix_errors(where):
            parse_declarations(self.post_equations)
            parse_declarations(self.pre_equations)

    def __str__(self) -> str:
        titled = [
            ("plasticity", self.plasticity),
            ("parameters", list_values(self.parameters)),
            ("equations of the postsynaptic population", self.post_equations),
            ("parameters of the postsynaptic population", list_values(self.post_parameters)),
            ("equations of the presynaptic population", self.pre_equations),
            ("parameters of the presynaptic population", list_values(self.pre_parameters)),
            *((f"matrix {t.name!r}, which the rule reads", str(t)) for t in self.traces),
            ("sources", self.sources),
        ]
        return print_rule(self.name, titled)

    def add_to(self, population: Population, side: Literal["post", "pre"] = "post") -> Population:
        """Return a population that has what the rule reads of its postsynaptic or presynaptic population.

        Parameters
        ----------
        population : Population
            The population without the equations of the rule.
        side : {"post", "pre"}, optional
            Which population it is (default post).

        Returns
        -------
        Population
            A copy with the equations and parameters of the rule.

        Raises
        ------
        SpecError
            If `Population` refuses them, for instance because it has a variable of the same name.
        """
        one_of("post", "pre")("side", side)
        equations, parameters = (
            (self.post_equations, self.post_parameters)
            if side == "post"
            else (self.pre_equations, self.pre_parameters)
        )
        return population.replace(
            equations=join_texts([population.equations, equations]),
            parameters={**population.parameters, **parameters},
        )


def read_plasticity(where: str, text: str) -> Declaration:
    """Return the declaration of a weight; raises EquationError unless the text is one differential equation."""
    with prefix_errors(where):
        lines = parse_declarations(text)
    if len(lines) != 1 or lines[0].kind != "state":
        raise EquationError(f"{where}: plasticity must be one equation 'dw/dt = ... : unit'")
    return lines[0]


def compose(
    where: str, rule: Any, plasticity: str | None, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the plasticity and the parameters of a matrix with those of its rules.

    Parameters
    ----------
    where : str
        The matrix, for messages.
    rule : MatrixRule or sequence of MatrixRule
        The rules, whose rates of change add up.
    plasticity : str or None
        The matrix's own equation, whose rate of change is added as well.
    parameters : mapping of str to quantity
        The matrix's own parameters, which take precedence.

    Raises
    ------
    SpecError
        If `rule` is something else, or if two rules do not fit together.
    """
    rules = _as_rules(f"{where}: rule", rule)
    merged: dict[str, Any] = {}
    for each in rules:
        for name, value in each.parameters.items():
            if name not in parameters and merged.setdefault(name, value) != value:
                raise SpecError(
                    f"{where}: two rules have different values of {name!r}, {merged[name]} and {value}; give both "
                    "the same value, or rename it in a copy of one of them, rule.replace(...)"
                )
    texts = [r.plasticity for r in rules] + ([] if plasticity is None else [plasticity])
    return {
        "plasticity": _sum(where, texts),
        "parameters": as_parameters(f"{where}: parameters", {**merged, **parameters}),
    }


def _sum(where: str, texts: Sequence[str]) -> str:
    """Return an equation whose rate of change is the sum of those of several equations of one weight."""
    if len(texts) == 1:
        return tidy_text(texts[0])
    lines = [read_plasticity(where, text) for text in texts]
    first = lines[0]
    for line in lines[1:]:
        if line.name != first.name:
            raise SpecError(
                f"{where}: rules call the weight {first.name!r} and {line.name!r}; call it by one name in all"
            )
        if line.unit != first.unit:
            raise UnitError(
                f"{where}: rules have weights in {first.unit!r} and {line.unit!r}; give all the same unit"
            )
    total = " + ".join(f"({line.expression})" for line in lines)
    return f"d{first.name}/dt = {total} : {first.unit}"


def _as_rules(where: str, value: Any) -> tuple[MatrixRule, ...]:
    """Return one rule or several as a tuple; raises SpecError if something is not a rule."""
    rules = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    for rule in rules:
        if not isinstance(rule, MatrixRule):
            raise SpecError(
                f"{where} is {abbreviate(rule)}; it must be a MatrixRule, such as ds.rules.hebb(), or a tuple of "
                "them (rules of spiking synapses are for a Pathway)"
            )
    return rules
