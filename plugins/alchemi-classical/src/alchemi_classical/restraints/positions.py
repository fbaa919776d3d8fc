"""Springs to points in space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

import torch

from alchemi_classical.options import index, items, number, positive
from alchemi_classical.restraints.images import shortened
from alchemi_classical.restraints.members import restraint_config, rows
from alchemi_classical.sums import per_system
from alchemi_core.errors import DataError, OptionError
from alchemi_core.models import BaseModelMixin

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "restrain-positions"
FIELD = "reference_positions"
"""Input that holds the reference points of all atoms where none are given as an option: Tensor [N, 3]."""


@final
class RestrainPositions(BaseModelMixin, torch.nn.Module):
    """Springs that hold atoms near points in space, in every system of a batch.

    ::

        E = Σ ½ k max(0, |r − p| − w)²

    r − p is the shortest of its periodic images, so that wrapping atoms into the cell changes nothing. Points given in
    Å stay where they are when the cell is strained; the stress is the exact derivative at fixed points, the symmetric
    part of ``(1/V) Σ k (r − p) ⊗ r``, and depends on the origin. Points given as fractions of the cell follow it, and
    the stress is ``(1/V) Σ k (r − p) ⊗ (r − p)``: for runs at constant pressure the better choice.

    Parameters
    ----------
    k : float or sequence of float, eV/Å²
        Spring constant, for all restrained atoms or one by one.
    atoms : sequence of int, optional
        Which atoms, counted from 0 within a system; all by default.
    reference : sequence of sequence of float, optional
        Point of each restrained atom, Å. By default the batch brings them, for all atoms, as its field
        ``reference_positions`` [N, 3].
    fractional : bool
        Whether points are fractions of the lattice vectors.
    flat : float, Å
        Radius w within which nothing acts.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> RestrainPositions(k=5.0).model_config.required_inputs
    frozenset({'reference_positions'})
    >>> RestrainPositions(k=5.0, atoms=[0], reference=[(0.0, 0.0, 1.2)]).model_config.required_inputs
    frozenset()
    """

    _k: Tensor
    _atoms: Tensor | None
    _reference: Tensor | None

    def __init__(
        self,
        *,
        k: float | Sequence[float],
        atoms: Sequence[int] | None = None,
        reference: Sequence[Sequence[float]] | None = None,
        fractional: bool = False,
        flat: float = 0.0,
    ) -> None:
        super().__init__()
        if not isinstance(fractional, bool):
            raise OptionError(f"fractional={fractional!r}", expected="True or False", who=WHO)
        self.flat = number(flat, "flat", WHO, unit="Å", least=0.0)
        self.fractional = fractional
        numbers = None if atoms is None else _numbers(atoms)
        points = None if reference is None else _points(reference)
        springs = _springs(k)
        _check_lengths(numbers, points, springs)
        self.register_buffer("_k", torch.tensor(springs, dtype=torch.float64), persistent=False)
        self.register_buffer("_atoms", None if numbers is None else torch.tensor(numbers), persistent=False)
        fixed = None if points is None else torch.tensor(points, dtype=torch.float64)
        self.register_buffer("_reference", fixed, persistent=False)
        self.model_config = restraint_config(WHO, (FIELD,) if reference is None else ())

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002
        """Compute the energy.

        Raises
        ------
        DataError
            If a system lacks a restrained atom, has another number of atoms than there are points or spring
            constants, or no cell that points could be fractions of.
        """
        atoms, systems = self._restrained(view)
        off = view.positions.index_select(0, atoms) - self._points(view, atoms, systems)
        squared = shortened(off, systems, view).square().sum(1)
        energy = 0.5 * self._per_restraint(self._k, view).to(squared) * self._beyond(squared)
        return {"energy": per_system(energy, systems, view)}

    def _restrained(self, view: ModelView) -> tuple[Tensor, Tensor]:
        """Return rows and systems of the restrained atoms."""
        if self._atoms is not None:
            found, systems = rows(view, self._atoms[:, None], WHO)
            return found[:, 0], systems
        given = self._reference if self._reference is not None else self._k
        if given.dim() > 0:
            _check_sizes(view, given.shape[0])
        return torch.arange(view.num_atoms, device=view.positions.device), view.batch_idx

    def _points(self, view: ModelView, atoms: Tensor, systems: Tensor) -> Tensor:
        """Return the point of each restrained atom: Tensor [R, 3], Å."""
        if self._reference is None:
            points = _field(view).index_select(0, atoms)
        else:
            points = self._per_restraint(self._reference, view)
        points = points.to(view.positions)
        if not self.fractional:
            return points
        _check_cells(view)
        own: Tensor = view.cell.index_select(0, systems)
        return (points[:, None] @ own)[:, 0]

    @staticmethod
    def _per_restraint(values: Tensor, view: ModelView) -> Tensor:
        """Repeat values of one system's restraints for all systems."""
        return values if values.dim() == 0 else values.repeat(view.num_systems, *(1,) * (values.dim() - 1))

    def _beyond(self, squared: Tensor) -> Tensor:
        """Return max(0, |r − p| − w)²; without a flat bottom without a root, which has no derivative at zero."""
        if self.flat == 0.0:
            return squared
        outside = squared > self.flat**2
        return torch.where(outside, (squared.where(outside, 1.0).sqrt() - self.flat) ** 2, 0.0)


def _numbers(given: Any) -> list[int]:
    atoms = [index(one, "atoms", WHO) for one in items(given, "atoms", WHO, of="atoms")]
    if len(set(atoms)) < len(atoms):
        twice = next(atom for n, atom in enumerate(atoms) if atom in atoms[:n])
        raise OptionError(f"atoms names {twice} twice", expected="each atom once", who=WHO)
    return atoms


def _points(given: Any) -> list[list[float]]:
    points = enumerate(items(given, "reference", WHO, of="points"))
    return [_point(point, f"reference[{n}]") for n, point in points]


def _point(given: Any, name: str) -> list[float]:
    return [number(x, name, WHO) for x in items(given, name, WHO, count=3, of="coordinates")]


def _springs(given: Any) -> float | list[float]:
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [positive(k, f"k[{n}]", WHO, unit="eV/Å²") for n, k in enumerate(items(given, "k", WHO, of="numbers"))]
    return positive(given, "k", WHO, unit="eV/Å²")


def _check_lengths(atoms: Any, points: Any, springs: Any) -> None:
    given = (("atoms", atoms), ("reference", points), ("k", springs))
    lengths = {name: len(value) for name, value in given if isinstance(value, list)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise OptionError(told, expected="as many of one as of the other", who=WHO)


def _check_sizes(view: ModelView, count: int) -> None:
    for system, (start, stop) in enumerate(zip(view.ptr[:-1], view.ptr[1:], strict=True)):
        if stop - start != count:
            raise DataError(
                f"system {system} has {stop - start} atoms, and there are points or spring constants for {count}",
                expected="as many, or the option atoms to say which",
                who=WHO,
                fix=f"atoms=range({count}) as a list, or systems of {count} atoms",
            )


def _field(view: ModelView) -> Tensor:
    points: Tensor = getattr(view, FIELD)
    if points.shape != view.positions.shape:
        raise DataError(f"{FIELD} has shape {list(points.shape)}", expected=f"{list(view.positions.shape)}, Å", who=WHO)
    return points


def _check_cells(view: ModelView) -> None:
    if view.cell is None or bool((view.cell == 0.0).all(dim=2).any()):
        raise DataError(
            "a system has no cell that points could be fractions of",
            expected="three lattice vectors for every system",
            who=WHO,
            fix="fractional=False, with points in Å",
        )
