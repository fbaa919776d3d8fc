"""What the model declares, keeps and saves."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from ase import Atoms
from dftd3.interface import DispersionModel

from alchemi_core import Analytic, Batch, PipelineGroup, PipelineModelWrapper, create_model

BOTH = pytest.mark.parametrize("backend", ["s-dftd3", "warp"])


def alone(model):
    return PipelineModelWrapper(groups=[PipelineGroup([model])])


def test_config():
    config = create_model("dftd3", functional="r2scan", damping="bj").model_config
    assert config.outputs == {"energy", "forces", "stress", "virial"}
    assert set(config.kinds.values()) == {Analytic()}
    assert config.supports_pbc
    assert not config.needs_pbc
    assert config.neighbor_config is None
    assert dict(config.contains) == {"dispersion": "D3(BJ)"}
    assert config.level_of_theory == "R2SCAN"
    assert config.citations == ("10.1063/1.3382344", "10.1002/jcc.21759", "10.21105/joss.07169")


@pytest.mark.parametrize(
    ("requested", "wanted"),
    [({"energy"}, False), ({"forces"}, True), ({"energy", "stress"}, True), ({"virial"}, True)],
)
def test_the_gradient_is_computed_only_when_asked_for(monkeypatch, structures, requested, wanted):
    seen = []
    original = DispersionModel.get_dispersion

    def spy(self, param, grad):
        seen.append(grad)
        return original(self, param, grad)

    monkeypatch.setattr(DispersionModel, "get_dispersion", spy)
    out = alone(create_model("dftd3", functional="pbe"))(Batch.from_ase(structures["rocksalt"]), requested=requested)
    assert set(out) == requested
    assert seen == [wanted]


@BOTH
@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_compute_the_same(structures, backend, again):
    model = create_model("dftd3", functional="pbe", backend=backend)
    batch = Batch.from_ase(structures["rocksalt"])
    energies = [alone(m)(batch, requested={"energy"})["energy"].item() for m in (model, again(model))]
    assert energies[0] == pytest.approx(energies[1], rel=1e-6)
    assert energies[0] < -0.1


def test_threads_share_a_model(structures):
    pipe = alone(create_model("dftd3", functional="pbe"))
    batches = [Batch.from_ase(atoms) for atoms in structures.values()]
    one_by_one = [pipe(batch, requested={"energy", "forces"}) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda batch: pipe(batch, requested={"energy", "forces"}), batches * 5))
    for index, out in enumerate(at_once):
        for name, value in out.items():
            assert torch.equal(value, one_by_one[index % len(batches)][name])


def test_a_failure_leaves_nothing_behind(structures):
    model = create_model("dftd3", functional="pbe")
    good, bad = Batch.from_ase(structures["water"]), Batch.from_ase(Atoms("Ar2", [[0, 0, 0], [0, 0, 0]]))
    before = alone(model)(good)
    with pytest.raises(ValueError, match="one place"):
        alone(model)(bad)
    assert torch.equal(alone(model)(good)["energy"], before["energy"])


@BOTH
def test_the_batch_is_left_as_it_was(structures, slab, backend):
    batch = Batch.from_ase([*structures.values(), slab])
    tensors = {name: batch.get(name) for name in ("positions", "atomic_numbers", "batch_idx", "cell", "pbc")}
    copies = {name: tensor.clone() for name, tensor in tensors.items()}
    alone(create_model("dftd3", functional="pbe", backend=backend))(batch)
    for name, tensor in tensors.items():
        assert torch.equal(tensor, copies[name])


@pytest.mark.parametrize("count", [0, 1])
def test_next_to_nothing(evaluate, count):
    out = evaluate(Atoms(f"Xe{count}" if count else ""), requested=("energy", "forces", "virial"))
    assert out["energy"].tolist() == [[0.0]]
    assert not out["forces"].any()
    assert not out["virial"].any()


def test_hooks_import_nothing_heavy():
    code = (
        "import sys, alchemi_dftd3.hooks as h; h.alchemi_models();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'dftd3')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
