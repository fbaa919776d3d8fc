"""Derivatives of the charges, and the chain rule through a pipeline, against central differences."""

import numpy as np
import pytest
import torch
from alchemi_eeq.model import EEQ
from ase import Atoms

from alchemi_core import (
    BaseModelMixin,
    Batch,
    ModelConfig,
    ModelView,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
)
from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.halves import to_half

STEP = 2e-4


class Wells(BaseModelMixin):
    """E = Σ_i (½ k_i q_i² + l_i q_i): an energy that knows positions by nothing but charges."""

    def __init__(self):
        self.model_config = ModelConfig(
            name="wells",
            outputs={"energy": OnGraph({"positions", "cell", "charges"})},
            required_inputs={"charges"},
            supports_pbc=True,
        )

    def compute(self, view, requested):
        strength = 1.0 + (view.atomic_numbers % 5).to(view.charges)
        tilt = torch.cos(torch.arange(view.num_atoms)).to(view.charges)
        atoms = 0.5 * strength * view.charges**2 + tilt * view.charges
        atoms = atoms + 0.0 * view.positions.sum(1)
        return {"energy": atoms.new_zeros(view.num_systems, 1).index_add(0, view.batch_idx, atoms[:, None])}


def wells(**settings):
    steps = [PipelineStep(EEQ(), **settings), Wells()]
    return PipelineModelWrapper(groups=[PipelineGroup(steps, use_autograd=True)])


def energies_of(pipe):
    def energy_of(atoms):
        return pipe(Batch.from_ase(atoms), requested={"energy"})["energy"].item()

    return energy_of


def central_forces(energy_of, atoms):
    expected = np.zeros((len(atoms), 3))
    for place in np.ndindex(expected.shape):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[place] += sign * STEP
            ends.append(energy_of(moved))
        expected[place] = -(ends[0] - ends[1]) / (2 * STEP)
    return expected


def central_strain(energy_of, atoms):
    expected = np.zeros((3, 3))
    for a, b in np.ndindex(3, 3):
        ends = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * STEP / 2
            strain[b, a] += sign * STEP / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain, scale_atoms=False)
            strained.positions = atoms.positions @ strain
            ends.append(energy_of(strained))
        expected[a, b] = (ends[0] - ends[1]) / (2 * STEP)
    return expected


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_chain_rule(some_system):
    pipe = wells()
    out = pipe(Batch.from_ase(some_system), requested={"forces", "virial"})
    close(out["forces"], central_forces(energies_of(pipe), some_system))
    close(-out["virial"][0], central_strain(energies_of(pipe), some_system))


def test_without_the_chain_rule_there_is_no_force(systems):
    atoms = systems["water"]
    assert wells()(Batch.from_ase(atoms), requested={"forces"})["forces"].abs().max() > 0.1
    assert not wells(detach=True)(Batch.from_ase(atoms), requested={"forces"})["forces"].any()


def test_own_energy(some_system):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([EEQ(energy=True)], use_autograd=True)])
    out = pipe(Batch.from_ase(some_system), requested={"forces", "virial"})
    close(out["forces"], central_forces(energies_of(pipe), some_system))
    close(-out["virial"][0], central_strain(energies_of(pipe), some_system))


def charges_of(batch):
    """Charges as a function of positions and cell for one list of neighbors."""
    model = EEQ()
    need = model.model_config.neighbor_config
    pairs = to_half(brute_force.build(batch, need.cutoff, 0.0))

    def charges(positions, cell=None):
        values = {name: batch.get(name) for name in ("atomic_numbers", "batch_idx", "pbc", "total_charge")}
        values |= {"positions": positions, "cell": cell}
        return model.compute(ModelView(values, batch, pairs, "test"), frozenset({"charges"}))["charges"]

    return charges


@pytest.mark.parametrize("name", ["methoxide", "salt", "sheet", "chain"])
def test_first_and_second_derivatives(systems, name):
    atoms = systems[name]
    batch = Batch.from_ase(atoms)
    leaves = [batch.positions.clone().requires_grad_()]
    if atoms.pbc.any():
        leaves.append(batch.cell.clone().requires_grad_())
    assert torch.autograd.gradcheck(charges_of(batch), leaves, eps=1e-5, atol=1e-7, rtol=1e-6)
    assert torch.autograd.gradgradcheck(charges_of(batch), leaves, eps=1e-5, atol=1e-5, fast_mode=True)


def test_third_derivatives_of_a_dimer():
    """Along the axis of a dimer, each derivative against differences of the one before."""
    charges = charges_of(Batch.from_ase(Atoms("LiF", [[0, 0, 0], [0, 0, 1.6]])))

    def derivatives(distance):
        z = torch.tensor(distance, dtype=torch.float64, requires_grad=True)
        value, out = charges(torch.stack([z.new_zeros(3), torch.stack([z * 0, z * 0, z])]))[0], []
        for _ in range(3):
            (value,) = torch.autograd.grad(value, z, create_graph=True)
            out.append(value.item())
        return np.array(out)

    step = 1e-4
    sampled = (derivatives(1.6 + step) - derivatives(1.6 - step)) / (2 * step)
    np.testing.assert_allclose(derivatives(1.6)[1:], sampled[:2], rtol=1e-6)
