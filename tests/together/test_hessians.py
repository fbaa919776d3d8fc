"""Second derivatives of compositions: through charges passed between models, of learned models, of black boxes."""

import copy

import numpy as np
import pytest
import torch
from alchemi_aimnet2.testing import save_random_checkpoint
from alchemi_derivatives.hessian import blocks
from alchemi_derivatives.hessian_product import hessian_product
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, PipelineStep, create_model, differentiate
from alchemi_core.errors import LostTermError

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

STENCIL = ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0))


def by_forces(model, batch, step=1e-3):
    """−dF/dr [3n, 3n] of one system by central differences of fourth order, coordinate by coordinate."""
    pipe = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])
    rows = []
    for k in range(3 * batch.num_atoms):
        row = torch.zeros_like(batch.positions)
        for count, factor in STENCIL:
            positions = batch.positions.clone()
            positions.view(-1)[k] += count * step
            row -= factor * pipe(batch.with_fields(positions=positions), requested={"forces"})["forces"]
        rows.append(row.flatten() / (12.0 * step))
    return torch.stack(rows)


def hessian_of(model, batch, **options):
    return differentiate(model, "hessian", **options)(batch, requested={"hessian"})["hessian"]


def assert_symmetric_and_at_rest_as_a_whole(matrix, symmetric, net):
    assert (matrix - matrix.T).abs().max() < symmetric
    assert matrix.view(len(matrix), -1, 3).sum(1).abs().max() < net


def water_box():
    atoms = molecule("H2O")
    atoms.rotate(50, (1, 2, 3))
    atoms.set_cell(np.array([[5.0, 0.5, 0.0], [0.0, 5.2, -0.7], [0.3, 0.0, 4.9]]))
    atoms.pbc = True
    atoms.rattle(0.03, seed=4)
    return atoms


def salt():
    atoms = bulk("NaCl", "rocksalt", a=5.6)
    atoms.rattle(0.1, seed=2)
    return atoms


@pytest.fixture(scope="module")
def charge_models(tmp_path_factory):
    checkpoint = save_random_checkpoint(tmp_path_factory.mktemp("checkpoints") / "small.pt", seed=3)
    aimnet2 = create_model("aimnet2", checkpoint=str(checkpoint), coulomb=False, dispersion=False, dtype="float64")
    return {"eeq": create_model("eeq"), "aimnet2": aimnet2}


def chain(charges, *, detach=False):
    summed = create_model("ewald", hybrid_forces=False, accuracy=1e-9)
    return PipelineModelWrapper([PipelineGroup([PipelineStep(charges, detach=detach), summed], use_autograd=True)])


@pytest.mark.parametrize("name", ["eeq", "aimnet2"])
def test_through_charges(charge_models, name):
    """d²E/dr², ∂²E/∂r∂q dq/dr, dq/dr ∂²E/∂q² dq/dr and ∂E/∂q d²q/dr²: all of it, in every system of a batch."""
    pipe = chain(charge_models[name])
    systems = [water_box(), salt()] if name == "eeq" else [water_box()]
    batch = Batch.from_ase(systems)
    for atoms, found in zip(systems, blocks(hessian_of(pipe, batch), batch), strict=True):
        expected = by_forces(pipe, Batch.from_ase(atoms))
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
        assert_symmetric_and_at_rest_as_a_whole(found, 1e-11, 1e-8)
        assert expected.abs().max() > 1e-3


def test_fixed_charges_are_another_hessian(charge_models):
    """What would be missed if second derivatives did not go through the charges."""
    batch = Batch.from_ase(water_box())
    whole, fixed = (hessian_of(chain(charge_models["eeq"], detach=detach), batch) for detach in (False, True))
    assert (whole - fixed).abs().max() > 0.05 * whole.abs().max()
    held = hessian_of(chain(charge_models["eeq"], detach=True), batch, method="differences", step=1e-3, chunk=1)
    torch.testing.assert_close(held, fixed, rtol=0.0, atol=1e-4)


def test_forces_at_fixed_charges_are_refused_on_the_graph(charge_models):
    """Ewald's own forces are not on the graph; differences take them with the rest."""
    hybrid = PipelineModelWrapper([PipelineGroup([charge_models["eeq"], create_model("ewald")], use_autograd=True)])
    with pytest.raises(LostTermError, match="ewald"):
        differentiate(hybrid, "hessian").plan_for({"hessian"})
    charged = torch.tensor([[1.0], [0.0], [-1.0]], dtype=torch.float64)
    batch = Batch.from_ase([water_box()] * 3).with_fields(total_charge=charged)
    found = hessian_of(hybrid, batch, method="differences", step=1e-3)
    expected = hessian_of(chain(charge_models["eeq"]), batch)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-3)
    assert (expected[1:] - expected[:1]).abs().amax(dim=(1, 2)).min() > 0.1


