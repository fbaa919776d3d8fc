"""What inputs are called on either side. Units are the same: Å, eV, e; stress is tensile positive in both."""

from __future__ import annotations

from alchemi_core.frozenmap import FrozenMap

THERE: FrozenMap[str, str] = FrozenMap({"charges": "charges", "total_charge": "charge", "multiplicity": "spin"})
"""Fields of nvalchemi-toolkit's batches by the names of inputs here."""

HERE: FrozenMap[str, str] = FrozenMap({there: here for here, there in THERE.items()})
"""Inputs here by the names of its fields."""

OUTPUTS = ("energy", "forces", "stress", "charges", "dipole")
"""Outputs that have one name, shape and sign on both sides."""
