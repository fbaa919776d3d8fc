"""Forces, stress and virial, which every strategy gives beside its own."""

from __future__ import annotations

from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DERIVATIVES, QUANTITIES, DerivativeOf

FIRST: FrozenMap[str, DerivativeOf] = FrozenMap(
    {name: taken for name in sorted(DERIVATIVES) if (taken := QUANTITIES[name].derivative) is not None}
)
"""How each of them is taken."""
