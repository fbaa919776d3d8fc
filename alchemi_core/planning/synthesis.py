"""The config of a pipeline, made of its parts', so that a pipeline can be used wherever a model can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.contract import Analytic, OutputKind
from alchemi_core.models import ModelConfig
from alchemi_core.planning.double_counting import described
from alchemi_core.planning.held import Brought
from alchemi_core.planning.requests import available_outputs, default_outputs, in_table_order
from alchemi_core.planning.sharing import merged_config
from alchemi_core.planning.weightless import acting
from alchemi_core.planning.wiring import resolve_wires

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.topology import PipelineSettings


def synthesize(groups: Sequence[FlatGroup], settings: PipelineSettings) -> ModelConfig:
    """Return the config of a whole pipeline.

    Outputs are the union of the parts', forces and stress included where some part can be differentiated; required
    inputs those that nothing inside produces; periodic systems are supported when all parts support them and needed
    when one needs them; the neighbor list is one that could serve all parts; the level of theory is that of the parts
    that state one, where they agree. Steps of weight zero ask for nothing, unless they feed others.
    """
    wires = resolve_wires(groups)
    every = [step for group in groups for step in group.steps]
    steps = acting(every, wires)
    brought = Brought.by(steps, wires, every)
    kinds: dict[str, OutputKind] = {name: Analytic() for name in in_table_order(available_outputs(groups, settings))}
    return ModelConfig(
        name=" + ".join(step.label for step in every),
        outputs=kinds,
        required_inputs=brought.needs,
        optional_inputs=brought.accepts,
        supports_pbc=all(step.config.supports_pbc for step in steps),
        needs_pbc=any(step.config.needs_pbc for step in steps),
        neighbor_config=merged_config(steps),
        active_outputs=default_outputs(groups) if settings.active_outputs is None else settings.active_outputs,
        elements=_common_elements(steps),
        level_of_theory=_common_level(steps),
        contains=_contained(steps),
        citations=tuple(dict.fromkeys(text for step in steps for text in step.config.citations)),
    )


def _contained(steps: Sequence[FlatStep]) -> dict[str, str]:
    """Return all that the parts contain; what stands for it by part."""
    having: dict[str, list[str]] = {}
    for step in steps:
        for name in step.config.contains:
            having.setdefault(name, []).append(described(step, name))
    return {name: " and ".join(parts) for name, parts in having.items()}


def _common_elements(steps: Sequence[FlatStep]) -> frozenset[int] | None:
    known = [step.config.elements for step in steps if step.config.elements is not None]
    return frozenset.intersection(*known) if known else None


def _common_level(steps: Sequence[FlatStep]) -> str:
    """Return the level that all fitted parts state, whatever their use of capitals, else an empty text."""
    stated = [step.config.level_of_theory for step in steps if step.config.level_of_theory]
    return stated[0] if len({level.casefold() for level in stated}) == 1 else ""
