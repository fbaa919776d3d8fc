"""The conformance kit of alchemi; not on the toolkit's PME, which has one splitting for all systems of a batch."""

from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named

SALT = [structure_named(name) for name in ("rock-salt", "perovskite")]
SUM = {"cutoff": 10.0, "accuracy": 1e-10}


@parametrize_conformance(
    "alchemi-nvalchemi",
    *[
        ModelSubject(
            "nvalchemi",
            {"model": "ewald", **SUM, "hybrid_forces": hybrid},
            name=f"nvalchemi-ewald{'-hybrid' if hybrid else ''}",
            structures=SALT,
            accuracy=1e-6,
        )
        for hybrid in (False, True)
    ],
)
def test_conformance(check):
    check()
