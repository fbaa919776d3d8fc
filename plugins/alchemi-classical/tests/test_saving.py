"""Potentials and restraints in pipeline files, with each of their options, as made and changed afterwards."""

import copy
import pickle

import pytest
import torch
from ase import Atoms

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline

SALT = Atoms("MgOMgO", [[0, 0, 0], [2.1, 0, 0.1], [0.1, 2.1, 2.1], [2.2, 2.2, 0]], cell=[6.0, 6.5, 7.0], pbc=True)
POINTS = torch.tensor(SALT.positions) + 0.3
BATCH = Batch.from_ase(SALT).with_fields(reference_positions=POINTS)
MORSE = {"D": 0.5, "a": 1.3, "r0": 2.1}
WALL = {"A": 1200, "rho": 0.31}
REST = {"non_interacting": "rest", "collapse": "allow"}
CASES = [
    ("morse", {"pairs": {"Mg-O": MORSE, "O-O": MORSE, "Mg-Mg": MORSE}, "cutoff": 5, "shift": False}),
    ("morse", {"pairs": {"Mg-O": {**MORSE, "cutoff": 4.0, "switch_on": 3.0}}, "non_interacting": ("O-O", "Mg-Mg")}),
    ("buckingham", {"pairs": {"O-Mg": {**WALL, "C": 3.0}}, "cutoff": 5.0, "switch_on": 4.0, "non_interacting": "rest"}),
    ("buckingham", {"pairs": {"O-O": WALL}, "cutoff": 5.0, "non_interacting": ["Mg-O", "Mg-Mg"], "collapse": "allow"}),
    (
        "born-mayer",
        {"pairs": {"O-Mg": {**WALL, "sigma": 0.1, "C": 3, "D": -1.5}}, **REST, "cutoff": 5, "shift": True},
    ),
    ("zbl", {"outer": "covalent"}),
    ("zbl", {"inner": 1, "outer": 2.5}),
    ("restrain-positions", {"k": 5}),
    ("restrain-positions", {"k": (5.0, 3.0), "atoms": [0, 2], "flat": 0.1}),
    ("restrain-positions", {"k": 2.0, "atoms": [1, 0], "reference": ((0, 0.1, 0.0), [0.5] * 3), "fractional": True}),
    ("restrain-distances", {"restraints": [{"atoms": (0, 1), "r0": 1.5, "k": 20, "flat": 0.1, "shift": (0, 0, 1)}]}),
    ("restrain-distances", {"restraints": ({"atoms": [0, 1], "r0": 1.5, "k": 20.0, "side": "above"},)}),
    ("restrain-angles", {"restraints": [{"atoms": (0, 1, 2), "theta0": 104.5, "k": 5.0, "flat": 3, "side": "below"}]}),
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
    check_round_trip(CHANGES[change](create_model(name, **options)), BATCH, tmp_path / "x.alchemi")


def test_trained(tmp_path):
    model = create_model(*CASES[1][:1], **CASES[1][1])
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(1.03)
    check_round_trip(model, BATCH, tmp_path / "x.alchemi")
