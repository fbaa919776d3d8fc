"""One clear error for each thing that cannot be."""

import copy
import pickle

import numpy as np
import pytest
import torch
from alchemi_electrostatics.frame import frame_of
from alchemi_electrostatics.lattices import lattices_of
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline
from alchemi_core.errors import AlchemiError, DataError, GeometryError, OptionError
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.halves import to_half

from .ions import charges_of, gas
from .running import run, with_charges

MODELS = pytest.mark.parametrize("model", ["ewald", "pme"])
SALT = bulk("NaCl", "rocksalt", a=5.64)


class View:
    """What a model is shown, made by hand: past the checks that a batch and a plan make."""

    def __init__(self, charges, positions, cell=None, pbc=None):
        self.positions, self.charges, self.cell, self.pbc = positions, charges, cell, pbc
        self.num_atoms, self.num_systems = len(self.positions), 1
        self.batch_idx, self.ptr, self.neighbors = (
            torch.zeros(self.num_atoms, dtype=torch.int64),
            (0, self.num_atoms),
            None,
        )


@MODELS
def test_charges_missing(model):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(model)])])
    with pytest.raises(AlchemiError, match="charges"):
        pipe(Batch.from_ase(SALT), {"energy"})


@pytest.mark.parametrize("shape", [(3,), (2, 1), (1, 2), ()])
def test_charges_of_a_wrong_shape(shape):
    view = View(torch.zeros(shape), torch.zeros(2, 3))
    with pytest.raises(DataError, match=r"charges of shape .*\n  expected: \[2\], one per atom"):
        frame_of(view, "ewald")


@MODELS
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_charges_that_are_no_numbers(model, wrong):
    with pytest.raises(DataError, match="the charge of atom 1 is"):
        run(model, SALT, [1.0, wrong])


@MODELS
def test_periodic_in_one_direction(model):
    chain = Atoms("NaCl", [[0, 0, 0], [2.5, 0, 0]], cell=[5, 5, 5], pbc=[True, False, False])
    with pytest.raises(GeometryError, match="system 1 is periodic in one direction only"):
        run(model, [SALT, chain], [1.0, -1.0, 1.0, -1.0])


@MODELS
@pytest.mark.parametrize("pbc", [True, (True, True, False), False])
def test_two_atoms_at_one_place(model, pbc):
    atoms = Atoms("NaClNa", [[1, 1, 1], [3, 1, 1], [1, 1, 1]], cell=[6, 6, 6], pbc=pbc)
    with pytest.raises(GeometryError, match=r"atoms 0 and 2.* overlap"):
        run(model, atoms, [1.0, -1.0, 1.0])


@MODELS
def test_an_atom_on_the_image_of_another(model):
    atoms = Atoms("NaCl", [[1, 1, 1], [7, 1, 1]], cell=[6, 6, 6], pbc=True)
    with pytest.raises(GeometryError, match=r"atoms 0 and 1.* overlap"):
        run(model, atoms, [1.0, -1.0])


@pytest.mark.parametrize("pbc", [True, (True, True, False), False])
def test_two_atoms_at_one_place_in_a_list_that_was_brought(pbc):
    """The core's builder refuses them, but a list may come from elsewhere."""
    apart = Atoms("NaClNa", [[1, 1, 1], [3, 1, 1], [1, 1, 2]], cell=[6, 6, 6], pbc=pbc)
    batch = with_charges(apart, [1.0, -1.0, 1.0])
    pairs = to_half(build(batch, 8.0, 0.0))
    batch = batch.with_fields(positions=batch.positions * torch.tensor([1.0, 1.0, 0.0])).with_neighbors(pairs)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("ewald")])])
    with pytest.raises(GeometryError, match="atoms 0 and 2 are at one place"):
        pipe(batch, {"energy"})


@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False)])
def test_cell_without_extent(pbc):
    cell = torch.tensor([[[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 3.0]]])
    view = View(torch.ones(1), torch.zeros(1, 3), cell, torch.tensor([pbc]))
    with pytest.raises(GeometryError, match=r"has no volume|do not span a plane"):
        lattices_of(frame_of(view, "ewald"), [0], create_model("ewald").splitting, "ewald")


