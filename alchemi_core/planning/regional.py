"""Steps on a part of each system: what they declare, and which of their values stand for the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import CompositionError, WiringError
from alchemi_core.quantities import QUANTITIES, is_additive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alchemi_core.models import ModelConfig
    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.regions.region import Region

OF_THE_WHOLE = frozenset({"total_charge", "multiplicity"})
"""Inputs of a system that are not those of a part of it."""


def regional_config(config: ModelConfig, regions: Sequence[Region]) -> ModelConfig:
    """Return what a step declares that evaluates a model on a part of each system.

    It reads the fields that the part is selected by, and what the model reads, other than what the region says.
    Elements are those of the part, looked at when it is known; members of a committee are called one by one. Matrices
    over all atoms, such as a Hessian that the model reports, are not given. When nobody says what to compute, values
    that do not add up are left out: they are those of the part.

    Raises
    ------
    CompositionError
        If the model needs to know of the part what the innermost region does not say.
    """
    given = regions[-1].given.keys()
    if unsaid := sorted((config.required_inputs & OF_THE_WHOLE) - given):
        raise unsaid_of_part(unsaid[0], f"{config.name} on {regions[-1]}")
    fields = frozenset().union(*(region.fields for region in regions))
    kinds = {name: kind for name, kind in config.kinds.items() if not _is_matrix(name)}
    active = config.outputs | config.autograd_outputs if config.active_outputs is None else config.active_outputs
    return attrs.evolve(
        config,
        outputs=kinds,
        required_inputs=(config.required_inputs - given) | fields,
        optional_inputs=config.optional_inputs - given - fields,
        elements=None,
        stackable=False,
        active_outputs=frozenset(name for name in active if is_additive(name)),
    )


def _is_matrix(name: str) -> bool:
    return name in QUANTITIES and None in QUANTITIES[name].shape


def unsaid_of_part(name: str, who: str) -> CompositionError:
    """Make the error of an input that the whole system has and the part has not been given."""
    option = "charge" if name == "total_charge" else name
    value = "0" if name == "total_charge" else "1"
    return CompositionError(
        f"reads {name!r}; that of the whole system is not that of a part of it",
        expected=f"the {name.replace('_', ' ')} of the part",
        who=who,
        fix=f"atoms=Region(..., {option}={value}), or region(model, atoms, {option}={value})",
    )


def stands_for_whole(step: FlatStep, known: str, steps: Iterable[FlatStep], summed: frozenset[str]) -> bool:
    """Tell whether a value of a step is an output of the pipeline under the name it is known by.

    What adds up is, and what a step gives that sees all atoms. A value of a part that does not add up is only where no
    other step gives it for the whole.
    """
    if not step.regions or known in summed or is_additive(known):
        return True
    return not any(known in dict(other.names).values() for other in steps if not other.regions)


def of_part_alone(name: str, producers: Sequence[FlatStep], *, adds_up: bool) -> WiringError | None:
    """Return the error of a value of each system that only steps on parts give, and that does not add up."""
    per_system = name in QUANTITIES and not QUANTITIES[name].per_atom
    if adds_up or not per_system or not producers or not all(step.regions for step in producers):
        return None
    last = producers[-1]
    return WiringError(
        f"{name!r} is given for {' and '.join(map(str, last.regions))}, not for the whole system",
        expected="a step that sees all atoms",
        who=f"step {last.index} ({last.label})",
        fix=f"under a name of its own: PipelineStep({last.variable}, atoms=..., wire={{{name!r}: '{name}_of_part'}})",
    )


def within(inner: FlatStep, outer: FlatStep) -> bool:
    """Tell whether all atoms that one step sees are seen by the other, as far as can be told without them."""
    return frozenset(outer.regions) <= frozenset(inner.regions)


def reads_beyond(name: str, reader: FlatStep, producer: FlatStep) -> WiringError:
    """Make the error of a value that is known on a part of the atoms that its reader sees."""
    part = " and ".join(map(str, producer.regions))
    return WiringError(
        f"reads {name!r} of atoms that step {producer.index} ({producer.label}) does not give it for",
        expected=f"a producer that sees all its atoms, not those of {part} alone",
        who=f"step {reader.index} ({reader.label})",
        fix=f"give both steps the same atoms=, or rename: wire={{...: '{name}_of_part'}}",
    )


def selected_by_output(name: str, reader: FlatStep, producer: FlatStep) -> WiringError:
    """Make the error of atoms selected by what a model computes."""
    return WiringError(
        f"selects atoms by {name!r}, which step {producer.index} ({producer.label}) computes: the energy would jump",
        expected="a field of the batch, which stays as it is",
        who=f"step {reader.index} ({reader.label})",
        fix=f"name the field otherwise than {name!r}",
    )
