"""Forces, stress and virial, which every strategy gives beside its own."""

from __future__ import annotations

from alchemi_core.frozenmap import FrozenMap
from alchemi_core.planning.service import derivative_of
from alchemi_core.quantities import DERIVATIVES, DerivativeOf

FIRST: FrozenMap[str, DerivativeOf] = FrozenMap({name: derivative_of(name) for name in sorted(DERIVATIVES)})
"""How each of them is taken."""
