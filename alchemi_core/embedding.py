"""Embedding: a model on a part of each system, as a term of a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.planning.flat import inner_topology
from alchemi_core.regions.region import Region
from alchemi_core.topology import PipelineGroup, PipelineStep, Topology

if TYPE_CHECKING:
    from alchemi_core.models import BaseModelMixin


def region(model: BaseModelMixin, atoms: Any, **options: Any) -> PipelineModelWrapper:
    """Return a pipeline that evaluates a model on a part of each system, as if nothing else were there.

    Its outputs are those of the whole system: energies are of the part, forces are 0 on other atoms. So subtractive
    embedding is a sum, ``low + region(high, part) - region(low, part)``.

    Parameters
    ----------
    model : BaseModelMixin
        Model or pipeline; of a pipeline, every step is evaluated on the part, and where a step has a part of its own,
        on the atoms in both.
    atoms : Region, str, sequence of int, or sequence of bool
        The part; see `Region`.
    **options
        Those of `Region`, where `atoms` is none yet.

    Raises
    ------
    DeclarationError, ExpressionError
        If these are no atoms.
    PlanningError
        If the model cannot be evaluated on a part.

    Examples
    --------
    >>> from alchemi_core import BaseModelMixin, ModelConfig, OnGraph
    >>> class Spring(BaseModelMixin):
    ...     model_config = ModelConfig(name="spring", outputs={"energy": OnGraph("positions")})
    ...
    ...     def compute(self, view, requested):
    ...         each = 0.5 * view.positions.square().sum(1)
    ...         return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}
    >>> print((Spring() - region(Spring(), "element == 'H'")).plan_for({"energy"}))
    plan    2 steps, 2 groups, 0 neighbor lists     wants  energy
    needs   positions [N,3] Å   atomic_numbers [N]
    group 0 as reported
      [0] spring                     reads positions numbers   writes energy
    group 1 as reported
      [1] spring on element == 'H'   reads positions numbers   writes energy   weight -1
    energy = [0] − [1]
    """
    part = attrs.evolve(atoms, **options) if isinstance(atoms, Region) else Region(atoms, **options)
    topology = inner_topology(model) or Topology((PipelineGroup([PipelineStep(model)]),))
    groups = tuple(
        attrs.evolve(group, steps=tuple(_within(step, part) for step in group.steps)) for group in topology.groups
    )
    registry = model.registry if isinstance(model, PipelineModelWrapper) else None
    return PipelineModelWrapper.from_topology(attrs.evolve(topology, groups=groups), registry)


def _within(step: PipelineStep, part: Region) -> PipelineStep:
    """Return a step on a part; one that has its own is put into a pipeline on the part, and keeps it."""
    if step.atoms is None or step.atoms == part:
        return attrs.evolve(step, atoms=part)
    return PipelineStep(PipelineModelWrapper([PipelineGroup([step])]), atoms=part)
