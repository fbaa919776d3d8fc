"""What the distribution offers, how it is declared, and copies of the model."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from ase.build import molecule

from alchemi_core import Batch, OnGraph, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline


def charges(model):
    return PipelineModelWrapper(groups=[PipelineGroup([model])])(Batch.from_ase(molecule("CH3OH")))["charges"]


def test_offer_makes_the_model():
    model = create_model("eeq")
    config = model.model_config
    assert (config.name, model.origin.offer) == ("eeq", "eeq")
    assert dict(config.kinds) == {"charges": OnGraph({"positions", "cell"})}
    assert config.elements == frozenset(range(1, 104))
    assert (config.supports_pbc, config.needs_pbc, config.contains, config.correction) == (True, False, {}, False)
    assert "10.1063/1.5090222" in config.citations


def test_its_own_energy_is_declared():
    config = create_model("eeq", energy=True).model_config
    assert (set(config.contains), config.correction) == ({"coulomb"}, True)
    assert config.outputs == {"charges", "energy"}
    assert config.autograd_outputs == {"forces", "stress", "virial"}


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), lambda m: m.to("cpu").eval().float()]
)
def test_copies_compute_the_same(again):
    model = create_model("eeq")
    assert torch.equal(charges(again(model)), charges(model))


def test_saved_and_loaded(tmp_path):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("eeq", energy=True)], use_autograd=True)])
    pipe.save(tmp_path / "eeq.alchemi")
    batch = Batch.from_ase(molecule("CH3OH"))
    before, after = (p(batch, requested={"charges", "forces"}) for p in (pipe, load_pipeline(tmp_path / "eeq.alchemi")))
    assert torch.equal(before["charges"], after["charges"])
    assert torch.equal(before["forces"], after["forces"])


def test_without_grad():
    model = create_model("eeq")
    expected = charges(model)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            assert torch.equal(charges(model), expected)


def test_hooks_import_nothing_heavy():
    code = "import sys, alchemi_eeq.hooks as h; h.alchemi_models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
