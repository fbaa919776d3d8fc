"""Learned potentials in TorchSim: its own validation of models, of a network with dispersion beside it."""

from __future__ import annotations

import pytest
import torch
from alchemi_torchsim import TorchSimModel
from alchemi_torchsim.engine import ModelInterface
from torch_sim.models.interface import validate_model_outputs  # after the engine, which keeps its warnings to itself


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("network", ["chgnet", "sevennet"])
def test_passes_the_validation_of_torchsim(learned, d3, network, dtype):
    model = TorchSimModel(learned[network] + d3, dtype=dtype)
    assert isinstance(model, ModelInterface)
    validate_model_outputs(model, torch.device("cpu"), dtype)
    assert model.compute_stress
