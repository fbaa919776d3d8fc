"""The model in pipeline files, with each of its options, as made and changed afterwards."""

import copy
import pickle

import pytest
import torch
from ase.build import molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline
from alchemi_core.errors import OptionError

ETHANOL = Batch.from_ase(molecule("CH3CH2OH"))
PARAMETERS = {"s8": 0.7875, "a1": 0.4289, "a2": 4.4407}
CASES = [
    ("dftd3", {"functional": "PBE"}),
    ("dftd3", {"functional": "b3-lyp", "damping": "D3zero", "atm": True, "backend": "s-dftd3"}),
    ("dftd3", {"parameters": {**PARAMETERS, "s9": 1}, "cutoffs": {"disp2": 20, "width2": 1.5}}),
    ("dftd3", {"parameters": PARAMETERS, "backend": "warp", "cutoffs": {"cn": 15.0}}),
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
        pipe = loaded


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_round_trip(tmp_path, name, options, change):
    check_round_trip(CHANGES[change](create_model(name, **options)), ETHANOL, tmp_path / "x.alchemi")


@pytest.mark.parametrize("letters", [65, 1000, 100_000])
def test_names_of_functionals_are_short(letters):
    with pytest.raises(OptionError, match="letters long"):
        create_model("dftd3", functional="a" * letters)
