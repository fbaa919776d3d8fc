"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

EWALD = "10.1002/andp.19213690304"
"""Ewald, Ann. Phys. 369, 253 (1921)."""

PME = "10.1063/1.464397"
"""Darden, York and Pedersen, J. Chem. Phys. 98, 10089 (1993)."""

SMOOTH_PME = "10.1063/1.470117"
"""Essmann, Perera, Berkowitz, Darden, Lee and Pedersen, J. Chem. Phys. 103, 8577 (1995)."""

SLAB = "10.1063/1.479595"
"""Yeh and Berkowitz, J. Chem. Phys. 111, 3155 (1999)."""

CHARGED_SLAB = "10.1063/1.3216473"
"""Ballenegger, Arnold and Cerdà, J. Chem. Phys. 131, 094107 (2009)."""

DSF = "10.1063/1.2206581"
"""Fennell and Gezelter, J. Chem. Phys. 124, 234104 (2006)."""

WIRE = "one period only is refused: a chain goes into a cell with vacuum around it, periodic in all directions"
MESH = "where atoms stand on the mesh changes forces by less than `accuracy`; with accuracy=1e-9 this is passed"


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the three sums."""
    return [
        ModelOffer(
            name="ewald",
            summary="Coulomb energy of point charges by Ewald summation: crystals, slabs and molecules",
            target="alchemi_electrostatics.ewald:Ewald",
            licence="Apache-2.0",
            citations=(EWALD, SLAB, CHARGED_SLAB),
            units={"cutoff": "Å", "alpha": "1/Å"},
            exempt={"takes-wire": WIRE},
        ),
        ModelOffer(
            name="pme",
            summary="Coulomb energy of point charges by particle mesh Ewald, for large systems",
            target="alchemi_electrostatics.pme:PME",
            licence="Apache-2.0",
            citations=(PME, SMOOTH_PME, SLAB, CHARGED_SLAB),
            units={"cutoff": "Å", "alpha": "1/Å", "mesh_spacing": "Å"},
            exempt={"takes-wire": WIRE, "translation": MESH, "supercell": MESH, "large": MESH},
        ),
        ModelOffer(
            name="coulomb-dsf",
            summary="Coulomb energy of point charges, damped and cut off with shifted forces; approximate",
            target="alchemi_electrostatics.dsf:CoulombDSF",
            licence="Apache-2.0",
            citations=(DSF,),
            units={"cutoff": "Å", "alpha": "1/Å"},
        ),
    ]
