"""The conformance suite of neighbor backends: every check of a builder or converter, by name.

Authors reach it through `alchemi_core.testing.NeighborSubject`.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import OptionError
from alchemi_core.neighbors import building, filtering, formats, halves
from alchemi_core.neighbors.adapting import NeighborToolkit, adapt
from alchemi_core.neighbors.config import INDEX_DTYPES, NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.routing import REFERENCE_COSTS
from alchemi_core.testing import edge_checks, isolation_checks, refusal_checks
from alchemi_core.testing.checks import Check
from alchemi_core.testing.failures import CheckError
from alchemi_core.testing.neighbor_cases import CASES, NeighborCase, case_named
from alchemi_core.testing.neighbor_checks import check_builder, check_converter
from alchemi_core.testing.pair_tables import SKIN, WIDEST, referee, spell
from alchemi_core.testing.source_lists import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from alchemi_core.offers import Role
    from alchemi_core.testing.neighbor_checks import Build, Convert

COO, MATRIX = NeighborListFormat.COO, NeighborListFormat.MATRIX
DTYPES = (torch.float64, torch.float32)
KINDS = tuple(product((COO, MATRIX), (False, True)))
LATTICE_CASES = (
    ("cell-smaller-than-cutoff", torch.float64),
    ("mixed-batch", torch.float32),
    ("exactly-at-the-cutoff", torch.float32),
)
EDGE_CASES = ("triclinic", "cell-smaller-than-cutoff", "far-outside-the-cell", "every-mix-of-pbc")


def role_checks(role: Role, function: Callable[..., Any], devices: Iterable[str] = ("cpu",)) -> list[Check]:
    """Return the checks of a function offered in a role of `alchemi_core.offers.NeighborOffer`.

    Parameters
    ----------
    role : str
        ``"builder"``, ``"convert"``, or a single conversion, which is checked among the core's own.
    function : callable
        What the offer's target is.
    devices : iterable of str
        Devices to check on.

    Raises
    ------
    OptionError
        If there is no such role.
    """
    if role == "builder":
        return builder_checks(function, devices)
    if role == "convert":
        return converter_checks(function, devices)
    return converter_checks(composed(**{role: function}), devices)


def composed(**conversions: Callable[..., Any]) -> Convert:
    """Make a converter of single conversions; those not given are the core's, and used only where they must be.

    Parameters
    ----------
    **conversions : callable
        By role: ``filter``, ``to_matrix``, ``to_coo``, ``to_half``, ``to_full``.

    Raises
    ------
    OptionError
        If a role is unknown.
    """
    own: dict[str, Any] = {
        "filter": filtering.filter_list,
        "to_matrix": formats.to_matrix,
        "to_coo": formats.to_coo,
        "to_half": halves.to_half,
        "to_full": halves.to_full,
    }
    if unknown := sorted(set(conversions) - set(own)):
        raise OptionError(f"role {unknown[0]!r}", expected=", ".join(own), who="composed")
    costs = {role: cost * (0.01 if role in conversions else 1.0) for role, cost in REFERENCE_COSTS.items()}
    functions: dict[str, Any] = {**own, **conversions}
    toolkit = NeighborToolkit(build=building.build, costs=costs, **functions)
    return lambda source, batch, need, stale: adapt(source, batch, need, toolkit, stale=stale)


def builder_checks(build: Build, devices: Iterable[str] = ("cpu",)) -> list[Check]:
    """Return every check of ``build(batch, cutoff, skin) -> CooList``: all cases, in both floating types.

    Parameters
    ----------
    build : callable
        The builder.
    devices : iterable of str
        Devices to check on.
    """
    return [check for device in devices for check in _of_builder(build, device)]


def converter_checks(convert: Convert, devices: Iterable[str] = ("cpu",)) -> list[Check]:
    """Return every check of ``convert(source, batch, need, stale) -> list``.

    All cases are converted in the commonest ways, and a few cases in every way: {COO, MATRIX} x {full, half} x {int32,
    int64} x {no skin, skin after atoms moved} x {same cutoff, wider} into {COO, MATRIX, MATRIX of fixed width} x {full,
    half} x {int32, int64}.

    Parameters
    ----------
    convert : callable
        The converter.
    devices : iterable of str
        Devices to check on.
    """
    return [check for device in devices for check in _of_converter(convert, device)]


def _of_builder(build: Build, device: str) -> Iterator[Check]:
    for case, dtype in product(CASES, DTYPES):
        yield Check(
            f"builder/{case}/{spell(dtype)}/{device}",
            partial(_with_and_without_skin, build, case, dtype, device),
        )
    for name, dtype in product(EDGE_CASES, DTYPES):
        run = partial(edge_checks.check_builder_edge, build, case_named(name), dtype, device)
        yield Check(f"builder/edge-to-the-last-bit/{name}/{spell(dtype)}/{device}", run)
    strided = partial(check_builder, build, case_named("mixed-batch"), torch.float64, device, strided=True)
    yield Check(f"builder/strided-positions/{device}", strided)
    for word, check in {
        "keeps-no-buffer": isolation_checks.check_builder_keeps_no_buffer,
        "positions-on-a-graph": isolation_checks.check_builder_on_a_graph,
        "refuses-not-a-number": refusal_checks.check_not_a_number,
        "refuses-singular-cell": refusal_checks.check_singular_cell,
    }.items():
        yield Check(f"builder/{word}/{device}", partial(check, build, device))


def _with_and_without_skin(build: Build, case: NeighborCase, dtype: torch.dtype, device: str) -> None:
    for skin in (0.0, SKIN):
        check_builder(build, case, dtype, device, skin=skin)


def _of_converter(convert: Convert, device: str) -> Iterator[Check]:
    for case, dtype in product(CASES, DTYPES):
        for source in _common_sources():
            yield _conversion(convert, case, source, dtype, device, wide=False)
    for name, dtype in LATTICE_CASES:
        for source in _all_sources():
            yield _conversion(convert, case_named(name), source, dtype, device, wide=True)
    for name, dtype in product(EDGE_CASES, DTYPES):
        run = partial(edge_checks.check_converter_edge, convert, case_named(name), dtype, device)
        yield Check(f"convert/edge-to-the-last-bit/{name}/{spell(dtype)}/{device}", run)
    yield from _habits_of_converter(convert, device)


def _habits_of_converter(convert: Convert, device: str) -> Iterator[Check]:
    for word, habit in {
        "keeps-no-buffer": isolation_checks.check_converter_keeps_no_buffer,
        "positions-on-a-graph": isolation_checks.check_converter_on_a_graph,
    }.items():
        yield Check(f"convert/{word}/{device}", partial(habit, convert, device))
    refusals = {
        "too-short": (refusal_checks.check_too_short, 0.4),
        "stale-without-skin": (refusal_checks.check_stale_without_skin, 0.0),
        "other-atoms": (refusal_checks.check_other_atoms, 0.0),
        "overflow": (refusal_checks.check_overflow, 0.0),
        "unaddressable": (refusal_checks.check_unaddressable, 0.0),
    }
    for (word, (refusal, skin)), kind in product(refusals.items(), KINDS):
        source = SourceKind(*kind, skin=skin)
        yield Check(f"convert/refuses-{word}/from-{source}/{device}", partial(refusal, convert, source, device))


def _common_sources() -> tuple[SourceKind, ...]:
    return (
        SourceKind(COO, wider=WIDEST),
        SourceKind(MATRIX, skin=SKIN, moved=True),
        SourceKind(COO, half_list=True, skin=SKIN, moved=True),
        SourceKind(MATRIX, half_list=True),
    )


def _all_sources() -> Iterator[SourceKind]:
    """Yield every kind of source; matrices of wide integers have columns to spare."""
    for (layout, half), index_dtype, skin, wider in product(KINDS, INDEX_DTYPES, (0.0, SKIN), (1.0, WIDEST)):
        spare = 3 if layout is MATRIX and index_dtype == "int64" else 0
        yield SourceKind(layout, half, index_dtype, skin, skin > 0.0, wider, spare)
    for layout, half in KINDS:
        yield SourceKind(layout, half, skin=SKIN)
        yield SourceKind(layout, half, wider=WIDEST, strided=True)
    for layout, wider in product((COO, MATRIX), (1.0, WIDEST)):
        yield SourceKind(layout, half_list=True, wider=wider, turned=True)


def _conversion(
    convert: Convert, case: NeighborCase, source: SourceKind, dtype: torch.dtype, device: str, *, wide: bool
) -> Check:
    """Return the check of one source for several readers: all there are, or the commonest."""
    name = f"convert/{case}/{spell(dtype)}/{device}/from-{source}/to-{'every' if wide else 'common'}"
    return Check(name, partial(_for_readers, convert, case, source, dtype, device, wide=wide))


def _for_readers(
    convert: Convert, case: NeighborCase, source: SourceKind, dtype: torch.dtype, device: str, *, wide: bool
) -> None:
    needs = _all_needs(case, dtype) if wide else [NeighborConfig(case.cutoff, *kind) for kind in KINDS]
    failed = []
    for need in needs:
        try:
            check_converter(convert, case, need, source, dtype, device)
        except AssertionError as error:
            failed.append(error)
    if failed:
        more = f"\n  and {len(failed) - 1} more of {len(needs)} readers" if len(failed) > 1 else ""
        raise CheckError(f"{failed[0]}{more}") from failed[0]


def _all_needs(case: NeighborCase, dtype: torch.dtype) -> list[NeighborConfig]:
    """Return every kind of reader at the case's cutoff; the fixed width fits, with some columns to spare."""
    rows = referee(case, dtype, case.cutoff, 0.0)
    width = 8 + max((int((rows[:, 0] == i).sum()) for i in set(rows[:, 0].tolist())), default=0)
    layouts = ((COO, None), (MATRIX, None), (MATRIX, width))
    return [
        NeighborConfig(case.cutoff, layout, half, width=fixed, index_dtype=index_dtype)
        for (layout, fixed), half, index_dtype in product(layouts, (False, True), INDEX_DTYPES)
    ]
