"""Pipelines as model expressions, and expressions as recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.expressions import Expression, Group, Members, Term, offered_name, parse_expression, plain_options
from alchemi_core.forms.recipes import MadeModel, Recipe, cannot
from alchemi_core.serialization.region_entries import read_region, region_entry
from alchemi_core.serialization.weight_entries import describe_weight, read_step_weight
from alchemi_core.topology import PipelineSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alchemi_core.expressions import Summand

FORM = "an expression"

OPEN_SETTINGS = {field.name: None for field in attrs.fields(PipelineSettings)}
"""Settings of which none was chosen."""

ALONE = {"use_autograd": False, "derivative": None, "committee": None}
"""What is said of a group whose steps stand for themselves."""


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
    whole, names = parse_expression(text), tuple(offered)
    models = tuple(MadeModel(offered_name(one.name, names), plain_options(one)) for one in whole.models)
    return Recipe(models, _topology(whole, iter(range(len(models)))))


def _topology(whole: Expression, numbers: Iterator[int]) -> dict[str, Any]:
    return {"settings": OPEN_SETTINGS, "groups": [_group(term, numbers) for term in whole.terms]}


def _group(term: Summand, numbers: Iterator[int]) -> dict[str, Any]:
    """Return the group of a topology that is one term of an expression."""
    if isinstance(term, Members):
        steps = [_member(one, numbers) for one in term.members]
        return {**ALONE, "committee": {"calibration": term.calibration}, "steps": steps}
    return {
        **ALONE,
        "use_autograd": isinstance(term, Group),
        "steps": [step_entry(next(numbers), m) for m in term.models],
    }


def _member(member: Expression, numbers: Iterator[int]) -> dict[str, Any]:
    if member.only:
        return step_entry(next(numbers), member.only)
    return {"pipeline": _topology(member, numbers), "wire": {}, "weight": 1.0, "detach": False}


def step_entry(number: int, term: Term) -> dict[str, Any]:
    """Return a step of a topology that is one term of an expression."""
    around = {"wire": dict(term.wire), "weight": describe_weight(term.weight, _no_tensor), "detach": False}
    return {"model": number, **around, **region_entry(term.atoms)}


def expression_of(recipe: Recipe) -> str:
    """Return a recipe as an expression.

    Raises
    ------
    SerializationError
        If it holds what expressions have no words for.
    """
    if lost := _lost(recipe):
        raise cannot(FORM, lost)
    return str(_expression(recipe.topology, recipe.models))


def _expression(topology: dict[str, Any], models: tuple[MadeModel, ...]) -> Expression:
    return Expression(tuple(_summand(group, models) for group in topology["groups"]))


def _summand(group: dict[str, Any], models: tuple[MadeModel, ...]) -> Summand:
    if group["committee"]:
        members = tuple(_written_member(step, models) for step in group["steps"])
        return Members(members, group["committee"]["calibration"])
    steps = [_term(step, models) for step in group["steps"]]
    return Group(tuple(steps)) if group["use_autograd"] else steps[0]


def _written_member(step: dict[str, Any], models: tuple[MadeModel, ...]) -> Expression:
    return _expression(step["pipeline"], models) if "pipeline" in step else Expression((_term(step, models),))


def _term(step: dict[str, Any], models: tuple[MadeModel, ...]) -> Term:
    model = models[step["model"]]
    return Term(model.offer, model.options, read_step_weight(step), step["wire"], read_region(step))


def _lost(recipe: Recipe) -> list[str]:
    lost = _lost_in_topology(recipe.topology)
    used = list(_used(recipe.topology))
    lost += [f"that model {number} is one for several steps" for number in sorted(set(used)) if used.count(number) > 1]
    unsaid = [number for number, model in enumerate(recipe.models) if not _literal(model.options)]
    return lost + [f"the options of model {number}" for number in unsaid]


def _used(topology: dict[str, Any]) -> Iterator[int]:
    """Yield the number of the model of every step, of those in nested pipelines too."""
    for step in (step for group in topology["groups"] for step in group["steps"]):
        if "pipeline" in step:
            yield from _used(step["pipeline"])
        else:
            yield step["model"]


def _lost_in_topology(topology: dict[str, Any], of: str = "") -> list[str]:
    lost = [f"the setting {name}{of}" for name, value in topology["settings"].items() if value is not None]
    for number, group in enumerate(topology["groups"]):
        where = f" of group {number}{of}"
        lost += [what + where for what in (_lost_in_committee(group) if group["committee"] else _lost_in_group(group))]
        lost += [f"{what}{where}" for what in _lost_anywhere(group)]
    return lost


def _lost_anywhere(group: dict[str, Any]) -> list[str]:
    found = {
        "the derivative": group["derivative"] is not None,
        "that values are passed on detached": any(step["detach"] for step in group["steps"]),
    }
    return [what for what, is_so in found.items() if is_so]


def _lost_in_group(group: dict[str, Any]) -> list[str]:
    found = {
        "that several steps without autograd are one group": len(group["steps"]) > 1 and not group["use_autograd"],
        "the pipelines nested in it": any("pipeline" in step for step in group["steps"]),
    }
    return [what for what, is_so in found.items() if is_so]


def _lost_in_committee(group: dict[str, Any]) -> list[str]:
    lost = ["that the members share a derivative"] if group["use_autograd"] else []
    for number, step in enumerate(group["steps"]):
        if "pipeline" in step:
            lost += _lost_in_member(step, f" of member {number}")
    return lost


def _lost_in_member(step: dict[str, Any], of: str) -> list[str]:
    """Return what is said of a member that is a pipeline, beyond what is in it: a sum has its weight in its terms."""
    found = {
        "the weight": step["weight"] != 1.0,
        "the renames": bool(step["wire"]),
        "the region": "atoms" in step,
        "the pipeline around the only model": _is_one(step["pipeline"]),
    }
    return [what + of for what, is_so in found.items() if is_so] + _lost_in_topology(step["pipeline"], of)


def _is_one(topology: dict[str, Any]) -> bool:
    (first, *more) = topology["groups"]
    return not (more or first["use_autograd"] or first["committee"])


def _no_tensor(_: object) -> None:
    """Describe no tensor: texts hold none."""


def _literal(options: Any) -> bool:
    """Tell whether options are literals of expressions."""
    text = str(Term("model", options))
    try:
        (term,) = parse_expression(text).terms
    except ValueError:
        return False
    return isinstance(term, Term) and plain_options(term) == plain_options(Term("model", options))