def test_products_without_the_matrix(charge_models):
    pipe, batch = chain(charge_models["eeq"]), Batch.from_ase([salt(), water_box()])
    vectors = torch.randn(3, batch.num_atoms, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = hessian_product(pipe, batch, vectors)
    start = 0
    for matrix in blocks(hessian_of(pipe, batch), batch):
        own = slice(start, start + len(matrix) // 3)
        expected = (vectors[:, own].flatten(1) @ matrix).view(3, -1, 3)
        torch.testing.assert_close(found[:, own], expected, rtol=0.0, atol=1e-10)
        start = own.stop


@pytest.fixture(scope="module")
def sevennet(learned):
    return copy.deepcopy(learned["sevennet"]).double()


@pytest.mark.parametrize("make", [salt, lambda: molecule("H2O")], ids=["salt", "water"])
def test_sevennet(sevennet, make):
    batch = Batch.from_ase(make())
    found = hessian_of(sevennet, batch)[0]
    # A step so short that no pair passes the cutoff, where third derivatives jump.
    expected = by_forces(sevennet, batch, step=3e-4)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
    assert_symmetric_and_at_rest_as_a_whole(found, 1e-12, 1e-12)
    one_by_one = hessian_of(sevennet, batch, chunk=1)[0]
    torch.testing.assert_close(found, one_by_one, rtol=0.0, atol=1e-12)


def test_sevennet_as_it_is(learned, sevennet):
    """Weights in single precision, by either way."""
    batch = Batch.from_ase(salt())
    expected = hessian_of(sevennet, batch)
    torch.testing.assert_close(hessian_of(learned["sevennet"], batch), expected, rtol=1e-3, atol=1e-3)
    found = hessian_of(learned["sevennet"], batch, method="differences")
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def argon():
    return create_model("lennard-jones", epsilon=0.0104, sigma=3.4, cutoff=9.0)


@pytest.mark.parametrize("make", [lambda: bulk("Ar", cubic=True, a=5.3), lambda: Atoms("Ar2", [(0, 0, 0), (3, 2, 1)])])
def test_dispersion_as_another_program_has_it(smooth_d3, make):
    """Graph and black box in one sum, which is the sum of what each has."""
    atoms = make()
    atoms.rattle(0.05, seed=3)
    batch = Batch.from_ase(atoms)
    found = hessian_of(argon() + smooth_d3, batch, method="differences", step=1e-3)[0]
    expected = hessian_of(argon(), batch)[0] + by_forces(smooth_d3, batch)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=3e-6)
    alone = hessian_of(smooth_d3, batch, method="differences", step=1e-3)[0]
    torch.testing.assert_close(alone, by_forces(smooth_d3, batch), rtol=0.0, atol=3e-6)
    assert alone.abs().max() > 1e-3


def test_dispersion_is_refused_on_the_graph(smooth_d3):
    with pytest.raises(LostTermError, match="dftd3"):
        differentiate(argon() + smooth_d3, "hessian").plan_for({"hessian"})


@pytest.fixture(scope="module")
def forces_of(charge_models):
    """Energy and forces of eeq and ewald in training mode, as functions of the positions and the total charge."""
    pipe, batch = chain(charge_models["eeq"]).train(), Batch.from_ase(water_box())

    def call(name, positions, total_charge):
        moved = batch.with_fields(positions=positions, total_charge=total_charge)
        return pipe(moved, requested={name})[name]

    start = batch.positions.clone().requires_grad_(), torch.zeros(1, 1, dtype=torch.float64).requires_grad_()
    return call, start


def test_training_on_energies_and_forces(forces_of):
    """`create_graph` through the composite: a loss on forces has the right gradient, by inputs of either model."""
    call, start = forces_of
    assert torch.autograd.gradcheck(lambda *x: call("energy", *x), start, eps=1e-4, atol=1e-5, rtol=1e-5)
    assert torch.autograd.gradcheck(lambda *x: call("forces", *x), start, eps=1e-4, atol=1e-5, rtol=1e-4)


def test_training_once_more_differentiated(forces_of):
    """Gradients of a loss that differentiates them again, as one on a Hessian does."""
    call, start = forces_of
    assert torch.autograd.gradgradcheck(lambda *x: call("energy", *x), start, eps=1e-4, atol=1e-5, rtol=1e-4)
    one = torch.autograd.gradgradcheck(lambda *x: call("forces", *x)[:1, 0], start, eps=1e-4, atol=1e-4, rtol=1e-3)
    assert one
