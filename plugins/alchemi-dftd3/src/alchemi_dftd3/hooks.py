"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer

D3 = "10.1063/1.3382344"
"""Grimme, Antony, Ehrlich and Krieg, J. Chem. Phys. 132, 154104 (2010)."""

S_DFTD3 = "10.21105/joss.07169"
"""Ehlert, J. Open Source Softw. 9, 7169 (2024)."""

ENDS = (
    "the sums end sharply, as in s-dftd3: the energy steps by some 1e-7 eV where a displacement or a strain carries a "
    "pair across an end"
)


@hookimpl
def alchemi_models() -> list[ModelOffer]:
    """Offer the dispersion correction."""
    return [
        ModelOffer(
            name="dftd3",
            summary="D3 dispersion of any functional s-dftd3 knows: energy, forces and stress, all analytic",
            target="alchemi_dftd3.model:DFTD3",
            licence="Apache-2.0",
            citations=(D3, S_DFTD3),
            # Of damping parameters only numbers: what a name such as a2 measures depends on the damping.
            units={"cutoffs": "Å"},
            example={"functional": "pbe"},
            exempt=dict.fromkeys(("forces", "stress", "virial"), ENDS),
        )
    ]
