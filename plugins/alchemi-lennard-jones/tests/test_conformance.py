"""The conformance kit of alchemi: argon as it is offered, and a switched mixture read from lists of every kind."""

from __future__ import annotations

from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named

MIXTURE = {"epsilon": {"Ar": 0.0104, "Kr": 0.0140}, "sigma": {"Ar": 3.40, "Kr": 3.65}, "cutoff": 7.9, "switch_on": 5.0}
SOME = [structure_named(name) for name in ("water", "rock-salt", "slab", "wire")]
VARIANTS = {
    "analytic": {"derivatives": "analytic"},
    "matrix": {"format": "matrix"},
    "half": {"half_list": True},
    "half-matrix-analytic": {"format": "matrix", "half_list": True, "derivatives": "analytic"},
}


@parametrize_conformance(
    "alchemi-lennard-jones",
    ModelSubject("lennard-jones", MIXTURE, name="lennard-jones-switched"),
    *(
        ModelSubject("lennard-jones", MIXTURE | more, name=f"lennard-jones-{name}", structures=SOME)
        for name, more in VARIANTS.items()
    ),
)
def test_conformance(check):
    check()
