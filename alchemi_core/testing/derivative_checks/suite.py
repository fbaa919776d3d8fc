"""The conformance suite of derivative strategies: every check by name, in the order in which reports show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.testing.derivative_checks import answers, batches, habits, lives, values

if TYPE_CHECKING:
    from alchemi_core.testing.derivative_checks.trials import DerivativeSpecimen
    from alchemi_core.testing.promises import Promise


def promises_of(specimen: DerivativeSpecimen) -> list[Promise[DerivativeSpecimen]]:
    """Return every check, those of single derivatives by their names."""
    return [
        *answers.PROMISES,
        *values.values_of(specimen),
        *values.PROMISES,
        *batches.PROMISES,
        *habits.PROMISES,
        *lives.PROMISES,
    ]
