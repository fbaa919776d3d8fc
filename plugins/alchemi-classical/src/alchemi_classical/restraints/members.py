"""From numbers of atoms within a system to rows of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.errors import DataError
from alchemi_core.models import ModelConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from alchemi_core.data.view import ModelView


def restraint_config(who: str, required: Iterable[str] = ()) -> ModelConfig:
    """Return the config of a restraint, its energy on the graph any number of times."""
    return ModelConfig(
        name=who,
        outputs={"energy": OnGraph({"positions", "cell"})},
        required_inputs=required,
        active_outputs={"energy", "forces", "stress"},
        supports_pbc=True,
    )


def rows(view: ModelView, atoms: Tensor, who: str) -> tuple[Tensor, Tensor]:
    """Return where restrained atoms are in the batch, system by system, and the system of each restraint.

    Parameters
    ----------
    view : ModelView
        The batch.
    atoms : Tensor [R, n], int64
        Numbers of the atoms within their system; the same for every system.
    who : str
        The model.

    Returns
    -------
    Tensor [B · R, n], int64
        Rows.
    Tensor [B · R], int64
        Systems.

    Raises
    ------
    DataError
        If a system has fewer atoms.
    """
    last = int(atoms.max()) if view.num_systems else 0
    for system, (start, stop) in enumerate(zip(view.ptr[:-1], view.ptr[1:], strict=True)):
        if last >= stop - start:
            raise DataError(
                f"atom {last} is restrained, and system {system} has {stop - start} atoms",
                expected="atoms counted from 0 that every system of the batch has",
                who=who,
                fix="restrain fewer atoms, or run systems that need other restraints in a batch of their own",
            )
    starts = torch.tensor(view.ptr[:-1], dtype=torch.int64, device=atoms.device)
    systems = torch.arange(view.num_systems, device=atoms.device).repeat_interleave(atoms.shape[0])
    return (starts[:, None, None] + atoms).flatten(0, 1), systems


def ends(view: ModelView, atoms: Tensor) -> tuple[Tensor, Tensor]:
    """Return the positions of both atoms of each pair, given as rows [R, 2]: two Tensors [R, 3], Å."""
    first, second = atoms.unbind(1)
    return view.positions.index_select(0, first), view.positions.index_select(0, second)
