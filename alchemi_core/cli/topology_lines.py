"""A described topology as indented lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.cli.file_view import shown
from alchemi_core.forms.weight_text import weight_text
from alchemi_core.serialization.entries import field
from alchemi_core.serialization.region_entries import read_region
from alchemi_core.serialization.weight_entries import read_step_weight

if TYPE_CHECKING:
    from collections.abc import Sequence


def lines_of(topology: Any, names: Sequence[str], indent: str = "") -> list[str]:
    """Return one line per group and step.

    Parameters
    ----------
    topology : mapping
        As in a file.
    names : sequence of str
        Those of the models, by number.
    indent : str
        Before each line.

    Raises
    ------
    SerializationError
        If it is no topology.
    """
    lines = []
    for number, group in enumerate(field(topology, "groups", list)):
        steps = field(group, "steps", list)
        kind = "autograd" if group.get("use_autograd") else "each by itself"
        told = [_derivative(group.get("derivative")) or kind, *_committee(group.get("committee"))]
        lines.append(f"{indent}group {number}   {'   '.join(told)}")
        for step in steps:
            lines += _step(step, names, f"{indent}  ")
    return lines


def _committee(described: Any) -> list[str]:
    if described is None:
        return []
    calibration = field(described, "calibration", float)
    return ["committee" if calibration == 1.0 else f"committee, standard deviations times {calibration:g}"]


def _derivative(description: Any) -> str:
    if isinstance(description, dict) and "name" in description:
        options = ", ".join(f"{name}={value!r}" for name, value in field(description, "options", dict).items())
        return shown(f"{description['name']}({options})" if options else description["name"])
    if isinstance(description, dict):
        return shown(f"{description.get('function')} (a function of its own)")
    return shown(description or "")


def _step(step: Any, names: Sequence[str], indent: str) -> list[str]:
    wire = field(step, "wire", dict)
    about = [*_weight(step), *(f"{old} → {new}" for old, new in wire.items())]
    about += ["detached"] if step.get("detach") else []
    about += [f"on {region}"] if (region := read_region(step)) is not None else []
    if "pipeline" in step:
        return [indent + shown("  ".join(["pipeline", *about])), *lines_of(step["pipeline"], names, f"{indent}  ")]
    number = field(step, "model", int)
    name = names[number] if 0 <= number < len(names) else "?"
    return [indent + shown("  ".join([f"{number} {name}", *about]))]


def _weight(step: Any) -> list[str]:
    weight = read_step_weight(step, lambda _entry, _name: None)
    return [] if weight == 1.0 else [f"weight {weight_text(weight, lambda name: name or 'tensor')}"]


def settings_line(topology: Any) -> list[str]:
    """Return a line with the settings that were chosen, none where there are none."""
    chosen = {name: value for name, value in field(topology, "settings", dict).items() if value is not None}
    texts = [f"{name} {_text(value)}" for name, value in chosen.items()]
    return [f"settings  {shown('   '.join(texts))}"] if texts else []


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
