"""Recipes as TOML. A file that is there is changed where it has to be: comments, order and units stay."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.items import AoT, Table

from alchemi_core.errors import SerializationError
from alchemi_core.forms.option_values import as_toml
from alchemi_core.forms.recipes import cannot
from alchemi_core.forms.toml_checks import FORMAT
from alchemi_core.forms.toml_reader import read_named, read_toml
from alchemi_core.forms.weight_text import weight_text
from alchemi_core.serialization.portability import TRUST
from alchemi_core.serialization.weight_entries import read_step_weight
from alchemi_core.weights import Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from alchemi_core.forms.recipes import MadeModel, Recipe
    from alchemi_core.registry import Registry
    from alchemi_core.serialization.named_strategies import Named


def toml_text(recipe: Recipe) -> str:
    """Return a recipe as TOML.

    Raises
    ------
    SerializationError
        If an option holds what TOML cannot.
    """
    document = tomlkit.document()
    _merge(document, {}, _plain(recipe))
    return tomlkit.dumps(document)


def rewritten(text: str, recipe: Recipe, registry: Registry) -> str:
    """Return a TOML text that declares a recipe now, with as little of it changed as can be.

    Parameters
    ----------
    text : str
        What is there: a pipeline.
    recipe : Recipe
        What is to be there.
    registry : Registry
        To read the text.

    Raises
    ------
    SerializationError
        If the text declares no pipeline.
    """
    before, named = read_named(text, registry)
    if before == recipe:
        return text
    document = tomlkit.parse(text)
    old, new = _plain(before, _numbered(named, before)), _plain(recipe, _numbered(named, recipe))
    if "expression" in document and old["groups"] != new["groups"]:
        del document["expression"]
        old = {name: value for name, value in old.items() if name != "groups"}
    elif "expression" in document:
        old, new = ({"settings": one.get("settings", {})} for one in (old, new))
    _merge(document, old, new)
    return _declaring(tomlkit.dumps(document), recipe, registry)


def _declaring(text: str, recipe: Recipe, registry: Registry) -> str:
    """Return a text that declares a recipe; anything else must not take the place of what a person wrote."""
    if read_toml(text, registry) == recipe:
        return text
    raise SerializationError(
        "the text that is there cannot be changed to declare this pipeline",
        expected="a layout that can be followed",
        who="TOML",
        fix="save it under another name",
    )


def _numbered(named: Mapping[str, MadeModel], recipe: Recipe) -> dict[int, str]:
    """Return the names that models have in the text, by their numbers in a recipe: a name stays with what it names."""
    left, names = dict(named), {}
    for number, model in enumerate(recipe.models):
        name = next((one for one, same in left.items() if same == model), None)
        if name is not None:
            names[number] = name
            del left[name]
    return names


def _plain(recipe: Recipe, given: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Return a recipe as plain values: nothing that is so by default, models of several steps by name."""
    used, given = _used(recipe.topology), given or {}
    several = [number for number in sorted(set(used)) if used.count(number) > 1 and number not in given]
    names = {**given, **_names(several, recipe.models, given.values())}
    shared = {name: _model(recipe.models[number]) for number, name in names.items()}
    return {"format": FORMAT, **_filled("models", shared), **_pipeline(recipe.topology, recipe.models, names)}


def _used(topology: Mapping[str, Any]) -> list[int]:
    steps = [step for group in topology["groups"] for step in group["steps"]]
    return [n for step in steps for n in (_used(step["pipeline"]) if "pipeline" in step else [step["model"]])]


def _names(numbers: list[int], models: tuple[MadeModel, ...], taken: Iterable[str]) -> dict[int, str]:
    """Return names for models: unlike those on offer, so that none of these is hidden, and unlike those taken."""
    names: dict[int, str] = {}
    for number in numbers:
        several = (f"shared-{models[number].offer}-{count}" for count in itertools.count(2))
        every = itertools.chain([f"shared-{models[number].offer}"], several)
        names[number] = next(name for name in every if name not in {*taken, *names.values()})
    return names


