"""Pipelines as TOML, written by people: read into recipes, with the place named where that is not possible."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.expressions import Term, offered_name, parse_expression, plain_options
from alchemi_core.forms.expression_text import OPEN_SETTINGS, expression_recipe, step_entry
from alchemi_core.forms.option_values import as_options
from alchemi_core.forms.recipes import MadeModel, Recipe
from alchemi_core.forms.toml_checks import (
    FORMAT,
    check_format,
    check_names,
    check_units,
    in_our_units,
    names_in,
    no_toml,
    typed,
)
from alchemi_core.forms.weight_text import read_weight
from alchemi_core.offers import DerivativeOffer, ModelOffer
from alchemi_core.serialization.document import MAX_DEPTH, MAX_STEPS
from alchemi_core.serialization.named_strategies import Named
from alchemi_core.serialization.region_entries import read_region, region_entry
from alchemi_core.serialization.weight_entries import describe_weight
from alchemi_core.topology import Committee

if TYPE_CHECKING:
    from pathlib import Path

    from alchemi_core.registry import Registry

MAX_LENGTH = 1024 * 1024
"""Of a text, in bytes."""

_WHOLE = ("format", "units", "title", "expression", "settings", "models", "groups")
_NAMES = ("accept", "active_outputs", "additive_keys")
_STEP = ("model", "options", "pipeline", "weight", "wire", "detach", "atoms")

Table = Mapping[str, Any]


def read_toml_file(path: Path, registry: Registry) -> Recipe:
    """Read a TOML file.

    Raises
    ------
    SerializationError
        If it cannot be read, or declares no pipeline.
    """
    try:
        text = _text_of(path)
    except (OSError, ValueError) as error:
        raise SerializationError(f"cannot be read: {error}", expected="a TOML file", who=str(path)) from error
    return read_toml(text, registry, str(path))


def _text_of(path: Path) -> str:
    """Return the text of a file, no more than a pipeline can have; of what is no file there is no end."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(MAX_LENGTH + 1)
    if len(content) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} bytes")
    return content.decode()


def read_toml(text: str, registry: Registry, who: str = "TOML") -> Recipe:
    """Read the recipe that a TOML text declares.

    Parameters
    ----------
    text : str
        The whole file.
    registry : Registry
        Knows which models there are, and the units of their options.
    who : str
        The file, for errors.

    Raises
    ------
    SerializationError
        If it declares no pipeline; says where.
    """
    return read_named(text, registry, who)[0]


def read_named(text: str, registry: Registry, who: str = "TOML") -> tuple[Recipe, dict[str, MadeModel]]:
    """Read a recipe, and the models that the text has names of its own for.

    Parameters and errors are those of `read_toml`.
    """
    try:
        whole = tomllib.loads(text)
        reading = _Reading(who, registry, _models(whole, who))
        recipe = reading.whole(whole)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise no_toml(text, error, who) from error
    except SerializationError:
        raise
    except AlchemiError as error:
        raise SerializationError(error.found, expected=error.expected, who=who, fix=error.fix) from error
    return recipe, {name: reading.made[number] for name, number in reading.numbers.items()}


def _models(whole: Table, who: str) -> Table:
    models = whole.get("models", {})
    return typed(models, dict, f"{who}, models") if models else {}


