"""Whether pairs at the very edge of a cutoff are in or out to the last bit, however they are found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.testing.list_promises import read
from alchemi_core.testing.pair_reports import Difference
from alchemi_core.testing.pair_tables import in_order, referee, spell, squared_lengths
from alchemi_core.testing.source_lists import SourceKind, make_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.neighbor_cases import NeighborCase
    from alchemi_core.testing.neighbor_checks import Build, Convert
    from alchemi_core.testing.pair_tables import Rows

_DISTANCES = 24


def check_builder_edge(
    build: Build, case: NeighborCase, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> None:
    """Check a builder with cutoffs equal to distances of the case, and one rounding to either side of them.

    Raises
    ------
    AssertionError
        If a pair is in or out against the rounding of `alchemi_core.neighbors.distances.exact_squared`.
    """
    batch = case.make(dtype, device)
    for cutoff, expected in _edges(case, dtype):
        what = f"{case}, {spell(dtype)} on {device}, built with cutoff {cutoff!r} Å, the distance of a pair"
        rows = read(build(batch, cutoff, 0.0), NeighborConfig(cutoff), batch.num_atoms, batch.device, what)
        _compare(rows, expected, batch, cutoff, what)


def check_converter_edge(
    convert: Convert, case: NeighborCase, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> None:
    """Check a converter with cutoffs equal to distances of the case, and one rounding to either side of them.

    Raises
    ------
    AssertionError
        If a pair is in or out against the rounding of `alchemi_core.neighbors.distances.exact_squared`.
    """
    batch = case.make(dtype, device)
    for layout in NeighborListFormat:
        source = make_source(SourceKind(layout), case, case.cutoff, dtype, device)
        for cutoff, expected in _edges(case, dtype):
            what = f"{case}, {spell(dtype)} on {device}, {layout.value} cut at {cutoff!r} Å, the distance of a pair"
            need = NeighborConfig(cutoff, layout)
            rows = read(convert(source, batch, need, False), need, batch.num_atoms, batch.device, what)
            _compare(rows, expected, batch, cutoff, what)


def _edges(case: NeighborCase, dtype: torch.dtype) -> Iterator[tuple[float, Rows]]:
    """Yield cutoffs at and beside distances of the case, with the pairs that are strictly closer."""
    rows = referee(case, dtype, case.cutoff, 0.0)
    squared = squared_lengths(rows, case.make(dtype, "cpu"))
    distances = np.sqrt(np.unique(squared))
    for distance in distances[:: 1 + len(distances) // _DISTANCES].tolist():
        for cutoff in (math.nextafter(distance, 0.0), distance, math.nextafter(distance, math.inf)):
            if 0.0 < cutoff <= case.cutoff:
                yield cutoff, rows[squared < cutoff * cutoff]


def _compare(rows: Rows, expected: Rows, batch: Batch, cutoff: float, what: str) -> None:
    if not np.array_equal(in_order(rows), in_order(expected)):
        raise Difference.between(rows, expected, batch, cutoff).report(what)
