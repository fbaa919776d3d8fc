"""The derivative against central differences of the energy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from alchemi_core import BaseModelMixin, Batch, ModelConfig, NeighborConfig, OnGraph, differentiate, pair_vectors
from alchemi_core.errors import OptionError
from ase import Atoms
from ase.build import bulk

if TYPE_CHECKING:
    from alchemi_core import ModelView
    from torch import Tensor

NAME, OUTPUT = "my-plugin", "my_plugin"
GPA = 160.2176634
"""1 eV/Å³ in GPa."""


class Repulsion(BaseModelMixin):
    """E = ½ Σ exp(−r) (1 − (r/r_c)²)³ in eV, r in Å: a model of these tests, for which none has to be installed."""

    def __init__(self, cutoff: float) -> None:
        self.cutoff = cutoff
        self.model_config = ModelConfig(
            name="repulsion",
            outputs={"energy": OnGraph({"positions", "cell"})},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        system = view.batch_idx[view.neighbors.neighbor_list[:, 0].long()]
        r = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1)
        pairs = 0.5 * torch.exp(-r) * (1.0 - (r / self.cutoff) ** 2) ** 3
        return {"energy": r.new_zeros(view.num_systems).index_add(0, system, pairs).unsqueeze(1)}


MODELS = Repulsion(5.0) + 0.5 * Repulsion(4.0)


def structures(scale: float = 1.0) -> list[Atoms]:
    """Return crystals, all lengths times a factor."""
    shaken = bulk("Cu", "fcc", a=3.6, cubic=True)
    shaken.rattle(0.1, seed=1)
    crystals = [shaken, bulk("Si", "diamond", a=5.4)]
    for atoms in crystals:
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    return crystals


# FILL IN: your derivative by differences of energies or forces
@pytest.mark.parametrize(("unit", "factor"), [("eV/Å³", 1.0), ("GPa", GPA)])
def test_it_is_the_difference_of_energies_over_that_of_volumes(unit: str, factor: float) -> None:
    given = differentiate(MODELS, NAME, unit=unit)(Batch.from_ase(structures()), {OUTPUT})[OUTPUT]
    low, high = structures(1.0 - 1e-4), structures(1.0 + 1e-4)
    energies = [MODELS(Batch.from_ase(side), {"energy"})["energy"].flatten() for side in (low, high)]
    volumes = [torch.tensor([atoms.get_volume() for atoms in side]) for side in (low, high)]
    expected = -factor * (energies[1] - energies[0]) / (volumes[1] - volumes[0])
    assert given.flatten().tolist() == pytest.approx(expected.tolist(), rel=1e-6)


def test_forces_and_stress_come_with_it() -> None:
    batch, names = Batch.from_ase(structures()), {"energy", "forces", "stress", "virial"}
    given = differentiate(MODELS, NAME)(batch, names | {OUTPUT})
    plain = differentiate(MODELS, "autograd")(batch, names)
    for name in names:
        torch.testing.assert_close(given[name], plain[name])


def test_molecules_have_none() -> None:
    molecule = Batch.from_ase(Atoms("Cu2", positions=[(0, 0, 0), (0, 0, 2)]))
    assert math.isnan(differentiate(MODELS, NAME)(molecule, {OUTPUT})[OUTPUT].item())


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(OptionError, match="bar"):
        differentiate(MODELS, NAME, unit="bar")
