"""Pipelines as TOML, written by people: read into recipes, with the place named where that is not possible."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import AlchemiError, OptionError, SerializationError, nearest
from alchemi_core.expressions import Term, offered_name, parse_expression, plain_options
from alchemi_core.forms.expression_text import OPEN_SETTINGS, expression_recipe, step_entry
from alchemi_core.forms.option_values import as_options
from alchemi_core.forms.recipes import MadeModel, Recipe
from alchemi_core.forms.weight_text import read_weight
from alchemi_core.offers import DerivativeOffer, ModelOffer
from alchemi_core.option_units import read_options
from alchemi_core.serialization.document import MAX_DEPTH
from alchemi_core.serialization.named_strategies import Named

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from alchemi_core.registry import Registry

FORMAT = 1
MAX_LENGTH = 1024 * 1024
UNITS = {"length": "Å", "energy": "eV", "charge": "e", "stress": "eV/Å³", "mass": "u"}
"""What numbers without a unit are in; a file may state it, and is refused where it states something else."""

_WHOLE = ("format", "units", "title", "expression", "settings", "models", "groups")
_NAMES = ("accept", "active_outputs", "additive_keys")
_STEP = ("model", "options", "pipeline", "weight", "wire", "detach")

Table = Mapping[str, Any]


def read_toml_file(path: Path, registry: Registry) -> Recipe:
    """Read a TOML file.

    Raises
    ------
    SerializationError
        If it cannot be read, or declares no pipeline.
    """
    try:
        if path.stat().st_size > MAX_LENGTH:
            raise SerializationError(f"is longer than {MAX_LENGTH} bytes", expected="a pipeline", who=str(path))
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SerializationError(f"cannot be read: {error}", expected="a TOML file", who=str(path)) from error
    return read_toml(text, registry, str(path))


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
    try:
        whole = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SerializationError(f"is no TOML: {error}", expected="a pipeline", who=who) from error
    try:
        return _Reading(who, registry, _models(whole, who)).whole(whole)
    except SerializationError:
        raise
    except AlchemiError as error:
        raise SerializationError(error.found, expected=error.expected, who=who, fix=error.fix) from error


def _models(whole: Table, who: str) -> Table:
    models = whole.get("models", {})
    return _typed(models, dict, f"{who}, models") if models else {}


def _typed(value: Any, kind: type, where: str) -> Any:
    good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not good:
        names = {dict: "a table", list: "an array", str: "a text", bool: "true or false"}
        raise SerializationError(f"is {value!r:.80}", expected=names[kind], who=where)
    return value


def _known(table: Table, names: Iterable[str], where: str) -> None:
    names = tuple(names)
    for name in table:
        if name not in names:
            near = nearest(name, names)
            fix = f"write {near!r}" if near else ""
            raise SerializationError(f"has {name!r}", expected="some of " + ", ".join(names), who=where, fix=fix)


@attrs.frozen(eq=False)
class _Reading:
    """One reading of one text: who is read, what is on offer, models with names of their own, models met so far."""

    who: str
    registry: Registry
    named: Table
    made: list[MadeModel] = attrs.field(factory=list)
    numbers: dict[str, int] = attrs.field(factory=dict)

    def whole(self, whole: Table) -> Recipe:
        _known(whole, _WHOLE, self.who)
        _check_format(whole.get("format", FORMAT), self.who)
        _check_units(whole.get("units", {}), f"{self.who}, units")
        if "expression" not in whole:
            topology = self.pipeline(
                {name: whole[name] for name in ("settings", "groups") if name in whole}, self.who, 0
            )
            self._check_used()
            return Recipe(tuple(self.made), topology)
        if surplus := [name for name in ("groups", "models") if name in whole]:
            raise SerializationError(f"has expression beside {surplus[0]}", expected="one of them", who=self.who)
        text = _typed(whole["expression"], str, f"{self.who}, expression")
        recipe = expression_recipe(text, self.registry.names(ModelOffer))
        settings = self.settings(whole.get("settings", {}), f"{self.who}, settings")
        return attrs.evolve(recipe, topology={**recipe.topology, "settings": settings})

    def pipeline(self, table: Table, where: str, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise SerializationError(f"pipelines are nested more than {MAX_DEPTH} deep", who=self.who)
        _known(table, ("settings", "groups"), where)
        groups = _typed(table.get("groups", []), list, f"{where}, groups")
        if not groups:
            raise SerializationError("has no groups", expected="[[groups]], or expression = '...'", who=where)
        settings = self.settings(table.get("settings", {}), f"{where}, settings")
        read = [self.group(group, f"{where}, group {number}", depth) for number, group in enumerate(groups)]
        return {"settings": settings, "groups": read}

    def settings(self, table: Table, where: str) -> dict[str, Any]:
        _known(_typed(table, dict, where), OPEN_SETTINGS, where)
        values = _in_our_units(table, {"skin": "Å"}, where)
        names = {name: _names(values[name], f"{where}, {name}") for name in _NAMES if name in values}
        return {**OPEN_SETTINGS, **values, **names}

    def group(self, table: Any, where: str, depth: int) -> dict[str, Any]:
        _known(_typed(table, dict, where), ("use_autograd", "derivative", "steps"), where)
        steps = _typed(table.get("steps", []), list, f"{where}, steps")
        if not steps:
            raise SerializationError("has no steps", expected="one or more", who=where, fix='steps = ["sevennet"]')
        return {
            "use_autograd": _typed(table.get("use_autograd", False), bool, f"{where}, use_autograd"),
            "derivative": self.derivative(table.get("derivative"), f"{where}, derivative"),
            "steps": [self.step(step, f"{where}, step {number}", depth) for number, step in enumerate(steps)],
        }

    def derivative(self, value: Any, where: str) -> Named | None:
        if value is None or isinstance(value, str):
            return None if value is None else Named(value)
        _known(_typed(value, dict, where), ("name", "options"), where)
        name = _typed(value.get("name"), str, f"{where}, name")
        offer = self.registry.find(DerivativeOffer, name)
        return Named(name, self._options(value.get("options", {}), offer.units, f"{where}, options"))

    def step(self, value: Any, where: str, depth: int) -> dict[str, Any]:
        if isinstance(value, str):
            return self._term(value, where)
        _known(_typed(value, dict, where), _STEP, where)
        if ("model" in value) == ("pipeline" in value):
            raise SerializationError(f"is {dict(value)!r:.80}", expected="a model or a pipeline", who=where)
        return {
            **self._what(value, where, depth),
            "weight": _weight(value.get("weight", 1.0), where),
            "wire": dict(_typed(value.get("wire", {}), dict, f"{where}, wire")),
            "detach": _typed(value.get("detach", False), bool, f"{where}, detach"),
        }

    def _what(self, value: Table, where: str, depth: int) -> dict[str, Any]:
        if "pipeline" in value:
            inner = _typed(value["pipeline"], dict, f"{where}, pipeline")
            return {"pipeline": self.pipeline(inner, f"{where}, pipeline", depth + 1)}
        name = _typed(value["model"], str, f"{where}, model")
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
            table = _typed(self.named[name], dict, where)
            _known(table, ("model", "options"), where)
            offer = _typed(table.get("model"), str, f"{where}, model")
            self.numbers[name] = self._number(offer, table.get("options", {}), where)
        return self.numbers[name]

    def _number(self, written: str, options: Any, where: str) -> int:
        offer = self.registry.find(ModelOffer, offered_name(written, self.registry.names(ModelOffer)))
        self.made.append(MadeModel(offer.name, self._options(options, offer.units, f"{where}, options")))
        return len(self.made) - 1

    def _options(self, table: Any, units: Mapping[str, str], where: str) -> dict[str, Any]:
        return _in_our_units(as_options(_typed(table, dict, where), where), units, where)

    def _check_used(self) -> None:
        if unused := sorted(set(self.named) - set(self.numbers)):
            raise SerializationError(
                f"no step uses the model {unused[0]!r}",
                expected="a step for every entry of [models]",
                who=f"{self.who}, models",
                fix=f"steps = [{{ model = {unused[0]!r} }}], or leave it out",
            )


def _names(value: Any, where: str) -> list[str]:
    """Return names in the order in which they are described everywhere; one may stand by itself."""
    several = [value] if isinstance(value, str) else _typed(value, list, where)
    return sorted({_typed(name, str, where) for name in several})


def _check_format(found: Any, who: str) -> None:
    if found != FORMAT or isinstance(found, bool):
        raise SerializationError(
            f"has format {found!r}",
            expected=f"format = {FORMAT}",
            who=who,
            fix="pip install --upgrade alchemi-core",
        )


def _check_units(table: Any, where: str) -> None:
    _known(_typed(table, dict, where), UNITS, where)
    for name, unit in table.items():
        text = f"1 {_typed(unit, str, f'{where}, {name}')}"
        if _in_our_units({name: text}, UNITS, where)[name] != 1.0:
            raise SerializationError(
                f"{name} is in {unit!r}",
                expected=f"{UNITS[name]!r}, as everywhere in alchemi",
                who=where,
                fix=f"give single numbers with their unit, as text: '1.5 {unit}'",
            )


def _weight(value: Any, where: str) -> Any:
    if isinstance(value, str):
        weight = read_weight(value, f"{where}, weight")
        if not weight.factors:
            return weight.scale
        return {"scale": weight.scale, "factors": [attrs.asdict(factor) for factor in weight.factors]}
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SerializationError(f"is {value!r:.80}", expected="a number, or a text", who=f"{where}, weight")
    return float(value)


def _in_our_units(options: Mapping[str, Any], units: Mapping[str, str], where: str) -> dict[str, Any]:
    try:
        return read_options(options, units, where)
    except OptionError as error:
        raise SerializationError(error.found, expected=error.expected, who=error.who, fix=error.fix) from error
