"""The two neighbor-list values. Both know their cutoff, their kind and how far they reach.

Displacement of a pair: ``d = r_j − r_i + S @ cell``. A pair belongs to a list when ``|d| < cutoff``, strictly.
Shifts refer to the positions as given; an atom may neighbor its own image (i == j, S ≠ 0).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import attrs

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.config import NeighborListFormat

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def _check_reach(who: str, cutoff: float, skin: float) -> None:
    if not (0.0 < cutoff < inf and 0.0 <= skin < inf):
        raise NeighborError(
            f"a list with a cutoff of {cutoff} Å and a skin of {skin} Å",
            expected="a positive cutoff, and a skin of 0 or more",
            who=who,
        )


def _reach_and_kind(neighbors: NeighborList) -> str:
    skin = f" + {neighbors.skin:g} Å" if neighbors.skin else ""
    return f"{neighbors.cutoff:g} Å{skin}, {'half' if neighbors.half_list else 'full'}"


def _versions(*tensors: Tensor) -> tuple[int, ...]:
    """How often tensors were changed in place; torch does not count where they were made in inference mode."""
    return tuple(-1 if tensor.is_inference() else tensor._version for tensor in tensors)


@attrs.frozen(eq=False, kw_only=True, repr=False)
class CooList:
    """Pairs one after the other, sorted by i.

    Parameters
    ----------
    cutoff : float, Å
        Every pair strictly closer than this is present.
    half_list : bool
        True when each pair is present once; False when both (i, j, S) and (j, i, −S) are.
    skin : float, Å
        Pairs up to ``cutoff + skin`` may be present; 0 means the list is exact.
    neighbor_list : Tensor [E, 2], int32
        Columns i and j.
    neighbor_list_shifts : Tensor [E, 3], int32
        Cell shifts S.
    edge_ptr : Tensor [N+1], int32
        Row pointer: pairs of atom i are ``edge_ptr[i]:edge_ptr[i+1]``.

    Raises
    ------
    NeighborError
        If shapes do not fit together.
    """

    format: ClassVar[NeighborListFormat] = NeighborListFormat.COO

    cutoff: float
    half_list: bool
    neighbor_list: Tensor
    neighbor_list_shifts: Tensor
    edge_ptr: Tensor
    skin: float = 0.0

    def __attrs_post_init__(self) -> None:
        _check_reach("CooList", self.cutoff, self.skin)
        pairs = self.neighbor_list.shape[0]
        if self.neighbor_list.shape != (pairs, 2) or self.neighbor_list_shifts.shape != (pairs, 3):
            raise NeighborError(
                f"neighbor_list {tuple(self.neighbor_list.shape)} with shifts {tuple(self.neighbor_list_shifts.shape)}",
                expected="[E, 2] with [E, 3]",
                who="CooList",
            )

    @property
    def num_atoms(self) -> int:
        """Number of atoms N that the list was made for."""
        return int(self.edge_ptr.shape[0]) - 1

    @property
    def device(self) -> torch.device:
        """Where its tensors live."""
        return self.neighbor_list.device

    @property
    def versions(self) -> tuple[int, ...]:
        """How often each of its tensors was changed in place, which nobody should do."""
        return _versions(self.neighbor_list, self.neighbor_list_shifts, self.edge_ptr)

    def __repr__(self) -> str:
        return f"CooList({_reach_and_kind(self)}, {self.num_pairs} pairs, {self.num_atoms} atoms)"

    @property
    def num_pairs(self) -> int:
        """Number of pairs E, each direction counted on its own in a full list."""
        return int(self.neighbor_list.shape[0])


@attrs.frozen(eq=False, kw_only=True, repr=False)
class MatrixList:
    """One padded row per atom.

    Parameters
    ----------
    cutoff, half_list, skin
        As for :class:`CooList`.
    neighbor_matrix : Tensor [N, K], int32
        Neighbors j of atom i in row i; padding value N.
    num_neighbors : Tensor [N], int32
        How many entries of each row are filled, from the left.
    neighbor_matrix_shifts : Tensor [N, K, 3], int32
        Cell shifts S; zero where padded.

    Raises
    ------
    NeighborError
        If shapes do not fit together.
    """

    format: ClassVar[NeighborListFormat] = NeighborListFormat.MATRIX

    cutoff: float
    half_list: bool
    neighbor_matrix: Tensor
    num_neighbors: Tensor
    neighbor_matrix_shifts: Tensor
    skin: float = 0.0

    def __attrs_post_init__(self) -> None:
        _check_reach("MatrixList", self.cutoff, self.skin)
        shape = tuple(self.neighbor_matrix.shape)
        fits = len(shape) == 2 and self.num_neighbors.shape == shape[:1]
        if not fits or self.neighbor_matrix_shifts.shape != (*shape, 3):
            raise NeighborError(
                f"neighbor_matrix {shape}, num_neighbors {tuple(self.num_neighbors.shape)}, "
                f"shifts {tuple(self.neighbor_matrix_shifts.shape)}",
                expected="[N, K] with [N] and [N, K, 3]",
                who="MatrixList",
            )

    @property
    def num_atoms(self) -> int:
        """Number of atoms N that the list was made for."""
        return int(self.neighbor_matrix.shape[0])

    @property
    def device(self) -> torch.device:
        """Where its tensors live."""
        return self.neighbor_matrix.device

    @property
    def versions(self) -> tuple[int, ...]:
        """How often each of its tensors was changed in place, which nobody should do."""
        return _versions(self.neighbor_matrix, self.neighbor_matrix_shifts, self.num_neighbors)

    def __repr__(self) -> str:
        width = self.neighbor_matrix.shape[1]
        return f"MatrixList({_reach_and_kind(self)}, width {width}, {self.num_atoms} atoms)"

    @property
    def padding(self) -> int:
        """Value that marks an empty entry: the atom count."""
        return self.num_atoms


NeighborList: TypeAlias = CooList | MatrixList
"""Either layout."""
