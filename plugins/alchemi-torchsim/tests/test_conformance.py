"""The conformance kit of alchemi: what is offered, and the other pair potentials under their names."""

from __future__ import annotations

from alchemi_core.testing import ModelSubject, parametrize_conformance

CUT = {
    "continuous-at-cutoff": "TorchSim cuts its potentials off without shifting them",
    "smooth-at-cutoff": "TorchSim cuts its potentials off without shifting them",
}
PAIRS = [
    ModelSubject("torchsim", options, name=f"torchsim-{options['model']}")
    for options in (
        {"model": "lennard-jones", "sigma": 3.4, "epsilon": 0.0104, "cutoff": 9.1},
        {"model": "morse", "sigma": 3.4, "epsilon": 0.0104, "alpha": 1.5, "cutoff": 9.1},
    )
]


@parametrize_conformance("alchemi-torchsim")
def test_conformance(check):
    check()


@parametrize_conformance(*PAIRS, exempt=CUT)
def test_conformance_of_those_that_are_cut_off(check):
    check()
