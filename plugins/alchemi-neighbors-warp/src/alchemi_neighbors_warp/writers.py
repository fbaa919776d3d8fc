"""The kernels that write lists, for each integer type of results."""

from __future__ import annotations

from typing import Any

import attrs
import torch
import warp as wp

from alchemi_neighbors_warp import kernels


@attrs.frozen(eq=False)
class Writers:
    """Kernels for one integer type of results, under the names they have in `kernels`.

    Parameters
    ----------
    rows_to_matrix, rows_to_pairs, gather_pairs, mirror_to_matrix, mirror_to_pairs : warp.Kernel
        Typed kernels.
    """

    rows_to_matrix: wp.Kernel
    rows_to_pairs: wp.Kernel
    gather_pairs: wp.Kernel
    mirror_to_matrix: wp.Kernel
    mirror_to_pairs: wp.Kernel

    @classmethod
    def typed(cls, number: Any, vector: Any) -> Writers:
        """Make the kernels for a scalar type of Warp and its vector."""
        table: Any = wp.array(dtype=number, ndim=2)
        matrix = {"matrix": table, "matrix_shifts": wp.array(dtype=vector, ndim=2)}
        pairs = {"pairs": table, "pair_shifts": wp.array(dtype=vector)}
        return cls(
            rows_to_matrix=wp.overload(kernels.rows_to_matrix, {**matrix, "counts": wp.array(dtype=number)}),
            rows_to_pairs=wp.overload(kernels.rows_to_pairs, pairs),
            gather_pairs=wp.overload(kernels.gather_pairs, pairs),
            mirror_to_matrix=wp.overload(kernels.mirror_to_matrix, matrix),
            mirror_to_pairs=wp.overload(kernels.mirror_to_pairs, pairs),
        )


# All are made before any is loaded: a type that came later would have the module loaded again.
WRITERS = {torch.int32: Writers.typed(wp.int32, wp.vec3i), torch.int64: Writers.typed(wp.int64, wp.vec3l)}
"""Kernels by the integer type of results."""
