"""The conformance kit of alchemi: every model with the example of its offer, and variants of them."""

from __future__ import annotations

import torch
from alchemi_classical.hooks import BY_NUMBER, COPPER, NUMBERED, ONCE, PLACED
from ase.build import bulk

from alchemi_core.testing import ModelSubject, Structure, parametrize_conformance, structure_named

SOME = [structure_named(name) for name in ("ethanol", "rock-salt", "slab")]
MANY_ATOMS = [structure_named(name) for name in ("water", "silicon", "wire")]
PLACES = dict.fromkeys(("translation", "rotation", "reflection", "one-atom"), PLACED)
WALLS = (
    {"atoms": (0, 1), "r0": 3.0, "k": 4.0, "flat": 0.2, "side": "above"},
    {"atoms": (0, 1), "r0": 1.2, "k": 4.0, "side": "below"},
    {"atoms": (1, 0), "r0": 0.0, "k": 0.1},
)
CORNERS = (
    {"atoms": (0, 1, 2), "theta0": 60.0, "k": 3.0, "flat": 5.0},
    {"atoms": (1, 0, 2), "theta0": 120.0, "k": 2.0, "side": "below"},
)


def squeezed():
    """Silicon with 1.8 Å between neighbors."""
    atoms = bulk("Si", "diamond", a=4.2, cubic=True)
    atoms.rattle(0.1, seed=4)
    return atoms


def near(batch):
    """Return a point near each atom, the same for the same atoms."""
    starts = torch.tensor(batch.ptr[:-1])[batch.batch_idx]
    place = (torch.arange(batch.num_atoms) - starts).to(batch.dtype)
    return batch.positions + 0.3 * torch.sin(place[:, None] + torch.arange(3, dtype=batch.dtype))


@parametrize_conformance(
    "alchemi-classical",
    ModelSubject(
        "morse",
        {"pairs": COPPER, "cutoff": 9.0},
        name="morse-shifted",
        structures=SOME,
        exempt={"smooth-at-cutoff": "shifted, not switched: forces jump where a pair leaves the cutoff"},
    ),
    ModelSubject(
        "zbl",
        {"outer": "covalent"},
        name="zbl-covalent",
        structures=[structure_named("ethanol"), Structure("squeezed", "atoms pressed into each other", squeezed)],
    ),
    ModelSubject(
        "restrain-positions",
        {"k": 5.0, "flat": 0.1},
        name="restrain-positions-of-the-batch",
        structures=SOME,
        inputs={"reference_positions": near},
        exempt=PLACES | {"permutation": NUMBERED, "supercell": ONCE, "large": ONCE},
    ),
    ModelSubject(
        "restrain-distances",
        {"restraints": WALLS},
        name="restrain-distances-walls",
        structures=SOME,
        exempt=BY_NUMBER | {"one-atom": "there is one atom"},
    ),
    ModelSubject(
        "restrain-angles",
        {"restraints": CORNERS},
        name="restrain-angles-corners",
        structures=MANY_ATOMS,
        exempt=BY_NUMBER | {"one-atom": "there is one atom"},
    ),
)
def test_conformance(check):
    check()