def test_more_waves_than_can_be_summed():
    atoms = Atoms("NaCl", [[0, 0, 0], [2.5, 0, 0]], cell=[700.0] * 3, pbc=True)
    with pytest.raises(
        GeometryError, match=r"waves up to(.|\n)*cutoff= above 5, accuracy= above 1e-06, or the model 'pme'"
    ):
        run("ewald", atoms, [1.0, -1.0], cutoff=5.0)


def test_more_mesh_points_than_can_be_held():
    atoms = Atoms("NaCl", [[0, 0, 0], [2.5, 0, 0]], cell=[700.0] * 3, pbc=True)
    with pytest.raises(GeometryError, match=r"a mesh of(.|\n)*a larger cutoff, a larger accuracy"):
        run("pme", atoms, [1.0, -1.0], cutoff=5.0)


@MODELS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accuracy": 0.0}, "accuracy=0.0"),
        ({"accuracy": 0.5}, "to 0.01"),
        ({"accuracy": 1e-30}, "accuracy=1e-30"),
        ({"accuracy": "high"}, "accuracy='high'"),
        ({"accuracy": True}, "accuracy=True"),
        ({"accuracy": float("nan")}, "accuracy=nan"),
        ({"cutoff": -1.0}, "cutoff=-1.0"),
        ({"cutoff": float("inf")}, "cutoff=inf"),
        ({"cutoff": 0.5}, "a cutoff of 0.5 Å"),
        ({"cutoff": "8"}, "cutoff='8'"),
        ({"alpha": 0.0}, "alpha=0.0"),
        ({"alpha": 0.1, "cutoff": 8.0}, "drops terms above the accuracy"),
        ({"alpha": 9.0}, "a cutoff of"),
        ({"hybrid_forces": 1}, "hybrid_forces=1"),
        ({"hybrid_force": True}, "hybrid_force"),
    ],
)
def test_options(model, options, message):
    with pytest.raises(OptionError) as caught:
        create_model(model, **options)
    assert message in str(caught.value)
    assert caught.value.expected


@pytest.mark.parametrize("spacing", [0.0, -0.5, "fine", float("inf")])
def test_mesh_spacing(spacing):
    with pytest.raises(OptionError, match="mesh_spacing="):
        create_model("pme", mesh_spacing=spacing)


def test_pme_names_ewald_for_more_accuracy():
    with pytest.raises(OptionError, match="the model 'ewald' for more"):
        create_model("pme", accuracy=1e-12)


@MODELS
def test_alpha_without_a_cutoff_chooses_one(model):
    chosen = create_model(model, alpha=0.5, accuracy=1e-5).model_config.neighbor_config.cutoff
    assert chosen == pytest.approx(np.sqrt(np.log(8e5)) / 0.5)


@MODELS
def test_config(model):
    for hybrid in (True, False):
        config = create_model(model, hybrid_forces=hybrid).model_config
        assert set(config.contains) == {"coulomb"}
        assert config.required_inputs == {"charges"}
        assert config.supports_pbc
        assert not config.needs_pbc
        assert all(doi.startswith("10.") for doi in config.citations)
        assert "charges" in config.autograd_inputs


@MODELS
def test_copies_and_files_give_the_same(model, tmp_path):
    options = {"accuracy": 1e-4, "cutoff": 6.0}
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(model, **options)], use_autograd=True)])
    batch = with_charges([gas(6, seed=40), molecule("NaCl")], [*charges_of(gas(6, seed=40)), 1.0, -1.0])
    expected = pipe(batch, {"energy", "forces"})
    pipe.save(tmp_path / "pipe.alchemi")
    for other in (copy.deepcopy(pipe), load_pipeline(tmp_path / "pipe.alchemi")):
        for name, value in other(batch, {"energy", "forces"}).items():
            assert torch.equal(value, expected[name])
    again = pickle.loads(pickle.dumps(create_model(model, **options)))
    assert again.model_config == create_model(model, **options).model_config
