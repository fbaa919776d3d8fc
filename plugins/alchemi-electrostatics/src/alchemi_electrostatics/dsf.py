"""Damped shifted force Coulomb: a sum over pairs whose energy and force vanish at a cutoff.

In plain torch. The kernel of nvalchemi-toolkit-ops 0.5 takes in double precision too a polynomial for erfc that is good
to 1.5e-7 only, which is 1e-6 eV per pair, and its forces are not the derivatives of that polynomial.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard

import torch

from alchemi_core.contract import OnGraph, OutputKind, Partial
from alchemi_core.derivatives.strain import per_volume
from alchemi_core.errors import OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.quantities import COULOMB_CONSTANT, DERIVATIVES
from alchemi_core.scripting import ScriptableEnergy
from alchemi_electrostatics.hooks import DSF
from alchemi_electrostatics.molecules import check_apart
from alchemi_electrostatics.options import check_flag
from alchemi_electrostatics.scripted_dsf import ScriptedDSF, damped_curve

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "coulomb-dsf"


class CoulombDSF(BaseModelMixin, torch.nn.Module):
    """Damped shifted force Coulomb energy of point charges.

    ::

        E = k Σ_pairs q_i q_j v(r) − k Σ_i q_i² (erfc(αR)/(2R) + α/√π)
        v(r) = erfc(αr)/r − erfc(αR)/R + s (r − R)  for r < R, else 0
        s = erfc(αR)/R² + (2α/√π) exp(−α²R²)/R

    C. J. Fennell and J. D. Gezelter, J. Chem. Phys. 124, 234104 (2006), doi:10.1063/1.2206581; the constant term, which
    is the energy of each charge with what neutralises its sphere, D. Wolf et al., J. Chem. Phys. 110, 8254 (1999),
    doi:10.1063/1.478738. The cost grows like the number of atoms, and any periodicity is served, but the energy is that
    of a model: it tends to the Coulomb energy only as R grows and α falls, and molecules have the constant term too. On
    rock salt displaced by 0.3 Å, at 12 Å, α = 0.2/Å is 0.1 % off in energy and 7 % in forces (root mean square); 0.15/Å
    is 1 % and 1.5 % off. The ``coul/dsf`` of LAMMPS has the same forces and k s R q²/2 less energy for each charge.

    Parameters
    ----------
    cutoff : float, Å
        R.
    alpha : float, 1/Å
        Damping α; 0 for the shifted force without damping.
    hybrid_forces : bool
        True: forces, stress and virial come in closed form at fixed charges, the energy is on the graph through the
        charges. False: the energy is on the graph through positions, cell and charges, any number of times.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> sorted(CoulombDSF(cutoff=10.0).model_config.outputs)
    ['energy', 'forces', 'stress', 'virial']
    >>> sorted(CoulombDSF(cutoff=10.0, hybrid_forces=False).model_config.outputs)
    ['energy']
    """

    def __init__(self, *, cutoff: float = 12.0, alpha: float = 0.2, hybrid_forces: bool = True) -> None:
        super().__init__()
        _check_options(cutoff, alpha, hybrid_forces)
        self.cutoff, self.alpha, self.hybrid_forces = float(cutoff), float(alpha), hybrid_forces
        self.model_config = ModelConfig(
            name=WHO,
            outputs=_kinds(hybrid_forces=hybrid_forces),
            required_inputs={"charges"},
            active_outputs={"energy", "forces", "stress"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(self.cutoff, half_list=True),
            contains={"coulomb"},
            correction=True,
            citations=(DSF,),
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute the energy; in the hybrid form forces, stress and virial at fixed charges when asked.

        Raises
        ------
        GeometryError
            If two atoms are at one place.
        """
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        squared = (vectors * vectors) @ vectors.new_ones(3)  # torch reduces an inner axis of three far more slowly
        i, j = view.neighbors.neighbor_list.unbind(1)
        check_apart(squared, i, j, WHO)
        distances, charges = squared.sqrt(), view.charges.to(view.positions.dtype)
        out = {"energy": self._energy(distances, charges, view)}
        if self.hybrid_forces and requested & DERIVATIVES:
            with torch.no_grad():
                out |= self._derivatives(vectors, distances, charges, view)
        return out

    def scriptable_energy(self) -> ScriptableEnergy:
        """Return the energy in TorchScript; see `alchemi_core.scripting`. Its charges are an input."""
        end = math.erfc(self.alpha * self.cutoff) / self.cutoff
        module = ScriptedDSF(self.alpha, self.cutoff, end=end, slope=self._shift(), own=self._own())
        return ScriptableEnergy(module, self.cutoff)

    def _energy(self, distances: Tensor, charges: Tensor, view: ModelView) -> Tensor:
        """Return energies [B, 1] in eV, summed atom by atom first: float32 keeps more digits so."""
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        pairs = charges.index_select(0, i) * charges.index_select(0, j) * self._curve(distances)
        atoms = (self._own() * charges * charges).index_add(0, i, pairs)
        total = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return COULOMB_CONSTANT * total.unsqueeze(1)

    def _curve(self, distances: Tensor) -> Tensor:
        """Return v(r) in 1/Å."""
        end = math.erfc(self.alpha * self.cutoff) / self.cutoff
        return damped_curve(distances, self.alpha, self.cutoff, end, self._shift())

    def _slope(self, distances: Tensor) -> Tensor:
        """Return v'(r) in 1/Å²."""
        damped = torch.erfc(self.alpha * distances) / distances
        gauss = 2.0 * self.alpha / math.sqrt(math.pi) * torch.exp(-((self.alpha * distances) ** 2))
        return self._shift() - (damped + gauss) / distances

    def _shift(self) -> float:
        """Return s in 1/Å², the force that is taken away."""
        damped = math.erfc(self.alpha * self.cutoff) / self.cutoff
        gauss = 2.0 * self.alpha / math.sqrt(math.pi) * math.exp(-((self.alpha * self.cutoff) ** 2))
        return (damped + gauss) / self.cutoff

    def _own(self) -> float:
        """Return the energy of a unit charge on its own, in 1/Å."""
        return -math.erfc(self.alpha * self.cutoff) / (2.0 * self.cutoff) - self.alpha / math.sqrt(math.pi)

    def _derivatives(self, vectors: Tensor, distances: Tensor, charges: Tensor, view: ModelView) -> dict[str, Tensor]:
        """Return forces, virial and stress at fixed charges."""
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        products = COULOMB_CONSTANT * charges.index_select(0, i) * charges.index_select(0, j)
        pulls = (products * self._slope(distances) / distances).unsqueeze(1) * vectors
        forces = torch.zeros_like(view.positions).index_add(0, i, pulls).index_add(0, j, -pulls)
        outer = (vectors.unsqueeze(2) * pulls.unsqueeze(1)).flatten(1)
        systems = view.batch_idx.index_select(0, i)
        virial = -outer.new_zeros(view.num_systems, 9).index_add(0, systems, outer).view(-1, 3, 3)
        return {"forces": forces, "virial": virial, "stress": _stress(virial, view.cell)}


def _kinds(*, hybrid_forces: bool) -> dict[str, OutputKind]:
    if not hybrid_forces:
        return {"energy": OnGraph({"positions", "cell", "charges"})}
    fixed = Partial(at_fixed={"charges"})
    return {"energy": OnGraph({"charges"}), "forces": fixed, "stress": fixed, "virial": fixed}


def _stress(virial: Tensor, cell: Tensor | None) -> Tensor:
    return torch.full_like(virial, torch.nan) if cell is None else per_volume(-virial, cell)


def _check_options(cutoff: object, alpha: object, hybrid_forces: object) -> None:
    if not (_is_number(cutoff) and cutoff > 0.0):
        raise OptionError(f"cutoff={cutoff!r}", expected="a positive length, Å", who=WHO, fix="cutoff=12.0")
    if not (_is_number(alpha) and alpha >= 0.0):
        raise OptionError(f"alpha={alpha!r}", expected="a number in 1/Å, 0 or more", who=WHO, fix="alpha=0.2")
    check_flag("hybrid_forces", hybrid_forces, WHO)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
