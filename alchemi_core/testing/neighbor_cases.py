"""Named structures on which neighbor lists go wrong: odd cells, odd places, odd sizes, pairs at the very edge."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import torch
from numpy.typing import NDArray

from alchemi_core.data.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats: TypeAlias = NDArray[np.float64]
System: TypeAlias = tuple[Floats, Floats, tuple[bool, bool, bool]]
"""Positions [n, 3], cell [3, 3] and periodic directions of one system."""

OPEN, CRYSTAL, SLAB, WIRE = (False,) * 3, (True,) * 3, (True, True, False), (False, False, True)
NO_CELL = np.zeros((3, 3))
TRICLINIC = np.array([[4.1, 0.3, 0.0], [-1.2, 3.7, 0.4], [0.8, -0.9, 4.4]])
SMALL = np.array([[1.9, 0.2, 0.0], [0.5, 2.1, 0.1], [-0.3, 0.4, 1.7]])
THIN = np.array([[1.0, 0.0, 0.0], [2.3, 0.9, 0.0], [0.0, 0.4, 6.0]])


@attrs.frozen
class NeighborCase:
    """A structure with the cutoff at which it is looked at.

    Parameters
    ----------
    name : str
        What the case is about.
    cutoff : float, Å
        Cutoff of the reader.
    make : callable
        ``make(dtype, device) -> Batch``; the same values at every call.
    """

    name: str
    cutoff: float
    make: Callable[[torch.dtype, torch.device | str], Batch]

    def __str__(self) -> str:
        return self.name


def batch_of(systems: Sequence[System], dtype: torch.dtype, device: torch.device | str) -> Batch:
    """Join systems into a batch of argon atoms.

    Parameters
    ----------
    systems : sequence of (positions [n, 3] in Å, cell [3, 3] in Å, periodic directions)
        The systems, in order.
    dtype : torch.dtype
        Floating type.
    device : torch.device or str
        Where the tensors live.
    """
    sizes = [len(positions) for positions, _, _ in systems]
    places = np.concatenate([np.zeros((0, 3)), *(positions for positions, _, _ in systems)])
    cells = np.array([cell for _, cell, _ in systems]).reshape(-1, 3, 3)
    return Batch(
        positions=torch.tensor(places, dtype=dtype, device=device),
        atomic_numbers=torch.full((len(places),), 18, dtype=torch.int64, device=device),
        batch_idx=torch.repeat_interleave(torch.arange(len(systems)), torch.tensor(sizes, dtype=torch.int64)).to(
            device
        ),
        num_systems=len(systems),
        cell=torch.tensor(cells, dtype=dtype, device=device),
        pbc=torch.tensor([pbc for _, _, pbc in systems], dtype=torch.bool, device=device).reshape(-1, 3),
    )


def case_of(name: str, cutoff: float, *systems: System) -> NeighborCase:
    """Make a case of systems written out."""
    return NeighborCase(name, cutoff, partial(batch_of, systems))


def _scattered(seed: int, atoms: int, cell: Floats) -> Floats:
    """Return random places in a cell."""
    places: Floats = np.random.default_rng(seed).uniform(0.0, 1.0, (atoms, 3)) @ cell
    return places


def _crystal(seed: int, atoms: int, cell: Floats) -> System:
    return _scattered(seed, atoms, cell), cell, CRYSTAL


def _molecule(seed: int, atoms: int, size: float = 3.0) -> System:
    return _scattered(seed, atoms, size * np.eye(3)), NO_CELL, OPEN


def _places(*rows: tuple[float, float, float]) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _flat(cell: Floats) -> Floats:
    """Return the cell with a zero third vector."""
    flat: Floats = cell * np.array([[1.0], [1.0], [0.0]])
    return flat


def _mixed() -> list[System]:
    """Crystals, molecules, a slab, a wire and systems without atoms, one after the other."""
    return [
        (_places(), NO_CELL, OPEN),
        _crystal(11, 3, TRICLINIC),
        _molecule(12, 5),
        _crystal(13, 1, 1.4 * SMALL),
        (_places(), SMALL, CRYSTAL),
        (_scattered(14, 4, TRICLINIC), _flat(TRICLINIC), SLAB),
        (_scattered(15, 3, TRICLINIC), TRICLINIC[[1, 0, 2]], CRYSTAL),
        (_scattered(16, 3, 5.0 * np.eye(3)), np.diag([0.0, 0.0, 2.7]), WIRE),
        _molecule(17, 1),
        (_places(), NO_CELL, OPEN),
    ]


def _many() -> list[System]:
    """Return hundreds of systems of 0 to 5 atoms at one place, all but wires and a few crystals without pbc."""
    kinds = {0: (5.0 * np.eye(3), CRYSTAL), 7: (2.7 * np.eye(3), WIRE), 21: (5.0 * np.eye(3), (True, False, False))}
    return [(_molecule(k, k % 6)[0], *kinds.get(k % 35, (NO_CELL, OPEN))) for k in range(240)]


def _lattices() -> list[System]:
    """Return cubic lattices and chains whose distances are whole numbers, also that of the reader's cutoff."""
    shifted = _places((0.25, 0.5, 0.75))
    chain = _places(*((2.0 * k, 0.0, 0.0) for k in range(5)))
    face_centred = _places((0, 0, 0), (2, 2, 0), (2, 0, 2), (0, 2, 2))
    oblong = _places((0, 0, 0), (3, 4, 0), (0, 4, 3), (0, 4, 0))
    return [
        (shifted, 2.0 * np.eye(3)[[1, 0, 2]], CRYSTAL),
        (shifted, 4.0 * np.eye(3), CRYSTAL),
        (chain, NO_CELL, OPEN),
        (face_centred, 4.0 * np.eye(3), CRYSTAL),
        (oblong, np.diag([4.0, 8.0, 0.0]), SLAB),
    ]


