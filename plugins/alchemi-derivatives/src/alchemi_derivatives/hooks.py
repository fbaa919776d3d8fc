"""What this distribution offers."""

from __future__ import annotations

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import DerivativeOffer

STEP = {"step": "Å"}
"""Unit of the step of differences, where it is a displacement and nothing else."""


@hookimpl
def alchemi_derivatives() -> list[DerivativeOffer]:
    """Offer the strategies."""
    return [
        _offer(
            "hessian", "second derivatives by positions, by vector products or differences", "hessian:Hessian", STEP
        ),
        _offer(
            "hessian-product",
            "Hessian times vectors, without the matrix",
            "hessian_product:HessianProduct",
            STEP,
            {"answers": "the vectors are a field of the batch, `directions`, which no structure brings by itself"},
        ),
        _offer(
            "force-constants",
            "those of a supercell, by displacements of forces",
            "force_constants:ForceConstants",
            {"supercell": "Å", "displacement": "Å", "tolerance": "Å"},
        ),
        _offer("elastic", "elastic constants, ions clamped and relaxed", "elastic:Elastic"),
        _offer("dipole", "dipole moment of charges", "dipole:Dipole"),
        _offer("born-charges", "derivatives of the dipole by positions", "born_charges:BornCharges"),
        _offer("polarizability", "second derivatives by a uniform electric field", "polarizability:Polarizability"),
        _offer("dE-dlambda", "derivatives by a coupling parameter", "coupling:CouplingDerivative"),
        _offer("atomic-virials", "virial by atom, for heat fluxes", "atomic_virials:AtomicVirials", {"reach": "Å"}),
    ]


def _offer(
    name: str,
    summary: str,
    target: str,
    units: dict[str, str] | None = None,
    exempt: dict[str, str] | None = None,
) -> DerivativeOffer:
    return DerivativeOffer(
        name=name,
        summary=summary,
        target=f"alchemi_derivatives.{target}",
        units=units or {},
        exempt=exempt or {},
    )