def _model(model: MadeModel) -> dict[str, Any]:
    if model.options.get(TRUST):
        raise cannot("TOML", [f"your word that the file of {model.offer} is to be trusted"])
    options = {name: as_toml(value, model.offer) for name, value in model.options.items()}
    return {"model": model.offer, **_filled("options", options)}


def _filled(name: str, value: Any) -> dict[str, Any]:
    return {name: value} if value else {}


def _pipeline(topology: Mapping[str, Any], models: tuple[MadeModel, ...], names: Mapping[int, str]) -> dict[str, Any]:
    chosen = {name: value for name, value in topology["settings"].items() if value is not None}
    groups = [
        {
            **_filled("use_autograd", group["use_autograd"]),
            **_derivative(group["derivative"]),
            **_committee(group["committee"]),
            "steps": [_step(step, models, names) for step in group["steps"]],
        }
        for group in topology["groups"]
    ]
    return {**_filled("settings", chosen), "groups": groups}


def _committee(committee: Mapping[str, Any] | None) -> dict[str, Any]:
    if committee is None:
        return {}
    return {"committee": True if committee["calibration"] == 1.0 else dict(committee)}


def _derivative(named: Named | None) -> dict[str, Any]:
    if named is None:
        return {}
    if named.options is None:
        return {"derivative": named.name}
    options = {name: as_toml(value, named.name) for name, value in named.options.items()}
    return {"derivative": {"name": named.name, "options": options}}


def _step(step: dict[str, Any], models: tuple[MadeModel, ...], names: Mapping[int, str]) -> dict[str, Any]:
    what: dict[str, Any]
    if "pipeline" in step:
        what = {"pipeline": _pipeline(step["pipeline"], models, names)}
    elif step["model"] in names:
        what = {"model": names[step["model"]]}
    else:
        what = _model(models[step["model"]])
    weight = {} if step["weight"] == 1.0 else {"weight": _weight(read_step_weight(step))}
    around = {**weight, **_filled("wire", step["wire"]), **_filled("detach", step["detach"])}
    return {**what, **around, **_filled("atoms", _atoms(step))}


def _atoms(step: Mapping[str, Any]) -> Any:
    """Return the region of a step: its atoms alone where it says nothing else."""
    entry = step.get("atoms")
    return entry["atoms"] if entry and len(entry) == 1 else entry


def _weight(weight: float | Weight) -> float | str:
    return weight_text(weight) if isinstance(weight, Weight) else weight


def _merge(place: MutableMapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Change a table from declaring the old values to declaring the new; what says the same already stays."""
    for name in old.keys() - new.keys():
        place.pop(name, None)
    for name, value in new.items():
        if name in old and name in place:
            _change(place, name, old[name], value)
        else:
            place[name] = _item(name, value)


def _change(place: MutableMapping[str, Any], name: str, old: Any, new: Any) -> None:
    if old == new:
        return
    item = place[name]
    if isinstance(old, dict) and isinstance(new, dict) and isinstance(item, dict):
        _merge(item, old, new)
    elif isinstance(item, AoT) and isinstance(old, list) and isinstance(new, list):
        _merge_tables(item, old, new)
    else:
        place[name] = _item(name, new)


def _merge_tables(tables: AoT, old: list[Any], new: list[Any]) -> None:
    for number, (before, after) in enumerate(zip(old, new, strict=False)):
        _merge(tables[number], before, after)
    for _ in old[len(new) :]:
        del tables[len(new)]
    for value in new[len(old) :]:
        tables.append(_table(value))


_TABLES = ("settings", "models", "pipeline")


def _item(name: str, value: Any) -> Any:
    """Return a value in the layout that people expect: groups and steps as tables, options and wires in one line."""
    if name in ("groups", "steps"):
        tables = tomlkit.aot()
        for one in value:
            tables.append(_table(one))
        return tables
    if name in _TABLES:
        return _table(value)
    if isinstance(value, dict):
        line = tomlkit.inline_table()
        line.update({key: _item("", item) for key, item in value.items()})
        return line
    return value


def _table(value: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    # In TOML, what stands in a table itself comes before the tables within it.
    inner = ("groups", "steps", *_TABLES)
    for name in sorted(value, key=lambda key: key in inner):
        table.add(name, _item(name, value[name]))
    return table