def _on_the_faces() -> Floats:
    """Return atoms on faces of a cube of 4 Å, and a rounding error to either side of them."""
    below, above = float(np.nextafter(4.0, 0.0)), float(np.nextafter(4.0, 9.0))
    return _places((0, 0, 0), (4, 1.5, 0), (below, 3, 1.5), (above, 1.5, 3), (-1e-17, 3, 3), (1.5, 4, 4), (-4, -2, 8))


def _bare(systems: Sequence[System], dtype: torch.dtype, device: torch.device | str) -> Batch:
    """Return a batch that has no cell at all."""
    return attrs.evolve(batch_of(systems, dtype, device), cell=None, pbc=None)


_AWAY = np.array([[700, -300, 0], [-41, 0, 500], [0, 0, 0], [3, -2, 1], [-600, -600, 600]], dtype=np.float64)
_EIGHT: list[System] = [
    (_scattered(4, 3, TRICLINIC), TRICLINIC, pbc) for pbc in product((False, True), (False, True), (False, True))
]

CASES: tuple[NeighborCase, ...] = (
    case_of("triclinic", 3.2, _crystal(1, 5, TRICLINIC)),
    case_of("left-handed", 3.2, _crystal(2, 5, TRICLINIC[[1, 0, 2]])),
    case_of("cell-smaller-than-cutoff", 4.0, _crystal(3, 2, SMALL)),
    case_of("thin-cell", 1.9, _crystal(4, 1, THIN)),
    case_of("every-mix-of-pbc", 3.0, *_EIGHT),
    case_of("far-outside-the-cell", 3.0, (_scattered(5, 5, TRICLINIC) + _AWAY @ TRICLINIC, TRICLINIC, CRYSTAL)),
    case_of("on-the-faces-of-the-cell", 3.0, (_on_the_faces(), 4.0 * np.eye(3), CRYSTAL)),
    case_of("exactly-at-the-cutoff", 4.0, *_lattices()),
    case_of("one-atom", 3.0, _molecule(6, 1)),
    case_of("one-atom-with-images", 2.3, _crystal(7, 1, SMALL)),
    case_of("no-atoms", 3.0, (_places(), 3.0 * np.eye(3), CRYSTAL)),
    case_of("no-systems", 3.0),
    case_of("no-pairs", 2.0, (_places((0, 0, 0), (0, 0, 5), (5, 0, 0)), 12.0 * np.eye(3), CRYSTAL)),
    case_of(
        "slabs-and-a-wire",
        3.0,
        (_scattered(8, 6, TRICLINIC), _flat(TRICLINIC), SLAB),
        (_scattered(8, 6, TRICLINIC), TRICLINIC * np.array([[1.0], [1.0], [9.0]]), CRYSTAL),
        (_scattered(9, 4, 6.0 * np.eye(3)), np.diag([0.0, 0.0, 2.1]), WIRE),
    ),
    case_of(
        "two-atoms-at-one-place",
        2.0,
        (_places((1, 1, 1), (1, 1, 1), (1, 2, 1)), NO_CELL, OPEN),
        (_places((1, 1, 1), (1, 1, 1)), 2.0 * SMALL, CRYSTAL),
    ),
    case_of("mixed-batch", 3.0, *_mixed()),
    case_of("hundreds-of-systems", 2.5, *_many()),
    case_of("gas", 4.5, _crystal(10, 250, np.diag([13.0, 14.0, 13.5]))),
    NeighborCase("without-a-cell", 2.5, partial(_bare, [_molecule(18, 6), _molecule(19, 0), _molecule(20, 9)])),
)
"""Every corner that a backend must get right, small enough for a referee that tries all images."""


def case_named(name: str) -> NeighborCase:
    """Return the case with a name.

    Raises
    ------
    LookupError
        If there is none.
    """
    for case in CASES:
        if case.name == name:
            return case
    raise LookupError(f"no neighbor case named {name!r}; there are {', '.join(map(str, CASES))}")
