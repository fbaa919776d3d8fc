"""Pipelines as model expressions, and expressions as recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.expressions import Expression, Group, Term, offered_name, parse_expression, plain_options
from alchemi_core.forms.recipes import MadeModel, Recipe, cannot
from alchemi_core.topology import PipelineSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_core.expressions import Summand

FORM = "an expression"

OPEN_SETTINGS = {field.name: None for field in attrs.fields(PipelineSettings)}
"""Settings of which none was chosen."""


def expression_recipe(text: str, offered: Iterable[str]) -> Recipe:
    """Return what an expression declares.

    Parameters
    ----------
    text : str
        The expression.
    offered : iterable of str
        Names of models on offer.

    Raises
    ------
    ExpressionError
        If the text is none.
    """
    terms, names = parse_expression(text).terms, tuple(offered)
    models = [MadeModel(offered_name(one.name, names), plain_options(one)) for term in terms for one in term.models]
    numbers = iter(range(len(models)))
    groups = [
        {
            "use_autograd": isinstance(term, Group),
            "derivative": None,
            "steps": [step_entry(next(numbers), one) for one in term.models],
        }
        for term in terms
    ]
    return Recipe(tuple(models), {"settings": OPEN_SETTINGS, "groups": groups})


def step_entry(number: int, term: Term) -> dict[str, Any]:
    """Return a step of a topology that is one term of an expression."""
    return {"model": number, "wire": dict(term.wire), "weight": term.weight, "detach": False}


def expression_of(recipe: Recipe) -> str:
    """Return a recipe as an expression.

    Raises
    ------
    SerializationError
        If it holds what expressions have no words for.
    """
    if lost := _lost(recipe):
        raise cannot(FORM, lost)
    terms = [_summand(group, recipe.models) for group in recipe.topology["groups"]]
    return str(Expression(tuple(terms)))


def _summand(group: dict[str, Any], models: tuple[MadeModel, ...]) -> Summand:
    steps = [_term(step, models[step["model"]]) for step in group["steps"]]
    return Group(tuple(steps)) if group["use_autograd"] else steps[0]


def _term(step: dict[str, Any], model: MadeModel) -> Term:
    return Term(model.offer, model.options, step["weight"], step["wire"])


def _lost(recipe: Recipe) -> list[str]:
    chosen = [name for name, value in recipe.topology["settings"].items() if value is not None]
    lost = [f"the setting {name}" for name in chosen]
    used = [step["model"] for group in recipe.topology["groups"] for step in group["steps"] if "model" in step]
    lost += [f"that model {number} is one for several steps" for number in sorted(set(used)) if used.count(number) > 1]
    for number, group in enumerate(recipe.topology["groups"]):
        lost += [f"{what} of group {number}" for what in _lost_in_group(group)]
    unsaid = [number for number, model in enumerate(recipe.models) if not _literal(model.options)]
    return lost + [f"the options of model {number}" for number in unsaid]


def _lost_in_group(group: dict[str, Any]) -> list[str]:
    steps = group["steps"]
    found = {
        "the derivative": group["derivative"] is not None,
        "that several steps without autograd are one group": len(steps) > 1 and not group["use_autograd"],
        "the pipelines nested in it": any("pipeline" in step for step in steps),
        "weights that depend on coupling parameters": any(isinstance(step["weight"], dict) for step in steps),
        "that values are passed on detached": any(step["detach"] for step in steps),
    }
    return [what for what, is_so in found.items() if is_so]


def _literal(options: Any) -> bool:
    """Tell whether options are literals of expressions."""
    text = str(Term("model", options))
    try:
        (term,) = parse_expression(text).terms
    except ValueError:
        return False
    return isinstance(term, Term) and plain_options(term) == plain_options(Term("model", options))
