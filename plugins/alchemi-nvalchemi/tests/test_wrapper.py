"""Pipelines in nvalchemi-toolkit: its dynamics, its optimizer, its own pipelines."""

import warnings

import numpy as np
import pytest
import torch
from alchemi_nvalchemi import AlchemiPipelineWrapper
from ase import units
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from alchemi_core import create_model
from alchemi_core.errors import AlchemiError, DataError, UnknownOutputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of what its dynamics import
    from nvalchemi.data import AtomicData
    from nvalchemi.data import Batch as BatchThere
    from nvalchemi.dynamics import FIRE, NVE
    from nvalchemi.models import LennardJonesModelWrapper
    from nvalchemi.models.pipeline import PipelineGroup as GroupThere
    from nvalchemi.models.pipeline import PipelineModelWrapper as PipelineThere
    from nvalchemi.neighbors import compute_neighbors

SMOOTH = {"epsilon": 0.0104, "sigma": 3.4, "cutoff": 8.5, "switch_on": 7.0}
SHARP = {"epsilon": 0.0104, "sigma": 3.4, "cutoff": 8.5}


def there(*structures, dtype=torch.float64):
    """Make a batch of the toolkit."""
    data = [AtomicData.from_atoms(atoms, dtype=dtype) for atoms in structures]
    return BatchThere.from_data_list(data)


def with_places(batch):
    """Add the places that its dynamics write results and velocities to."""
    batch["forces"] = torch.zeros_like(batch.positions)
    batch["energy"] = torch.zeros(batch.num_graphs, 1, dtype=batch.positions.dtype)
    if "velocities" not in batch:
        batch["velocities"] = torch.zeros_like(batch.positions)
    return batch


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_single_points(structures, dtype):
    pipe = create_model("lennard-jones", **SMOOTH) + create_model("zbl", outer="covalent")
    wrapper = AlchemiPipelineWrapper(pipe)
    wrapper.set_config("active_outputs", {"energy", "forces", "stress"})
    batch = there(structures["argon"], structures["argon"] * (2, 1, 1), dtype=dtype)
    before = {name: value.clone() for name, value in batch}
    out = wrapper(batch)
    assert sorted(out) == ["energy", "forces", "stress"]
    for number, atoms in enumerate([structures["argon"], structures["argon"] * (2, 1, 1)]):
        atoms.calc = pipe.as_ase(dtype=dtype)
        assert out["energy"][number].item() == pytest.approx(atoms.get_potential_energy(), rel=1e-12)
        np.testing.assert_allclose(out["stress"][number], atoms.get_stress(voigt=False), atol=1e-9)
    assert all(torch.equal(value, before[name]) for name, value in batch)
    assert not batch.positions.requires_grad


def test_dynamics_like_ase(structures):
    """Twenty steps of velocity Verlet, here and there."""
    pipe, atoms = create_model("lennard-jones", **SMOOTH) + create_model("zbl", outer="covalent"), structures["argon"]
    thermalize_momenta(atoms, temperature_K=60.0, rng=np.random.default_rng(1))
    batch = there(atoms)
    batch["velocities"] = torch.as_tensor(atoms.get_velocities())
    batch["atomic_masses"] = torch.as_tensor(atoms.get_masses())
    atoms.calc = pipe.as_ase()
    before = atoms.get_potential_energy()
    wrapper = AlchemiPipelineWrapper(pipe)
    dynamics = NVE(wrapper, dt=2.0, n_steps=20)
    dynamics.compute(with_places(batch))
    batch = dynamics.run(batch) or batch
    VelocityVerlet(atoms, timestep=2.0 * units.fs).run(20)
    np.testing.assert_allclose(batch.positions, atoms.positions, atol=1e-5)
    assert batch.energy.item() == pytest.approx(atoms.get_potential_energy(), abs=1e-7)
    assert abs(batch.energy.item() - before) > 1e-3, "it moved"


def test_optimizer_finds_the_same_minimum(structures):
    pipe, atoms = create_model("lennard-jones", **SMOOTH), structures["cluster"]
    batch = with_places(there(atoms))
    optimizer = FIRE(AlchemiPipelineWrapper(pipe), dt=2.0, n_steps=600)
    optimizer.compute(batch)
    batch = optimizer.run(batch) or batch
    atoms.calc = AlchemiPipelineWrapper(pipe).pipe.as_ase()
    BFGS(atoms, logfile=None).run(fmax=1e-5, steps=500)
    assert batch.forces.abs().max() < 1e-3
    assert batch.energy.item() == pytest.approx(atoms.get_potential_energy(), abs=1e-6)


@pytest.mark.parametrize("use_autograd", [False, True])
def test_a_step_of_its_pipelines(structures, use_autograd):
    """With its own Lennard-Jones beside ours: twice the energy, forces and stress of one."""
    ours = AlchemiPipelineWrapper(create_model("lennard-jones", **SHARP, shift=False))
    theirs = LennardJonesModelWrapper(**SHARP)
    pipe = PipelineThere(groups=[GroupThere(steps=[ours], use_autograd=use_autograd), GroupThere(steps=[theirs])])
    names = {"energy", "forces", "stress"}
    pipe.set_config("active_outputs", names)
    for model in (ours, theirs):
        model.set_config("active_outputs", names)
    batch = there(structures["argon"])
    compute_neighbors(batch, config=theirs.model_config.neighbor_config)
    expected = theirs(batch)
    found = pipe.eval()(batch)
    for name in names:
        torch.testing.assert_close(found[name], 2.0 * expected[name], rtol=1e-10, atol=1e-12)


def test_detached_parts_are_refused_in_autograd_groups(structures):
    ours = AlchemiPipelineWrapper(create_model("lennard-jones", **SHARP, derivatives="analytic"))
    assert not ours.model_config.autograd_outputs
    batch = there(structures["argon"])
    batch["positions"] = batch.positions.requires_grad_()
    with pytest.raises(AlchemiError):
        ours(batch)


def test_charges_come_with_the_batch(structures):
    atoms = structures["salt"]
    ours = AlchemiPipelineWrapper(create_model("ewald", cutoff=9.0))
    assert ours.model_config.required_inputs == {"charges"}
    with pytest.raises(DataError, match="charges"):
        ours(there(atoms))
    atoms.set_array("charges", atoms.get_initial_charges())
    found = ours(there(atoms))["energy"].item()
    atoms.calc = ours.pipe.as_ase()
    assert found == pytest.approx(atoms.get_potential_energy(), rel=1e-12)


def test_unknown_outputs(structures):
    ours = AlchemiPipelineWrapper(create_model("lennard-jones", **SHARP))
    ours.set_config("active_outputs", {"energy", "force"})
    with pytest.raises(UnknownOutputError, match="'forces'"):
        ours(there(structures["argon"]))


def test_molecules_have_no_stress(structures):
    ours = AlchemiPipelineWrapper(create_model("lennard-jones", **SHARP))
    ours.set_config("active_outputs", {"energy", "stress"})
    data = there(structures["cluster"])
    for name in ("cell", "pbc"):
        if name in data:
            del data[name]
    with pytest.raises(DataError, match="without a cell"):
        ours(data)
