"""The model in pipeline files, with each of its options, as made and changed afterwards."""

import copy
import pickle

import pytest
import torch
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline

ARGON = Batch.from_ase(bulk("Ar", "fcc", a=5.3, cubic=True))
CASES = [
    ("lennard-jones", {}),
    ("lennard-jones", {"epsilon": 0.01, "sigma": {"Ar": 3.4, "Kr": 3.6}, "cutoff": 6, "shift": False}),
    ("lennard-jones", {"epsilon": {"Ar": 0.0103}, "switch_on": 5.5, "cutoff": 7.0, "format": "matrix"}),
    ("lennard-jones", {"half_list": True, "derivatives": "analytic", "shift": True}),
]


CHANGES = {
    "as made": lambda model: model,
    "moved": lambda model: model.float(),
    "copied": lambda model: pickle.loads(pickle.dumps(copy.deepcopy(model))),
}


def check_round_trip(model, batch, path):
    """Save and load twice: the same plan, options, declarations, state and numbers."""
    pipe = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])
    expected = pipe(batch)
    for _ in range(2):
        pipe.save(path)
        loaded = load_pipeline(path)
        assert str(loaded.plan) == str(pipe.plan)
        (step,) = loaded.topology.groups[0].steps
        assert step.model.origin == model.origin
        assert step.model.model_config == model.model_config
        found = loaded(batch)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        own, other = step.model.state_dict(), model.state_dict()
        assert own.keys() == other.keys()
        assert all(torch.equal(own[name], other[name]) and own[name].dtype == other[name].dtype for name in own)
        pipe = loaded


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_round_trip(tmp_path, name, options, change):
    check_round_trip(CHANGES[change](create_model(name, **options)), ARGON, tmp_path / "x.alchemi")


def test_trained(tmp_path):
    model = create_model(*CASES[1][:1], **CASES[1][1])
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.03)
    check_round_trip(model, ARGON, tmp_path / "x.alchemi")
