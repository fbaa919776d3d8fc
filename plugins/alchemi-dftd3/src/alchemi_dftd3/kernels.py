"""The CUDA backend: nvalchemi-toolkit-ops' Warp kernels, all systems in one launch; they run on the CPU too."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Lock
from typing import TYPE_CHECKING

import attrs
import torch
from nvalchemiops.torch.interactions.dispersion import dftd3
from torch import Tensor

from alchemi_core.quantities import BOHR
from alchemi_dftd3.dispersion import Dispersion
from alchemi_dftd3.pairs import Pairs, build_pairs, room
from alchemi_dftd3.systems import MARGIN, read_systems, touching
from alchemi_dftd3.tables import load_parameters, load_tables

if TYPE_CHECKING:
    from alchemi_core.data.view import ModelView
    from alchemi_dftd3.cutoffs import Cutoffs
    from alchemi_dftd3.damping import Damping
    from alchemi_dftd3.systems import System

BLEND = 0.05
"""Width of the switch just within cn, as a part of it."""

ON_THE_HOST = Lock()
"""Held while kernels run on the CPU: there all threads share Warp's one arena for tiles, and its overflow ends the
process."""


@attrs.frozen(eq=False)
class Structure:
    """What the kernels read beside the list, Bohr.

    Parameters
    ----------
    positions : Tensor [N, 3], float64
    numbers : Tensor [N], int32
    cells : Tensor [B, 3, 3], float64
    index : Tensor [N], int32
    """

    positions: Tensor
    numbers: Tensor
    cells: Tensor
    index: Tensor


class Kernels(torch.nn.Module):
    """Two-body D3 with rational damping.

    The kernels count neighbors wherever they sum energies, while s-dftd3 counts them within cn and sums up to disp2.
    Both are had by three launches: with a switch s from 1 to 0 just within cn,

        E = E[list cn; s] + E[list disp2; 1] − E[list disp2; s]

    so that C6 coefficients are s-dftd3's for all but the pairs beyond cn, which hold some 0.1 % of the energy.

    Parameters
    ----------
    damping : Damping
        Rational damping without three-body term.
    cutoffs : Cutoffs
        disp2, width2 and cn are used.
    """

    rcov: Tensor
    r4r2: Tensor
    c6: Tensor
    cn: Tensor

    def __init__(self, damping: Damping, cutoffs: Cutoffs) -> None:
        super().__init__()
        tables = load_tables()
        for name in ("rcov", "r4r2", "c6", "cn"):
            self.register_buffer(name, getattr(tables, name), persistent=False)
        self.elements = tables.elements
        parameters = load_parameters(damping)
        self.coefficients = {name: parameters[name] for name in ("s6", "s8", "a1", "a2")}
        self.cutoffs = cutoffs

    def evaluate(self, view: ModelView, *, derivatives: bool) -> Dispersion:
        """Compute dispersion of a batch where it is.

        Parameters
        ----------
        view : ModelView
            The batch.
        derivatives : bool
            Whether gradient and strain derivative are needed.

        Raises
        ------
        UnsupportedElementError
            If there is no reference data for an element, or more than the kernels read.
        GeometryError
            If two atoms are at one place, a coordinate is not finite or a cell is singular.
        """
        reach = self.cutoffs.disp2
        systems = read_systems(view, reach, self.elements)
        positions = view.positions.detach().double() / BOHR
        if not systems:
            return _nothing(view, positions, derivatives=derivatives)
        cells = _cells(systems, view.num_systems, reach).to(positions)
        index = view.batch_idx.int()
        structure = Structure(positions, view.atomic_numbers.int(), cells, index)
        with nullcontext() if positions.is_cuda else ON_THE_HOST:
            # the list counts systems by the last one that has atoms
            pairs = build_pairs(positions, cells[: systems[-1].index + 1], index, reach, room(systems, reach))
            self._check(pairs)
            return self._sum(structure, pairs, derivatives=derivatives)

    def _check(self, pairs: Pairs) -> None:
        # rounding of the shift leaves atoms at one place some 1e-15 apart
        close = pairs.squared < 1e-12
        if bool(close.any()):
            raise touching(*pairs.atoms[:, int(close.nonzero()[0])].tolist())

    def _sum(self, structure: Structure, pairs: Pairs, *, derivatives: bool) -> Dispersion:
        reach = (self.cutoffs.disp2 - self.cutoffs.width2, self.cutoffs.disp2)
        whole = self._launch(structure, pairs, reach, derivatives=derivatives)
        if self.cutoffs.cn >= self.cutoffs.disp2:
            return whole
        off = min(self.cutoffs.cn, reach[0])
        switch = ((1.0 - BLEND) * off, off)
        near = self._launch(structure, pairs.within(self.cutoffs.cn), switch, derivatives=derivatives)
        return near + whole - self._launch(structure, pairs, switch, derivatives=derivatives)

    def _launch(
        self, structure: Structure, pairs: Pairs, switch: tuple[float, float], *, derivatives: bool
    ) -> Dispersion:
        """Sum over a list; the energy of a pair falls from all to nothing between the two lengths of the switch."""
        energy, forces, _, *virial = dftd3(
            structure.positions,
            structure.numbers,
            **self.coefficients,
            **self._tables(structure.positions.device),
            s5_smoothing_on=switch[0],
            s5_smoothing_off=switch[1],
            batch_idx=structure.index,
            cell=structure.cells,
            neighbor_list=pairs.atoms,
            neighbor_ptr=pairs.ptr,
            unit_shifts=pairs.shifts,
            compute_virial=derivatives,
            num_systems=structure.cells.shape[0],
        )
        if not derivatives:
            return Dispersion(energy.double())
        return Dispersion(energy.double(), -forces.double(), -virial[0].double())

    def _tables(self, device: torch.device) -> dict[str, Tensor]:
        names = {"covalent_radii": self.rcov, "r4r2": self.r4r2, "c6_reference": self.c6, "coord_num_ref": self.cn}
        return {name: table.to(device) for name, table in names.items()}


def _nothing(view: ModelView, like: Tensor, *, derivatives: bool) -> Dispersion:
    energy = like.new_zeros(view.num_systems)
    if not derivatives:
        return Dispersion(energy)
    return Dispersion(energy, torch.zeros_like(like), like.new_zeros(view.num_systems, 3, 3))


def _cells(systems: tuple[System, ...], count: int, reach: float) -> Tensor:
    """Return a periodic cell for every system: a molecule gets one whose images are out of reach."""
    cells = torch.eye(3, dtype=torch.float64).repeat(count, 1, 1) * (reach + MARGIN)
    for system in systems:
        if system.lattice is not None:
            cells[system.index] = torch.from_numpy(system.lattice)
        else:
            extent = torch.from_numpy(system.positions.max(axis=0) - system.positions.min(axis=0))
            cells[system.index] = torch.diag(extent + reach + MARGIN)
    return cells
