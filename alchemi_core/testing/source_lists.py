"""Lists that a converter may be given: of every layout, kind and integer type, fresh or old, tidy or strided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.neighbors.config import IndexDtype, NeighborListFormat
from alchemi_core.testing.pair_tables import half, referee, reverse, shuffled, tensors_of, write_coo, write_matrix

if TYPE_CHECKING:
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.testing.neighbor_cases import NeighborCase


@attrs.frozen
class SourceKind:
    """What a list to convert is like.

    Parameters
    ----------
    format : NeighborListFormat
        COO or MATRIX.
    half_list : bool
        Whether each pair is there once.
    index_dtype : {"int32", "int64"}
        Integer type of indices, shifts and counts.
    skin : float, Å
        Skin of the list.
    moved : bool
        Whether atoms have moved by nearly half the skin since.
    wider : float
        Cutoff of the list in units of the reader's.
    spare : int
        Columns of a matrix beyond those that its fullest row needs.
    turned : bool
        Whether the pairs of a half list point the other way, i > j: legal, though no builder of the core does it.
    strided : bool
        Whether its tensors are views with gaps, as those of a transposed edge index are.
    """

    format: NeighborListFormat = NeighborListFormat.COO
    half_list: bool = False
    index_dtype: IndexDtype = "int32"
    skin: float = 0.0
    moved: bool = False
    wider: float = 1.0
    spare: int = 0
    turned: bool = False
    strided: bool = False

    def __str__(self) -> str:
        words = [self.format.value, "half" if self.half_list else "full", self.index_dtype]
        words += [f"skin{self.skin:g}"] if self.skin else []
        words += [word for word in ("moved", "turned", "strided") if getattr(self, word)]
        words += [f"cutoff-times-{self.wider:g}"] if self.wider != 1.0 else []
        return "-".join(words + ([f"spare{self.spare}"] if self.spare else []))


def make_source(
    kind: SourceKind, case: NeighborCase, cutoff: float, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> NeighborList:
    """Make a list for a reader with a cutoff, row by row from what brute force finds.

    Parameters
    ----------
    kind : SourceKind
        What the list is like.
    case : NeighborCase
        The structure, before atoms moved.
    cutoff : float, Å
        Cutoff of the reader.
    dtype : torch.dtype
        Floating type of the structure.
    device : torch.device or str
        Where the list lives.
    """
    rows = referee(case, dtype, cutoff * kind.wider + kind.skin, 0.0)
    rows = half(rows) if kind.half_list else rows
    rows = shuffled(reverse(rows)) if kind.turned else rows
    pairs = write_coo(
        rows,
        case.make(dtype, "cpu").num_atoms,
        getattr(torch, kind.index_dtype),
        cutoff=cutoff * kind.wider,
        half_list=kind.half_list,
        skin=kind.skin,
    )
    made: NeighborList = write_matrix(pairs, kind.spare) if kind.format is NeighborListFormat.MATRIX else pairs
    place = with_gaps if kind.strided else torch.Tensor.contiguous
    changed: dict[str, Any] = {name: place(tensor.to(device)) for name, tensor in tensors_of(made).items()}
    return attrs.evolve(made, **changed)


def with_gaps(tensor: torch.Tensor) -> torch.Tensor:
    """Return the values as a view of a larger tensor whose other entries are wrong: axes swapped, every other one."""
    gapped = tensor.new_full((*tensor.shape[::-1], 2), 12345)
    view = gapped[..., 0].permute(*range(tensor.ndim)[::-1])
    return view.copy_(tensor)
