"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

CITATIONS = ("10.1098/rspa.1924.0082", "10.1021/ct0502256")
"""Lennard-Jones, Proc. R. Soc. A 106, 463 (1924); van der Spoel and van Maaren, J. Chem. Theory Comput. 2, 1 (2006)."""


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the pair potential."""
    return [
        ModelOffer(
            name="lennard-jones",
            summary="12-6 pair potential in closed form, shifted or smoothly switched off at its cutoff",
            target="alchemi_lennard_jones.model:LennardJones",
            licence="Apache-2.0",
            citations=CITATIONS,
            units={"epsilon": "eV", "sigma": "Å", "cutoff": "Å", "switch_on": "Å"},
            exempt={
                "smooth-at-cutoff": "by default the energy is shifted, as in most programs: a force of some 1e-5 eV/Å "
                "ends where a pair leaves the cutoff; with switch_on it goes to zero",
            },
        )
    ]
