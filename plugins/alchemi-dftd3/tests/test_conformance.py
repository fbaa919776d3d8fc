"""The conformance kit of alchemi: PBE-D3(BJ) as s-dftd3 has it, sums that end smoothly, and the other backend."""

from __future__ import annotations

from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named

# Coordination numbers cannot end smoothly; this range falls between two shells of the structures.
SMOOTH = {"disp2": 15.0, "width2": 5.0, "cn": 6.0}
THREE_BODY = {"disp2": 12.0, "width2": 4.0, "disp3": 8.0, "width3": 3.0, "cn": 6.0}
SOME = [structure_named(name) for name in ("water", "rock-salt", "silicon", "slab", "wire")]
FEW = [structure_named(name) for name in ("ethanol", "rock-salt", "slab")]
COARSE = "energies have single precision, too coarse for differences; test_warp.py compares with s-dftd3"


@parametrize_conformance(
    "alchemi-dftd3",
    ModelSubject("dftd3", {"functional": "pbe", "cutoffs": SMOOTH}, name="dftd3-smooth"),
    ModelSubject(
        "dftd3",
        {"functional": "b3lyp", "damping": "zero", "atm": True, "cutoffs": THREE_BODY},
        name="dftd3-three-body",
        structures=SOME,
    ),
    ModelSubject(
        "dftd3",
        {"functional": "pbe", "backend": "warp", "cutoffs": SMOOTH},
        name="dftd3-warp",
        structures=FEW,
        accuracy=2e-5,
        exempt=dict.fromkeys(("forces", "stress", "virial"), COARSE),
    ),
)
def test_conformance(check):
    check()
