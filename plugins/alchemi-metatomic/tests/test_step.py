"""Saved metatomic models in pipelines: there and back again."""

import copy
import pickle

import pytest
import torch
from alchemi_metatomic import Metatomic, export
from alchemi_metatomic.exported import ExportedPipeline
from alchemi_metatomic.upstream import AtomisticModel, ModelCapabilities, ModelOutput
from alchemi_metatomic.writing import write_model

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.errors import InputFileError, UnsupportedElementError

ALL = {"energy", "node_energies", "forces", "stress"}


@pytest.fixture
def original():
    """A pipeline that reads a full list and two half ones."""
    near = create_model("lennard-jones", cutoff=5.0, half_list=True)
    far = create_model("lennard-jones", cutoff=8.0, switch_on=7.0)
    return PipelineModelWrapper(
        [PipelineGroup([near, far, create_model("zbl", inner=0.8, outer=1.9)], use_autograd=True)]
    )


@pytest.fixture
def again(original, tmp_path):
    """The same, exported and taken in again."""

    def make(pipe=original, dtype="float64"):
        write_model(export(pipe, dtype=dtype), tmp_path / "x.pt")
        return PipelineModelWrapper([PipelineGroup([Metatomic(tmp_path / "x.pt")], use_autograd=True)])

    return make


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_same_numbers(original, again, structure, dtype):
    atoms = [structure(name) for name in ("crystal", "mixture", "slab", "skewed", "squeezed")]
    batch = Batch.from_ase(atoms, dtype=getattr(torch, dtype))
    found, expected = again(dtype=dtype)(batch, ALL), original(batch, ALL)
    rtol = 1e-12 if dtype == "float64" else 1e-4
    for name in ALL:
        scale = float(expected[name].nan_to_num().abs().max())
        torch.testing.assert_close(found[name], expected[name], rtol=rtol, atol=rtol * scale, equal_nan=True)


def test_one_list_serves_all(again):
    plan = again().plan_for({"energy"})
    assert "list A          8 Å  pairs  full   for metatomic" in str(plan)
    half = again(PipelineModelWrapper([PipelineGroup([create_model("zbl", inner=0.8, outer=1.9)])]))
    assert "pairs  half" in str(half.plan_for({"energy"}))


def test_elements(again, structure):
    only = again(create_model("lennard-jones", epsilon={"Ar": 0.01}, sigma={"Ar": 3.4}))
    atoms = structure("copper")
    atoms.calc = only.as_ase()
    with pytest.raises(UnsupportedElementError):
        atoms.get_potential_energy()


def test_copies_are_where_their_originals_are(tmp_path, monkeypatch):
    """Read again in a folder to which the path does not lead, and on the same device."""
    write_model(export(create_model("lennard-jones", cutoff=6.0)), tmp_path / "x.pt")
    monkeypatch.chdir(tmp_path)
    model = Metatomic("x.pt").to("meta")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert {str(one.device) for one in again.buffers()} == {"meta"}


@pytest.mark.filterwarnings("ignore:No length unit was provided:UserWarning")  # metatomic sees it too
@pytest.mark.parametrize(
    ("energy", "length", "said"),
    [("", "angstrom", "energy"), ("eV", "", "length"), ("", "", "energy and length")],
)
def test_numbers_without_a_unit_are_refused(tmp_path, energy, length, said):
    model = export(create_model("lennard-jones", cutoff=6.0))
    known = model.capabilities()
    unclear = ModelCapabilities(
        outputs={"energy": ModelOutput(unit=energy, sample_kind="atom")},
        atomic_types=known.atomic_types,
        interaction_range=known.interaction_range,
        length_unit=length,
        supported_devices=known.supported_devices,
        dtype=known.dtype,
    )
    same = ExportedPipeline(list(model.module.terms), [1.0], [(6.0, False)], [0], {}).eval()
    write_model(AtomisticModel(same, model.metadata(), unclear), tmp_path / "x.pt")
    with pytest.raises(InputFileError, match=f"does not say its unit of {said}\n"):
        Metatomic(tmp_path / "x.pt")


def test_refusals(tmp_path):
    with pytest.raises(InputFileError, match="no such file"):
        Metatomic(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("not a model")
    with pytest.raises(InputFileError):
        Metatomic(tmp_path / "text.pt")
    write_model(export(create_model("coulomb-dsf", hybrid_forces=False)), tmp_path / "charged.pt")
    with pytest.raises(InputFileError, match="it reads charge"):
        Metatomic(tmp_path / "charged.pt")
