"""The conformance kit of alchemi; not on the toolkit's PME, which has one splitting for all systems of a batch."""

from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named

SALT = [structure_named(name) for name in ("rock-salt", "perovskite")]
SUM = {"cutoff": 10.0, "accuracy": 1e-10}
GROWS = {
    "large": "The toolkit's splitting length, (V²/N)^(1/6)/√(2π), grows with the cell while the cutoff stays: 10 Å are "
    "too short for 256 atoms."
}


@parametrize_conformance(
    "alchemi-nvalchemi",
    *[
        ModelSubject(
            "nvalchemi",
            {"model": "ewald", **SUM, "hybrid_forces": hybrid},
            name=f"nvalchemi-ewald{'-hybrid' if hybrid else ''}",
            structures=SALT,
            accuracy=1e-6,
            exempt=GROWS,
        )
        for hybrid in (False, True)
    ],
)
def test_conformance(check):
    check()
