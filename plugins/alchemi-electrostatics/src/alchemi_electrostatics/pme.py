"""The model `pme`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_electrostatics.hooks import CHARGED_SLAB, SLAB, SMOOTH_PME
from alchemi_electrostatics.hooks import PME as MESH_EWALD
from alchemi_electrostatics.mesh import spacing_for
from alchemi_electrostatics.mesh_sum import mesh_energies
from alchemi_electrostatics.options import check_flag, check_number
from alchemi_electrostatics.reciprocal_space import own_energies
from alchemi_electrostatics.splitting import Limits, choose
from alchemi_electrostatics.summation import CoulombSum, sum_config

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_electrostatics.lattices import Lattices

LIMITS = Limits(who="pme", cutoff=8.0, accuracy=1e-9)


class PME(CoulombSum):
    """Coulomb energy of point charges by particle mesh Ewald: the time grows as N log N.

    As `alchemi_electrostatics.ewald.Ewald`, with the waves summed on a mesh by fast Fourier transform; T. Darden, D.
    York and L. Pedersen, J. Chem. Phys. 98, 10089 (1993), doi:10.1063/1.464397, with the splines and analytic forces
    of U. Essmann et al., J. Chem. Phys. 103, 8577 (1995), doi:10.1063/1.470117.

    Parameters
    ----------
    accuracy : float
        Largest error wanted, relative to the energy and the force of two charges 3 Å apart; exactly in
        `alchemi_electrostatics.splitting.Splitting`. 1e-9 to 1e-2.
    cutoff : float, Å, optional
        Range of the sum over pairs; 8 by default. A short one means a finer mesh, and the other way round.
    alpha : float, 1/Å, optional
        Where the sum is split; by default from accuracy and cutoff. The result does not depend on it, to the accuracy.
    mesh_spacing : float, Å, optional
        Largest distance of mesh points; by default from accuracy and alpha.
    hybrid_forces : bool
        True: forces, stress and virial at fixed charges come as numbers, and the energy is on the graph through the
        charges. False: the energy is on the graph through positions, cell and charges, twice.

    Raises
    ------
    OptionError
        If an option cannot be right, or the accuracy cannot be held with cutoff and alpha.
    """

    def __init__(
        self,
        *,
        accuracy: float = 1e-5,
        cutoff: float | None = None,
        alpha: float | None = None,
        mesh_spacing: float | None = None,
        hybrid_forces: bool = True,
    ) -> None:
        who = LIMITS.who
        self.splitting = choose(accuracy, cutoff, alpha, LIMITS)
        given = None if mesh_spacing is None else check_number("mesh_spacing", mesh_spacing, who, unit="Å")
        self.spacing = spacing_for(self.splitting) if given is None else given
        self.hybrid_forces = check_flag("hybrid_forces", hybrid_forces, who)
        citations = (MESH_EWALD, SMOOTH_PME, SLAB, CHARGED_SLAB)
        self.model_config = sum_config(who, self.splitting, citations, hybrid_forces=hybrid_forces)

    def smooth_energies(self, lattices: Lattices) -> Tensor:
        """Return the smooth half of the sum on a mesh: Tensor [S], e²/Å."""
        alpha = self.splitting.alpha
        return mesh_energies(lattices, alpha, self.spacing, LIMITS.who) - own_energies(lattices, alpha)
