"""Running a model of TorchSim on a view: states of one periodicity each, and their results put together again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import GeometryError, ModelOutputError
from alchemi_torchsim.engine import SimState
from alchemi_torchsim.padding import padded_cells

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_torchsim.engine import ModelInterface

PER_SYSTEM = {"energy": (1,), "stress": (3, 3)}
"""Axes of a system's value behind the first, in alchemi."""


def run_padded(model: ModelInterface, view: ModelView, names: frozenset[str], reach: float) -> dict[str, Tensor]:
    """Evaluate a model of finite range, all systems as periodic ones in cells that are large enough.

    Parameters
    ----------
    model : ModelInterface
        What TorchSim runs, on the device and in the type of the view.
    view : ModelView
        Any mixture of systems.
    names : frozenset of str
        Of ``energy``, ``forces`` and ``stress``.
    reach : float, Å
        Range of the model.
    """
    cells = padded_cells(view, reach)
    results = _run(model, view, torch.arange(view.num_systems, device=cells.device), cells, names, pbc=True)
    if "stress" in names:
        results["stress"] = results["stress"] * _ratio_of_volumes(cells, view)
    return results


def run_by_periodicity(model: ModelInterface, view: ModelView, names: frozenset[str]) -> dict[str, Tensor]:
    """Evaluate any model, first on systems that are periodic in all directions, then on those in none.

    Raises
    ------
    GeometryError
        If a system is periodic in some directions only, which TorchSim has no word for.
    """
    periodic = _all_or_none(view, model)
    cells = view.positions.new_zeros(view.num_systems, 3, 3) if view.cell is None else view.cell
    groups = [(flag, (periodic == flag).nonzero().flatten()) for flag in (True, False)]
    parts = [_run(model, view, systems, cells, names, pbc=flag) for flag, systems in groups if len(systems)]
    if not parts:
        return _empty(view, names)
    results = {name: torch.stack([part[name] for part in parts]).sum(0) for name in names}
    if "stress" in names:
        nothing = torch.linalg.det(cells).abs()[:, None, None] == 0.0
        results["stress"] = results["stress"].masked_fill(nothing, torch.nan)
    return results


def _all_or_none(view: ModelView, model: ModelInterface) -> Tensor:
    if view.pbc is None:
        return torch.zeros(view.num_systems, dtype=torch.bool, device=view.positions.device)
    periodic: Tensor = view.pbc.all(1)
    mixed = (view.pbc.any(1) & ~periodic).nonzero()
    if len(mixed):
        raise GeometryError(
            f"system {int(mixed[0])} is periodic in some directions only",
            expected="periodic in all directions or in none: TorchSim has one flag",
            who=type(model).__name__,
            fix="TorchSimStep(model, cutoff=...) with its range in Å, where it has one: open directions are then "
            "periods too long to be seen",
        )
    return periodic


def _run(
    model: ModelInterface, view: ModelView, systems: Tensor, cells: Tensor, names: frozenset[str], *, pbc: bool
) -> dict[str, Tensor]:
    """Return results of some systems in the shapes of all, zeros for the others and for systems without atoms."""
    counts = torch.bincount(view.batch_idx, minlength=view.num_systems)
    systems = systems[counts[systems] > 0]  # TorchSim has no systems without atoms
    total = _empty(view, names)
    if not len(systems):
        return total
    atoms = torch.isin(view.batch_idx, systems).nonzero().flatten()
    state = SimState(
        positions=view.positions[atoms],
        masses=torch.ones_like(view.positions[atoms, 0]),
        cell=cells[systems].mT.contiguous(),
        pbc=pbc,
        atomic_numbers=view.atomic_numbers[atoms],
        system_idx=torch.searchsorted(systems, view.batch_idx[atoms]),
    )
    with torch.enable_grad():  # models of others differentiate inside
        found = model(state.to(model.device, model.dtype) if _differs(state, model) else state)
    for name in names:
        rows = atoms if name == "forces" else systems
        total[name] = total[name].index_copy(0, rows, _shaped(found, name, total[name][rows], model))
    return total


def _differs(state: SimState, model: ModelInterface) -> bool:
    return bool(state.dtype != model.dtype)


def _empty(view: ModelView, names: frozenset[str]) -> dict[str, Tensor]:
    shapes = {"forces": (view.num_atoms, 3)} | {n: (view.num_systems, *axes) for n, axes in PER_SYSTEM.items()}
    return {name: view.positions.detach().new_zeros(shapes[name]) for name in names}


def _shaped(found: dict[str, Tensor], name: str, like: Tensor, model: ModelInterface) -> Tensor:
    value = found.get(name)
    if value is None or value.numel() != like.numel():
        what = "nothing" if value is None else f"shape {list(value.shape)}"
        raise ModelOutputError(
            f"gave {what} for {name!r}", expected=f"shape {list(like.shape)}", who=type(model).__name__
        )
    return value.reshape(like.shape).to(like)


def _ratio_of_volumes(cells: Tensor, view: ModelView) -> Tensor:
    """Return V / V₀ [B, 1, 1] of the cells computed with and the systems' own; NaN where these have no volume."""
    own = cells.new_zeros(len(cells)) if view.cell is None else torch.linalg.det(view.cell).abs()
    ratio = torch.linalg.det(cells).abs() / torch.where(own > 0.0, own, torch.nan)
    return ratio[:, None, None]  # type: ignore[no-any-return]  # of a view
