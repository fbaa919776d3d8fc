"""What this package offers."""

from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import DerivativeOffer


@hookimpl
def alchemi_derivatives():
    """Offer a plain function and a strategy with options."""
    return [
        DerivativeOffer(
            name="capped-forces",
            summary="forces of 0.5 eV/Å at most; stress and virial as they are",
            target="alchemi_capped_forces.capped:capped",
        ),
        DerivativeOffer(
            name="curvature",
            summary="second derivative of the energy along the forces",
            target="alchemi_capped_forces.curvature:Curvature",
        ),
    ]
