"""The model `ewald`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_electrostatics.hooks import CHARGED_SLAB, EWALD, SLAB
from alchemi_electrostatics.options import check_flag
from alchemi_electrostatics.reciprocal_space import own_energies, reciprocal_energies
from alchemi_electrostatics.splitting import Limits, choose
from alchemi_electrostatics.summation import CoulombSum, sum_config

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_electrostatics.lattices import Lattices

LIMITS = Limits(who="ewald", cutoff=8.0, accuracy=1e-13)


class Ewald(CoulombSum):
    """Coulomb energy of point charges by Ewald summation.

    E = k/2 Σ_n Σ_ij q_i q_j / |r_j − r_i + n| over all periods n, conducting surroundings; P. P. Ewald, Ann. Phys.
    369, 253 (1921), doi:10.1002/andp.19213690304. Systems with three periods are crystals, an even background
    neutralising those with a charge; with two they are slabs, with none molecules. Everything is computed in double
    precision.

    Parameters
    ----------
    accuracy : float
        Largest error wanted, relative to the energy and the force of two charges 3 Å apart; exactly in
        `alchemi_electrostatics.splitting.Splitting`. 1e-13 to 1e-2.
    cutoff : float, Å, optional
        Range of the sum over pairs; 8 by default. A short one means more waves, and the other way round.
    alpha : float, 1/Å, optional
        Where the sum is split; by default from accuracy and cutoff. The result does not depend on it, to the accuracy.
    hybrid_forces : bool
        True: forces, stress and virial at fixed charges come as numbers, and the energy is on the graph through the
        charges. False: the energy is on the graph through positions, cell and charges, any number of times.

    Raises
    ------
    OptionError
        If an option cannot be right, or the accuracy cannot be held with cutoff and alpha.

    Examples
    --------
    >>> sorted(Ewald(accuracy=1e-8).model_config.outputs)
    ['energy', 'forces', 'stress', 'virial']
    >>> sorted(Ewald(hybrid_forces=False).model_config.autograd_inputs)
    ['cell', 'charges', 'positions']
    """

    def __init__(
        self,
        *,
        accuracy: float = 1e-6,
        cutoff: float | None = None,
        alpha: float | None = None,
        hybrid_forces: bool = True,
    ) -> None:
        self.splitting = choose(accuracy, cutoff, alpha, LIMITS)
        self.hybrid_forces = check_flag("hybrid_forces", hybrid_forces, LIMITS.who)
        citations = (EWALD, SLAB, CHARGED_SLAB)
        self.model_config = sum_config(LIMITS.who, self.splitting, citations, hybrid_forces=hybrid_forces)

    def smooth_energies(self, lattices: Lattices) -> Tensor:
        """Return the smooth half of the sum, wave by wave: Tensor [S], e²/Å."""
        waves = reciprocal_energies(lattices, self.splitting, LIMITS.who)
        return waves - own_energies(lattices, self.splitting.alpha)
