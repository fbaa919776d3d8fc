"""Committees: several models of the same thing, whose mean is the answer and whose disagreement says how good it is."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from alchemi_core.errors import DeclarationError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.planning.settings import agreed
from alchemi_core.topology import MEMBERS, Committee, PipelineGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.registry import Registry


def committee(
    models: Iterable[BaseModelMixin], *, calibration: float = 1.0, registry: Registry | None = None
) -> PipelineModelWrapper:
    """Return the pipeline that is the mean of several models, and knows how far they disagree.

    Energy, forces and stress are means over the members, and so is whatever else several of them give, such as charges.
    ``energy_std`` [B, 1] eV and ``forces_std`` [N] eV/Å are computed along with them, ``stress_std``, ``charges_std``
    and others when they are asked for: standard deviations with n − 1 in the denominator, of the force the root of the
    summed variances of its components. Members share neighbor lists. Scaled and added to other models, a committee
    remains one: its standard deviation is scaled with it, and the others have none.

    Parameters
    ----------
    models : iterable of BaseModelMixin
        Two members or more; a member may be a pipeline, such as ``network + dftd3``.
    calibration : float
        Factor on standard deviations. Members that were trained alike agree better than they are right; the factor that
        makes up for it is found on structures with known energies (Imbalzano et al., J. Chem. Phys. 154, 074102 (2021),
        doi:10.1063/5.0036522).
    registry : Registry, optional
        Where neighbor backends come from; by default those of the members.

    Raises
    ------
    DeclarationError
        If there are fewer than two members, one of them is no model, or one stands there twice.

    Examples
    --------
    >>> from alchemi_core import BaseModelMixin, ModelConfig, OnGraph
    >>> class Spring(BaseModelMixin):
    ...     model_config = ModelConfig(name="spring", outputs={"energy": OnGraph("positions")})
    ...
    ...     def compute(self, view, requested):
    ...         return {"energy": 0.5 * view.positions.square().sum().reshape(1, 1)}
    >>> print(committee([Spring(), Spring()]).plan_for({"energy", "energy_std"}))
    plan    2 steps, 1 group, 0 neighbor lists      wants  energy  energy_std
    needs   positions [N,3] Å   atomic_numbers [N]
    group 0 as reported
      [0] spring     reads positions numbers   writes energy   weight 0.5
      [1] spring#2   reads positions numbers   writes energy   weight 0.5
    energy = 0.5·[0] + 0.5·[1]
    energy_std = std(energy of [0], [1])
    """
    members = list(models)
    if len(members) < MEMBERS:
        raise DeclarationError(
            f"{len(members)} members" if len(members) != 1 else "one member",
            expected="two models or more: one alone has no standard deviation",
            who="committee",
            fix="committee([a, b, c])",
        )
    own = (one.registry for one in members if isinstance(one, PipelineModelWrapper))
    registry = reduce(lambda one, other: agreed("registry", one, other, "committee"), own, registry)
    return PipelineModelWrapper([PipelineGroup(members, committee=Committee(calibration))], registry=registry)
