"""Next to another model, in groups of either kind: sums, and derivatives of the sums."""

import numpy as np
import pytest
import torch
from ase.build import bulk

from alchemi_core import (
    Analytic,
    BaseModelMixin,
    Batch,
    ModelConfig,
    NeighborConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    create_model,
    pair_vectors,
)

ALL = {"energy", "forces", "stress"}
# ends smoothly, and coordination numbers end between two shells, so that central differences meet no jumps
SMOOTH = {"functional": "pbe", "cutoffs": {"disp2": 9.0, "width2": 4.0, "cn": 4.5}}
CUTOFF = 6.0


class Bumps(BaseModelMixin):
    """Half the sum of (1 − r²/c²)³ over all pairs within c, on the graph or with derivatives in closed form."""

    def __init__(self, *, analytic):
        on_graph = {"energy": OnGraph({"positions", "cell"})}
        self.model_config = ModelConfig(
            name="bumps",
            outputs=dict.fromkeys(ALL, Analytic()) if analytic else on_graph,
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF),
        )

    def compute(self, view, requested):
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        rest = 1.0 - (vectors * vectors).sum(dim=1) / CUTOFF**2
        first = view.neighbors.neighbor_list[:, 0]
        energy = 0.5 * (rest**3).sum().reshape(1, 1)
        pulls = -6.0 / CUTOFF**2 * (rest**2)[:, None] * vectors
        forces = torch.zeros_like(view.positions).index_add(0, first, pulls)
        stress = 0.5 * torch.einsum("ea,eb->ab", vectors, pulls) / torch.linalg.det(view.cell[0]).abs()
        return {"energy": energy, "forces": forces.detach(), "stress": stress[None].detach()}


@pytest.fixture(scope="module")
def salt():
    atoms = bulk("NaCl", "rocksalt", a=5.5)
    atoms.rattle(0.05, seed=4)
    return atoms


def models(*, analytic=False):
    return Bumps(analytic=analytic), create_model("dftd3", **SMOOTH)


def direct():
    return PipelineModelWrapper(groups=[PipelineGroup(list(models(analytic=True)))])


def autograd():
    return PipelineModelWrapper(groups=[PipelineGroup(list(models()), use_autograd=True)])


def mixed():
    pairs, dispersion = models()
    return PipelineModelWrapper(groups=[PipelineGroup([pairs], use_autograd=True), PipelineGroup([dispersion])])


def algebra():
    pairs, dispersion = models(analytic=True)
    return pairs + dispersion


COMPOSITIONS = pytest.mark.parametrize("compose", [direct, autograd, mixed, algebra])


@COMPOSITIONS
def test_sums(salt, compose):
    pairs, dispersion = models(analytic=True)
    parts = [
        PipelineModelWrapper(groups=[PipelineGroup([m])])(Batch.from_ase(salt), requested=ALL)
        for m in (pairs, dispersion)
    ]
    out = compose()(Batch.from_ase(salt), requested=ALL)
    for name in ALL:
        torch.testing.assert_close(out[name], parts[0][name] + parts[1][name], rtol=1e-12, atol=1e-13)
        assert parts[1][name].abs().max() > 1e-4


@COMPOSITIONS
def test_a_weight_scales_every_output(salt, compose):
    pairs, dispersion = models(analytic=True)
    whole = compose()(Batch.from_ase(salt), requested=ALL)
    half = PipelineModelWrapper(
        groups=[PipelineGroup([PipelineStep(pairs, weight=0.5), PipelineStep(dispersion, weight=0.5)])]
    )(Batch.from_ase(salt), requested=ALL)
    for name in ALL:
        torch.testing.assert_close(half[name], 0.5 * whole[name], rtol=1e-12, atol=1e-13)


def difference(energy_at, step):
    near, far = ((energy_at(s) - energy_at(-s)) / (2 * s) for s in (step, 2 * step))
    return (4.0 * near - far) / 3.0


@COMPOSITIONS
def test_forces_and_stress_are_those_of_the_summed_energy(salt, compose):
    pipe = compose()
    out = pipe(Batch.from_ase(salt), requested=ALL)

    def energy(positions, cell):
        atoms = salt.copy()
        atoms.set_cell(cell)
        atoms.positions = positions
        return pipe(Batch.from_ase(atoms), requested={"energy"})["energy"].item()

    def along(atom, axis):
        unit = np.zeros((len(salt), 3))
        unit[atom, axis] = 1.0
        return difference(lambda size: energy(salt.positions + size * unit, salt.cell.array), 1e-3)

    def under(a, b):
        unit = np.zeros((3, 3))
        unit[a, b] += 0.5
        unit[b, a] += 0.5
        return difference(
            lambda size: energy(
                salt.positions @ (np.eye(3) + size * unit), salt.cell.array @ (np.eye(3) + size * unit)
            ),
            5e-4,
        )

    forces = -np.array([[along(atom, axis) for axis in range(3)] for atom in range(len(salt))])
    stress = np.array([[under(a, b) for b in range(3)] for a in range(3)]) / salt.get_volume()
    np.testing.assert_allclose(out["forces"], forces, atol=1e-6 * np.abs(forces).max())
    np.testing.assert_allclose(out["stress"][0], stress, atol=1e-6 * np.abs(stress).max())