@attrs.frozen(eq=False)
class _Reading:
    """One reading of one text: who is read, what is on offer, models with names of their own, models met so far."""

    who: str
    registry: Registry
    named: Table
    made: list[MadeModel] = attrs.field(factory=list)
    numbers: dict[str, int] = attrs.field(factory=dict)

    def whole(self, whole: Table) -> Recipe:
        check_names(whole, _WHOLE, self.who)
        typed(whole.get("title", ""), str, f"{self.who}, title")
        check_format(whole.get("format", FORMAT), self.who)
        check_units(whole.get("units", {}), f"{self.who}, units")
        if "expression" not in whole:
            topology = self.pipeline(
                {name: whole[name] for name in ("settings", "groups") if name in whole}, self.who, 0
            )
            self._check_used()
            return Recipe(tuple(self.made), topology)
        if surplus := [name for name in ("groups", "models") if name in whole]:
            raise SerializationError(f"has expression beside {surplus[0]}", expected="one of them", who=self.who)
        text = typed(whole["expression"], str, f"{self.who}, expression")
        recipe = expression_recipe(text, self.registry.names(ModelOffer))
        for number, model in enumerate(recipe.models):
            as_options(model.options, f"{self.who}, expression, model {number}")  # trust is refused here too
        settings = self.settings(whole.get("settings", {}), f"{self.who}, settings")
        return attrs.evolve(recipe, topology={**recipe.topology, "settings": settings})

    def pipeline(self, table: Table, where: str, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise SerializationError(f"pipelines are nested more than {MAX_DEPTH} deep", who=self.who)
        check_names(table, ("settings", "groups"), where)
        groups = typed(table.get("groups", []), list, f"{where}, groups")
        if not groups:
            raise SerializationError("has no groups", expected="[[groups]], or expression = '...'", who=where)
        settings = self.settings(table.get("settings", {}), f"{where}, settings")
        read = [self.group(group, f"{where}, group {number}", depth) for number, group in enumerate(groups)]
        return {"settings": settings, "groups": read}

    def settings(self, table: Table, where: str) -> dict[str, Any]:
        check_names(typed(table, dict, where), OPEN_SETTINGS, where)
        values = in_our_units(table, {"skin": "Å"}, where)
        names = {name: names_in(values[name], f"{where}, {name}") for name in _NAMES if name in values}
        return {**OPEN_SETTINGS, **values, **names}

    def group(self, table: Any, where: str, depth: int) -> dict[str, Any]:
        check_names(typed(table, dict, where), ("use_autograd", "derivative", "committee", "steps"), where)
        steps = typed(table.get("steps", []), list, f"{where}, steps")
        if not steps:
            raise SerializationError("has no steps", expected="one or more", who=where, fix='steps = ["sevennet"]')
        return {
            "use_autograd": typed(table.get("use_autograd", False), bool, f"{where}, use_autograd"),
            "derivative": self.derivative(table.get("derivative"), f"{where}, derivative"),
            "committee": _committee(table.get("committee", False), f"{where}, committee"),
            "steps": [self.step(step, f"{where}, step {number}", depth) for number, step in enumerate(steps)],
        }

    def derivative(self, value: Any, where: str) -> Named | None:
        if value is None or isinstance(value, str):
            return None if value is None else Named(value)
        check_names(typed(value, dict, where), ("name", "options"), where)
        name = typed(value.get("name"), str, f"{where}, name")
        offer = self.registry.find(DerivativeOffer, name)
        return Named(name, self._options(value.get("options", {}), offer.units, f"{where}, options"))

    def step(self, value: Any, where: str, depth: int) -> dict[str, Any]:
        if isinstance(value, str):
            return self._term(value, where)
        check_names(typed(value, dict, where), _STEP, where)
        if ("model" in value) == ("pipeline" in value):
            raise SerializationError(f"is {dict(value)!r:.80}", expected="a model or a pipeline", who=where)
        return {
            **self._what(value, where, depth),
            "weight": _weight(value.get("weight", 1.0), where),
            "wire": dict(typed(value.get("wire", {}), dict, f"{where}, wire")),
            "detach": typed(value.get("detach", False), bool, f"{where}, detach"),
            **_region(value, where),
        }

    def _what(self, value: Table, where: str, depth: int) -> dict[str, Any]:
        if "pipeline" in value:
            inner = typed(value["pipeline"], dict, f"{where}, pipeline")
            return {"pipeline": self.pipeline(inner, f"{where}, pipeline", depth + 1)}
        name = typed(value["model"], str, f"{where}, model")
        if name in self.named:
            if "options" in value:
                raise SerializationError(f"has options for {name!r}", expected="them in [models]", who=where)
            return {"model": self._shared(name)}
        return {"model": self._number(name, value.get("options", {}), where)}

    def _term(self, text: str, where: str) -> dict[str, Any]:
        terms = parse_expression(text).terms
        if len(terms) > 1 or not isinstance(terms[0], Term):
            raise SerializationError(f"is {text!r:.80}", expected="one model, its options in brackets", who=where)
        term = terms[0]
        if term.name in self.named and not term.options:
            return step_entry(self._shared(term.name), term)
        return step_entry(self._number(term.name, plain_options(term), where), term)

    def _shared(self, name: str) -> int:
        if name not in self.numbers:
            where = f"{self.who}, models.{name}"
            table = typed(self.named[name], dict, where)
            check_names(table, ("model", "options"), where)
            offer = typed(table.get("model"), str, f"{where}, model")
            self.numbers[name] = self._number(offer, table.get("options", {}), where)
        return self.numbers[name]

    def _number(self, written: str, options: Any, where: str) -> int:
        offer = self.registry.find(ModelOffer, offered_name(written, self.registry.names(ModelOffer)))
        if len(self.made) >= MAX_STEPS:
            raise SerializationError("more models than can be planned", expected=f"at most {MAX_STEPS}", who=where)
        self.made.append(MadeModel(offer.name, self._options(options, offer.units, f"{where}, options")))
        return len(self.made) - 1

    def _options(self, table: Any, units: Mapping[str, str], where: str) -> dict[str, Any]:
        return in_our_units(as_options(typed(table, dict, where), where), units, where)

    def _check_used(self) -> None:
        if unused := sorted(set(self.named) - set(self.numbers)):
            raise SerializationError(
                f"no step uses the model {unused[0]!r}",
                expected="a step for every entry of [models]",
                who=f"{self.who}, models",
                fix=f"steps = [{{ model = {unused[0]!r} }}], or leave it out",
            )


def _committee(value: Any, where: str) -> dict[str, Any] | None:
    """Read ``true``, or a table with a calibration."""
    if isinstance(value, bool):
        return attrs.asdict(Committee()) if value else None
    check_names(typed(value, dict, where), ("calibration",), where)
    calibration = value.get("calibration", 1.0)
    return attrs.asdict(Committee(float(calibration) if type(calibration) is int else calibration))


def _region(step: Table, where: str) -> dict[str, Any]:
    """Return the region of a step, written as its atoms alone or as a table."""
    if "atoms" not in step:
        return {}
    atoms = step["atoms"]
    return region_entry(read_region({"atoms": atoms if isinstance(atoms, dict) else {"atoms": atoms}}, where))


def _weight(value: Any, where: str) -> Any:
    if isinstance(value, str):
        weight = read_weight(value, f"{where}, weight").folded()
        return describe_weight(weight if weight.factors else weight.scale, lambda _: None)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max:
        raise SerializationError(
            f"is {value!r:.80}", expected="a number that is finite, or a text", who=f"{where}, weight"
        )
    return float(value)
