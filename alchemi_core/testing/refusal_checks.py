"""Whether a backend refuses what it cannot do right, with an error of its own kind and nothing in place of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import AlchemiError, GeometryError, NeighborError
from alchemi_core.neighbors.capacity import MAX_ENTRIES, check_capacity
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.lists import MatrixList
from alchemi_core.testing.failures import failure
from alchemi_core.testing.neighbor_cases import case_named
from alchemi_core.testing.source_lists import SourceKind, make_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.testing.neighbor_checks import Build, Convert

COO, MATRIX = NeighborListFormat.COO, NeighborListFormat.MATRIX
_CUTOFF = 3.0


def check_too_short(convert: Convert, source: SourceKind, device: torch.device | str) -> None:
    """Check that a list of smaller cutoff is refused; its skin does not help, old or not."""
    case = case_named("mixed-batch")
    given = make_source(source, case, _CUTOFF, torch.float64, device)
    batch = case.make(torch.float64, device)
    for layout in (COO, MATRIX):
        need = NeighborConfig(_CUTOFF + 0.1, layout)
        _refused(
            lambda need=need: convert(given, batch, need, source.skin > 0.0),  # type: ignore[misc]
            NeighborError,
            f"{source} of cutoff {_CUTOFF:g} Å for a reader at {need.cutoff:g} Å",
            fix="raise neighbors.filtering.too_short(has, needed)",
        )


def check_stale_without_skin(convert: Convert, source: SourceKind, device: torch.device | str) -> None:
    """Check that a list without a skin, made for other positions, is refused."""
    case = case_named("mixed-batch")
    given = make_source(source, case, _CUTOFF, torch.float64, device)
    batch = case.make(torch.float64, device)
    for need in (NeighborConfig(_CUTOFF), NeighborConfig(_CUTOFF - 0.5, MATRIX)):
        _refused(
            lambda need=need: convert(given, batch, need, True),  # type: ignore[misc]
            NeighborError,
            f"{source}, stale, for {need.describe()}",
            fix="a pair that came within the cutoff since is not in the list: nothing can be made of it",
        )


def check_other_atoms(convert: Convert, source: SourceKind, device: torch.device | str) -> None:
    """Check that a list of another number of atoms is refused, whether or not distances are to be taken."""
    given = make_source(source, case_named("mixed-batch"), _CUTOFF, torch.float64, device)
    batch = case_named("triclinic").make(torch.float64, device)
    for need in (NeighborConfig(_CUTOFF), NeighborConfig(_CUTOFF - 0.5, MATRIX), NeighborConfig(_CUTOFF, MATRIX)):
        _refused(
            lambda need=need: convert(given, batch, need, False),  # type: ignore[misc]
            NeighborError,
            f"{source} of {given.num_atoms} atoms for a batch of {batch.num_atoms}, as {need.describe()}",
        )


def check_overflow(convert: Convert, source: SourceKind, device: torch.device | str) -> None:
    """Check that a row too full for a fixed width is an error; on accelerators true counts may say so instead."""
    case = case_named("cell-smaller-than-cutoff")
    given = make_source(source, case, case.cutoff, torch.float64, device)
    batch = case.make(torch.float64, device)

    def narrow() -> object:
        result = convert(given, batch, NeighborConfig(case.cutoff, MATRIX, width=5), False)
        if batch.device.type != "cpu" and isinstance(result, MatrixList):
            check_capacity(result)
        return result

    _refused(
        narrow,
        NeighborError,
        f"{source} into a matrix of 5 columns, where atoms have 84 neighbors",
        fix="raise neighbors.capacity.overflow(atom, found, width), or leave true counts in num_neighbors",
    )


def check_unaddressable(convert: Convert, source: SourceKind, device: torch.device | str) -> None:
    """Check that a matrix whose entries 32-bit numbers cannot address is refused before it is made."""
    case = case_named("cell-smaller-than-cutoff")
    given = make_source(source, case, case.cutoff, torch.float64, device)
    batch = case.make(torch.float64, device)
    need = NeighborConfig(case.cutoff, MATRIX, width=MAX_ENTRIES // batch.num_atoms + 1)
    _refused(
        lambda: convert(given, batch, need, False),
        NeighborError,
        f"{source} into {batch.num_atoms} rows of {need.width}",
        fix="neighbors.capacity.check_addressable(atoms, width), before memory is taken",
    )


def check_not_a_number(build: Build, device: torch.device | str) -> None:
    """Check that positions or cells that are not finite are refused by a builder."""
    batch = case_named("mixed-batch").make(torch.float64, device)
    for name in ("positions", "cell"):
        for value in (float("nan"), float("inf")):
            broken = getattr(batch, name).clone()
            broken[3, 1] = value
            changed = batch.with_fields(**{name: broken})
            _refused(
                lambda changed=changed: build(changed, _CUTOFF, 0.0),  # type: ignore[misc]
                GeometryError,
                f"{value} in {name}",
                fix="neighbors.building.check_geometry(batch)",
            )


def check_singular_cell(build: Build, device: torch.device | str) -> None:
    """Check that a periodic direction without a lattice vector of its own is refused by a builder."""
    batch = case_named("triclinic").make(torch.float64, device)
    flat = attrs.evolve(batch, cell=torch.ones_like(batch.get("cell")))  # type: ignore[arg-type]
    _refused(
        lambda: build(flat, _CUTOFF, 0.0),
        GeometryError,
        "a singular cell",
        fix="neighbors.building.check_geometry(batch)",
    )


def _refused(call: Callable[[], object], error: type[AlchemiError], what: str, fix: str = "") -> None:
    try:
        result = call()
    except error:
        return
    except AlchemiError as other:
        raise failure(what, f"refused by a {type(other).__name__}", expected=f"a {error.__name__}", fix=fix) from other
    raise failure(what, f"a {type(result).__name__} came back", expected=f"a {error.__name__}", fix=fix)
