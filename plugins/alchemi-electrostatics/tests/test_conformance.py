"""The conformance kit of alchemi: the sums as they are offered, on the graph throughout, and with more digits."""

from __future__ import annotations

from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named

SOME = [structure_named(name) for name in ("water", "rock-salt", "silicon", "slab")]
FEW = [structure_named(name) for name in ("water", "left-handed", "slab")]


def variant(model, name, structures, **options):
    return ModelSubject(model, options, name=f"{model}-{name}", structures=structures)


@parametrize_conformance(
    "alchemi-electrostatics",
    variant("ewald", "on-graph", SOME, hybrid_forces=False),
    variant("ewald", "1e-11", FEW, accuracy=1e-11, cutoff=6.0),
    variant("pme", "1e-9", FEW, accuracy=1e-9),
    variant("pme", "1e-9-on-graph", FEW[1:2], accuracy=1e-9, hybrid_forces=False),
)
def test_conformance(check):
    check()
