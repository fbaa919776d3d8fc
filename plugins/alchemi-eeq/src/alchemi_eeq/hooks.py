"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

EEQ = "10.1063/1.5090222"
"""Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019): model and parameters."""

EWALD = "10.1002/andp.19213690304"
"""Ewald, Ann. Phys. 369, 253 (1921): the lattice sum."""

TRUNCATION = "10.1103/PhysRevB.73.205119"
"""Rozzi et al., Phys. Rev. B 73, 205119 (2006): the same for slabs and wires."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the charge model."""
    return [
        ModelOffer(
            name="eeq",
            summary="electronegativity-equilibration charges, differentiable, for molecules and periodic systems",
            target="alchemi_eeq.model:EEQ",
            licence="Apache-2.0",
            citations=(EEQ, EWALD, TRUNCATION),
            units={"cutoff": "Å"},
        )
    ]
