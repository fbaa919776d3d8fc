"""Choosing atoms: regions applied to a batch."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import DataError
from alchemi_core.regions.conditions import INDEX, NUMBER, All, Comparison, Flag, Not, Some

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.regions.conditions import Condition
    from alchemi_core.regions.region import Region


def chosen(region: Region, view: ModelView) -> Tensor:
    """Return which atoms are in a region: Tensor [N], bool.

    Parameters
    ----------
    region : Region
        The region.
    view : ModelView
        Gives what its condition reads.

    Raises
    ------
    DataError
        If a system has too few atoms for the numbers, or not as many as the mask, or a field is not one value per atom.
    """
    if region.condition is not None:
        return _Choice(view).where(region.condition)
    _check_sizes(region, view.ptr)
    # Numbers are given for each system; on the device they are counted over all.
    places = [start + number for start in view.ptr[:-1] for number in region.numbers]
    inside = torch.zeros(view.num_atoms, dtype=torch.bool, device=view.positions.device)
    inside[torch.tensor(places, dtype=torch.int64, device=inside.device)] = True
    return inside


def _check_sizes(region: Region, ptr: tuple[int, ...]) -> None:
    mask = len(region.atoms) if region.kind == "mask" else None
    for system, (start, stop) in enumerate(pairwise(ptr)):
        atoms = stop - start
        if mask is not None and atoms != mask:
            raise DataError(
                f"a mask of {mask} atoms, and system {system} has {atoms}",
                expected="as many flags as each system has atoms",
                who=f"region {region}",
                fix="put the mask on the batch: batch.with_fields(part=mask), and select by 'part'",
            )
        if mask is None and region.numbers[-1] >= atoms:
            raise DataError(
                f"atom {region.numbers[-1]} of system {system}, which has {atoms} atoms",
                expected="numbers that every system has, counted from 0 in each",
                who=f"region {region}",
                fix="a condition takes what there is, such as 'index < 12'; or mark atoms by a field of the batch",
            )


class _Choice:
    """Conditions on the atoms of one view."""

    def __init__(self, view: ModelView) -> None:
        self.view = view

    def where(self, condition: Condition) -> Tensor:
        match condition:
            case Not(part):
                return ~self.where(part)
            case All(parts):
                return torch.stack([self.where(part) for part in parts]).all(0)
            case Some(parts):
                return torch.stack([self.where(part) for part in parts]).any(0)
            case Flag(name):
                return self._flags(name)
            case Comparison(name, operator, values):
                return _compared(self._values(name), operator, values)

    def _values(self, name: str) -> Tensor:
        if name == NUMBER:
            numbers: Tensor = self.view.atomic_numbers
            return numbers
        if name == INDEX:
            starts = torch.tensor(self.view.ptr[:-1], dtype=torch.int64, device=self.view.batch_idx.device)
            every = torch.arange(self.view.num_atoms, device=starts.device)
            return every - starts.index_select(0, self.view.batch_idx)
        return self._field(name)

    def _field(self, name: str) -> Tensor:
        value: Tensor = getattr(self.view, name)
        if tuple(value.shape) != (self.view.num_atoms,):
            raise DataError(
                f"field {name!r} has the shape {list(value.shape)}",
                expected=f"one value for each atom, [{self.view.num_atoms}]",
                who="atoms of a region",
            )
        return value

    def _flags(self, name: str) -> Tensor:
        value = self._field(name)
        if value.dtype != torch.bool:
            raise DataError(
                f"field {name!r} has type {value.dtype}",
                expected="torch.bool, or a comparison",
                who="atoms of a region",
                fix=f"{name} == 1",
            )
        return value


def _compared(found: Tensor, operator: str, values: tuple[int | float, ...]) -> Tensor:
    if operator in ("in", "not in"):
        inside = torch.stack([found == value for value in values]).any(0)
        return ~inside if operator == "not in" else inside
    compare = {"==": torch.eq, "!=": torch.ne, "<": torch.lt, "<=": torch.le, ">": torch.gt, ">=": torch.ge}
    return compare[operator](found, values[0])
