"""What the model is besides its numbers: quiet, without state, copied, saved, shared by threads."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from ase import Atoms

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline

SCRIPT = """
import io
import torch
from ase.build import bulk
from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
for name in ("0.3.0", "0.2.0", "r2scan"):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("chgnet", checkpoint=name)], use_autograd=True)])
    pipe(Batch.from_ase(bulk("Ar")), requested={"energy", "forces", "stress", "magmoms"})
"""


def pipeline(model):
    return PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)])


def forces(model, atoms):
    return pipeline(model)(Batch.from_ase(atoms), requested={"forces"})["forces"]


def test_nothing_is_printed_and_nothing_warned():
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hooks_import_nothing_heavy():
    code = (
        "import sys, alchemi_chgnet.hooks as hooks; hooks.alchemi_models(); "
        "sys.exit(bool({'torch', 'chgnet', 'pymatgen'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_config():
    config = create_model("chgnet").model_config
    assert config.neighbor_config.cutoff == 6.0
    assert config.level_of_theory == "PBE / PBE+U"
    assert config.citations == ("10.1038/s42256-023-00716-3",)
    assert config.elements == frozenset(range(1, 95)) - {84, 85, 86, 87, 88}
    assert config.supports_pbc
    assert not config.needs_pbc


def test_configs_of_other_weights():
    old, r2scan = (create_model("chgnet", checkpoint=name).model_config for name in ("0.2.0", "R2SCAN"))
    assert old.neighbor_config.cutoff == 5.0
    assert r2scan.level_of_theory == "r2SCAN"
    assert len(r2scan.elements) == 88
    assert 70 not in r2scan.elements


def test_moments_are_computed_when_asked_for(structures):
    model = create_model("chgnet")
    pipe, batch = pipeline(model), Batch.from_ase(structures["magnetic oxide"])
    assert "magmoms" not in pipe(batch)
    assert "magmoms" in pipe(batch, requested={"magmoms"})


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_compute_the_same(structures, again):
    model = create_model("chgnet")
    atoms = structures["skewed diamond"]
    assert torch.equal(forces(model, atoms), forces(again(model), atoms))


def test_weights_move_by_state_dict(structures):
    trained, fresh = create_model("chgnet"), create_model("chgnet")
    atoms = structures["skewed diamond"]
    with torch.no_grad():
        trained.network.bond_embedding.weight *= 1.01
    assert not torch.equal(forces(trained, atoms), forces(fresh, atoms))
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(forces(trained, atoms), forces(fresh, atoms))


def test_a_pipeline_file_keeps_the_weights(structures, tmp_path):
    model = create_model("chgnet", checkpoint="r2scan")
    with torch.no_grad():
        model.network.bond_embedding.weight *= 1.01
    pipe, batch = pipeline(model), Batch.from_ase(structures["perovskite"])
    pipe.save(tmp_path / "chgnet.alchemi")
    again = load_pipeline(tmp_path / "chgnet.alchemi")
    assert torch.equal(again(batch)["forces"], pipe(batch)["forces"])


def test_threads_share_a_pipeline(structures):
    pipe = pipeline(create_model("chgnet"))
    batches = [Batch.from_ase(structures[name]) for name in ("perovskite", "slab", "chain", "dense")] * 2
    expected = [pipe(batch)["forces"] for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda batch: pipe(batch)["forces"], batches))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_inputs_and_weights_are_left_as_they_are(structures):
    model = create_model("chgnet")
    batch = Batch.from_ase(structures["magnetic oxide"])
    before = copy.deepcopy((batch.positions, batch.cell, batch.atomic_numbers, model.state_dict()))
    pipeline(model)(batch, requested={"energy", "forces", "stress", "magmoms"})
    after = (batch.positions, batch.cell, batch.atomic_numbers)
    assert all(torch.equal(one, other) for one, other in zip(before[:3], after, strict=True))
    assert all(torch.equal(tensor, before[3][name]) for name, tensor in model.state_dict().items())
    assert all(one.grad is None for one in model.parameters())


def test_the_ase_calculator(calculate, structures):
    atoms = structures["rock salt"]
    expected = calculate(atoms)["energy"]
    atoms.calc = pipeline(create_model("chgnet")).as_ase()
    assert atoms.get_potential_energy() == pytest.approx(float(expected), rel=1e-6)
    assert isinstance(atoms, Atoms)
