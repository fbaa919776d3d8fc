"""Screened repulsion of nuclei."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import attrs
import torch
from ase.data import covalent_radii

from alchemi_classical.hooks import COVALENT_RADII, ZBL_BOOK
from alchemi_classical.options import positive
from alchemi_classical.pair_model import pair_config
from alchemi_classical.screening import contact_energy, inverse_lengths, smoothed_energy, smoothing, strengths
from alchemi_classical.scripted_zbl import ScriptedZBL
from alchemi_classical.sums import Edges, per_system
from alchemi_core.errors import OptionError
from alchemi_core.models import BaseModelMixin
from alchemi_core.scripting import ScriptableEnergy

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "zbl"
COVALENT = "covalent"
LAST, LAST_WITH_RADIUS = 118, 96
"""Atomic numbers of the heaviest elements: of all, and of those that have a covalent radius."""


@final
class ZBL(BaseModelMixin, torch.nn.Module):
    """Ziegler, Biersack and Littmark's universal repulsion of two nuclei, screened by their electrons.

    ::

        u(r) = k Z_i Z_j/r Σ c exp(−d r/a),  a = 0.46850 Å / (Z_i^0.23 + Z_j^0.23)

    J. F. Ziegler, J. P. Biersack and U. Littmark, The Stopping and Range of Ions in Solids (Pergamon, 1985). It is the
    wall that keeps atoms apart where a fitted potential knows nothing, so it must end before bonds begin. With two
    lengths it is LAMMPS's ``pair_style zbl``: a polynomial added between `inner` and `outer` takes energy, force and
    curvature to zero, and the constant that this leaves is added inside. With ``outer="covalent"`` it is multiplied by
    an envelope that ends at the sum of the two covalent radii, as in MACE.

    Parameters
    ----------
    outer : float or "covalent", Å
        Where nothing is left.
    inner : float, Å, optional
        Where the polynomial begins; with a length for `outer` only, and then required.

    Raises
    ------
    OptionError
        If the lengths cannot be right.

    Examples
    --------
    >>> ZBL(inner=0.8, outer=1.6).model_config.neighbor_config.cutoff
    1.6
    """

    _table: Tensor

    def __init__(self, *, outer: float | str, inner: float | None = None) -> None:
        super().__init__()
        self.outer, self.inner = _check_range(outer, inner)
        last = LAST if self.inner is not None else LAST_WITH_RADIUS
        numbers = torch.arange(last + 1, dtype=torch.float64)
        columns = [strengths(numbers), inverse_lengths(numbers)]
        columns += _smoothed(self.outer, self.inner, *columns) if self.inner is not None else [_contacts(last)]
        self.register_buffer("_table", torch.stack(columns).flatten(1), persistent=False)
        reach = self.outer if self.inner is not None else float(columns[-1].max())
        citations = ZBL_BOOK if self.inner is not None else (*ZBL_BOOK, *COVALENT_RADII)
        config = pair_config(WHO, reach, range(1, last + 1), citations)
        self.model_config = attrs.evolve(config, contains={"repulsion"}, correction=True)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - all is cheap
        """Compute energy and node energies.

        Raises
        ------
        GeometryError
            If two atoms are at one place.
        """
        edges = Edges.of(view, WHO)
        # Where it ends, the energy is a small difference of large ones.
        edges = attrs.evolve(edges, distance=edges.distance.double())
        energies = self._within_contact(view, edges) if self.inner is None else self._smoothed(view, edges, self.inner)
        energies = energies.to(view.positions.dtype)
        return {"node_energies": energies, "energy": per_system(energies, view.batch_idx, view)}

    def scriptable_energy(self) -> ScriptableEnergy:
        """Return the energy in TorchScript; see `alchemi_core.scripting`."""
        neighbors = self.model_config.neighbor_config
        assert neighbors is not None
        return ScriptableEnergy(ScriptedZBL(self._table, self.inner), neighbors.cutoff)

    def _smoothed(self, view: ModelView, edges: Edges, inner: float) -> Tensor:
        columns = self._columns(view, edges)
        return edges.per_atom(smoothed_energy(edges.distance, columns, inner), view.num_atoms)

    def _within_contact(self, view: ModelView, edges: Edges) -> Tensor:
        edges = edges.where(edges.distance < self._columns(view, edges)[-1])
        return edges.per_atom(contact_energy(edges.distance, self._columns(view, edges)), view.num_atoms)

    def _columns(self, view: ModelView, edges: Edges) -> Tensor:
        """Return what the table holds for each pair of atoms: Tensor [columns, E], float64."""
        first, second = (view.atomic_numbers.index_select(0, atoms) for atoms in (edges.first, edges.second))
        size = round(self._table.shape[1] ** 0.5)
        return self._table.to(view.positions.device).double().index_select(1, size * first + second)


def _check_range(outer: Any, inner: Any) -> tuple[float, float | None]:
    """Return where the potential ends and where its polynomial begins; zero and None for covalent radii."""
    if outer == COVALENT:
        if inner is not None:
            raise OptionError(
                f"inner={inner!r} with outer='covalent'", expected="no inner", who=WHO, fix="leave it out"
            )
        return 0.0, None
    if isinstance(outer, str):
        raise OptionError(f"outer={outer!r}", expected="a length in Å, or 'covalent'", who=WHO)
    end = positive(outer, "outer", WHO, unit="Å")
    if inner is None:
        fix = f"inner={end / 2.0:g}, outer={end:g}"
        raise OptionError("no inner", expected="where the polynomial begins, Å, as in LAMMPS", who=WHO, fix=fix)
    begin = positive(inner, "inner", WHO, unit="Å")
    if begin >= end:
        raise OptionError(f"inner={begin:g}, outer={end:g}", expected="inner below outer", who=WHO)
    return end, begin


def _smoothed(outer: float, inner: float, strength: Tensor, inverse: Tensor) -> list[Tensor]:
    # Row and column 0 stand for no element; any finite number will do.
    return list(smoothing(inner, outer, strength, inverse.clamp(min=1.0)))


def _contacts(last: int) -> Tensor:
    radii = torch.tensor(covalent_radii[: last + 1], dtype=torch.float64)
    return radii[:, None] + radii
