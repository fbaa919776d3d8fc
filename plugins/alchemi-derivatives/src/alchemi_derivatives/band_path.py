"""BandPath: the standard lines through a Brillouin zone, in the reciprocal cell of the primitive lattice vectors."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import numpy as np
from ase.cell import Cell
from ase.dft.kpoints import parse_path_string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GAMMA = "Γ"


@attrs.frozen(eq=False)
class Line:
    """A straight line between two special points.

    Parameters
    ----------
    start, end : str
        Their names.
    qpoints : ndarray [n, 3]
        In terms of reciprocal lattice vectors.
    distances : ndarray [n], 1/Å
        From the start of the whole path, jumps left out; without the factor 2π.
    """

    start: str
    end: str
    qpoints: NDArray[np.float64]
    distances: NDArray[np.float64]


@attrs.frozen(eq=False)
class BandPath:
    """Lines, one after the other.

    Parameters
    ----------
    lines : tuple of Line
        In order; where one does not begin at the end of the one before, the path jumps.
    lattice : str
        Bravais lattice that was found, empty where none was.
    """

    lines: tuple[Line, ...]
    lattice: str

    @classmethod
    def of(cls, cell: NDArray[np.float64], pbc: Sequence[bool], points: int) -> BandPath:
        """Choose the path of W. Setyawan and S. Curtarolo, Comput. Mater. Sci. 49, 299 (2010), as ASE knows it.

        Parameters
        ----------
        cell : ndarray [3, 3], Å
            Primitive lattice vectors as rows, in any setting.
        pbc : sequence of bool
            Whether each is periodic.
        points : int
            How many q-points there are to be, about.

        Notes
        -----
        Where ASE knows no path, lines go along the reciprocal lattice vectors. A left-handed cell is turned over; that
        takes q to −q, where frequencies are the same.
        """
        lattice, stops, special = _special(np.asarray(cell), np.asarray(pbc))
        inverse = np.linalg.inv(cell)
        spans = [np.linalg.norm(inverse @ (special[b] - special[a])) for part in stops for a, b in pairwise(part)]
        lines: list[Line] = []
        start = 0.0
        for (a, b), span in zip((pair for part in stops for pair in pairwise(part)), spans, strict=True):
            count = max(2, round(points * float(span / sum(spans))) + 1)
            share = np.linspace(0.0, 1.0, count)
            qpoints = special[a] + share[:, None] * (special[b] - special[a])
            lines.append(Line(_name(a), _name(b), qpoints, start + share * float(span)))
            start += float(span)
        return cls(tuple(lines), lattice)

    @property
    def qpoints(self) -> list[NDArray[np.float64]]:
        """Line by line, as phonopy takes them."""
        return [line.qpoints for line in self.lines]

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Distance and name of each special point; both names where the path jumps."""
        found = [(float(self.lines[0].distances[0]), self.lines[0].start)]
        for line, following in zip(self.lines, [*self.lines[1:], None], strict=True):
            jumps = following is not None and following.start != line.end
            name = f"{line.end}|{following.start}" if jumps and following is not None else line.end
            found.append((float(line.distances[-1]), name))
        return found


def _special(
    cell: NDArray[np.float64], pbc: NDArray[np.bool_]
) -> tuple[str, list[list[str]], dict[str, NDArray[np.float64]]]:
    right_handed = cell if np.linalg.det(cell) > 0.0 else -cell
    try:
        found = Cell(right_handed).bandpath(npoints=0, pbc=pbc.tolist())
    except (ValueError, RuntimeError, AssertionError, NotImplementedError):
        return _axes(pbc)
    lattice = str(found.cell.get_bravais_lattice(pbc=pbc.tolist()).longname)
    return lattice, parse_path_string(found.path), {name: np.asarray(at) for name, at in found.special_points.items()}


def _axes(pbc: NDArray[np.bool_]) -> tuple[str, list[list[str]], dict[str, NDArray[np.float64]]]:
    halves = {f"{axis}*/2": 0.5 * np.eye(3)[i] for i, axis in enumerate("abc") if pbc[i]}
    return "", [["G", name] for name in halves], {"G": np.zeros(3), **halves}


def _name(name: str) -> str:
    return GAMMA if name == "G" else name
