"""Saving and rebuilding: what was declared comes back, what cannot come back is asked for."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from ase.build import bulk
from support.toys import Charges, Coulomb, Gaussians, Kernel

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, PipelineStep, load_pipeline
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.errors import OptionError, SerializationError
from alchemi_core.registry import Registry, default_registry

from .plugins import OFFERED, made
from .sealed import Parts


@pytest.fixture
def crystal():
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.rattle(0.1, seed=3)
    return Batch.from_ase(atoms)


def halved_energy(energy, data, requested):
    from alchemi_core.derivatives.autograd import energy_derivatives

    return {name: 0.5 * value for name, value in energy_derivatives(energy, data, requested).items()}


def declared(function=None):
    first = PipelineGroup(
        [PipelineStep(Charges("q"), wire={"q": "charges"}), PipelineStep(Coulomb(), weight=0.7)],
        use_autograd=True,
        derivative_fn=function,
    )
    return PipelineModelWrapper(
        groups=[first, PipelineGroup([PipelineStep(Kernel(), weight=-0.5), Gaussians(2.0)])],
        neighbor_adaptation="always",
        active_outputs={"energy", "forces"},
        skin=0.25,
    )


def fresh_models():
    return [Charges("q"), Coulomb(), Kernel(), Gaussians(1.0)]


def test_hand_made_models_are_handed_over_again(tmp_path, crystal):
    pipe = declared()
    pipe.save(tmp_path / "p.alchemi")
    same = PipelineModelWrapper.load(tmp_path / "p.alchemi", models=fresh_models())
    assert str(same.plan) == str(pipe.plan)
    assert same.topology.settings == pipe.topology.settings
    for name, value in pipe(crystal).items():
        assert torch.equal(same(crystal)[name], value)  # the strength 2.0 came from the file


def test_floating_type_of_weights_comes_back(tmp_path):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([Gaussians()])]).to(torch.float32)
    pipe.save(tmp_path / "p.alchemi")
    model = Gaussians()
    PipelineModelWrapper.load(tmp_path / "p.alchemi", models=[model])
    assert model.strength.dtype == torch.float32
    assert model.strength.requires_grad


def test_given_models_keep_their_parameters(tmp_path):
    PipelineModelWrapper(groups=[PipelineGroup([Gaussians(2.0)])]).save(tmp_path / "p.alchemi")
    model = Gaussians()
    parameter = model.strength
    load_pipeline(tmp_path / "p.alchemi", models=[model])
    assert model.strength is parameter
    assert parameter.item() == 2.0


def test_models_are_filled_all_or_none(tmp_path):
    declared().save(tmp_path / "p.alchemi")
    models = fresh_models()
    models[3].strength = torch.nn.Parameter(torch.ones(3))
    with torch.no_grad():
        models[0].scale.fill_(7.0)
    with pytest.raises(SerializationError, match="strength"):
        load_pipeline(tmp_path / "p.alchemi", models=models)
    assert models[0].scale.item() == 7.0


def test_the_registry_to_load_from_is_the_callers(tmp_path):
    PipelineModelWrapper(groups=[PipelineGroup([Gaussians()])]).save(tmp_path / "p.alchemi")
    own = Registry(records=default_registry().records)
    assert PipelineModelWrapper.load(tmp_path / "p.alchemi", [Gaussians()], registry=own).registry is own


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_pipeline_files_have_the_permissions_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        PipelineModelWrapper(groups=[PipelineGroup([Gaussians()])]).save(tmp_path / "p.alchemi")
    finally:
        os.umask(before)
    assert (tmp_path / "p.alchemi").stat().st_mode & 0o777 == 0o666 & ~umask


def test_named_strategies_and_nesting_come_back(tmp_path, crystal):
    inner = PipelineModelWrapper(
        groups=[PipelineGroup([Kernel(outputs=("energy",))], use_autograd=True, derivative_fn=FiniteDifference(1e-3))]
    )
    pipe = PipelineModelWrapper(groups=[PipelineGroup([inner, Gaussians()])])
    pipe.save(tmp_path / "p.alchemi")
    same = load_pipeline(tmp_path / "p.alchemi", models=[Kernel(outputs=("energy",)), Gaussians()])
    assert same.topology.groups[0].steps[0].model.topology.groups[0].derivative_fn == FiniteDifference(1e-3)
    assert torch.equal(same(crystal)["forces"], pipe(crystal)["forces"])


def test_functions_are_handed_over_by_group_number(tmp_path, crystal):
    pipe = declared(halved_energy)
    pipe.save(tmp_path / "p.alchemi")
    same = PipelineModelWrapper.load(tmp_path / "p.alchemi", fresh_models(), derivative_fns={0: halved_energy})
    assert torch.equal(same(crystal)["forces"], pipe(crystal)["forces"])
    with pytest.raises(SerializationError, match="halved_energy"):
        PipelineModelWrapper.load(tmp_path / "p.alchemi", fresh_models())


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (lambda: fresh_models()[:3], "3 models were given"),
        (lambda: fresh_models()[::-1], "was given where 'charge-model' was saved"),
        (lambda: None, "made by hand"),
    ],
)
def test_wrong_models_are_refused(tmp_path, models, words):
    declared().save(tmp_path / "p.alchemi")
    with pytest.raises(SerializationError, match=words):
        PipelineModelWrapper.load(tmp_path / "p.alchemi", models=models())


def test_models_are_handed_over_by_number(tmp_path, crystal):
    """Those that no plugin offers; the others come from the file."""
    path, given = tmp_path / "p.alchemi", Gaussians(1.0)
    pipe = PipelineModelWrapper([PipelineGroup([made("kernel"), Gaussians(2.0), made("shift")])], registry=OFFERED)
    pipe.save(path)
    loaded = load_pipeline(path, models={1: given}, registry=OFFERED)
    assert loaded.topology.models[1] is given
    assert torch.equal(loaded(crystal)["energy"], pipe(crystal)["energy"])
    other = made("kernel")
    both = PipelineModelWrapper.load(path, {0: other, 1: given}, registry=OFFERED)
    assert both.topology.models[:2] == (other, given)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ({}, "model 1 .gaussians.: it was made by hand"),
        ({0: Kernel()}, "model 1 .gaussians.: it was made by hand"),
        ({1: Kernel()}, "model 'kernel' was given where 'gaussians' was saved"),
        ({1: Gaussians(), 2: Gaussians()}, "model 2 was given"),
        ({1: Gaussians(), -1: Gaussians()}, "model -1 was given"),
        ({"1": Gaussians()}, "model '1' was given"),
        ({1: "gaussians"}, "model 'gaussians' was given"),
        ([], "0 models were given"),
        ([Kernel()], "model 'kernel' was given where 'gaussians' was saved"),
        ([Kernel(), Gaussians(), Kernel()], "3 models were given"),
        (Gaussians(), "models is Gaussians"),
    ],
)
def test_wrong_numbers_are_refused(tmp_path, models, words):
    path = tmp_path / "p.alchemi"
    PipelineModelWrapper([PipelineGroup([made("kernel"), Gaussians(2.0)])], registry=OFFERED).save(path)
    with pytest.raises(SerializationError, match=words):
        load_pipeline(path, models=models, registry=OFFERED)


def test_models_to_be_handed_over_are_enough(tmp_path, crystal):
    path, given = tmp_path / "p.alchemi", Gaussians(1.0)
    pipe = PipelineModelWrapper([PipelineGroup([made("kernel"), Gaussians(2.0)])], registry=OFFERED)
    pipe.save(path)
    loaded = load_pipeline(path, models=[given], registry=OFFERED)
    assert loaded.topology.models[1] is given
    assert torch.equal(loaded(crystal)["energy"], pipe(crystal)["energy"])


@pytest.mark.parametrize("name", ["p.pt", "p", "p.json"])
def test_names_say_what_a_file_holds(tmp_path, name):
    with pytest.raises(OptionError, match="ends with"):
        PipelineModelWrapper([PipelineGroup([Gaussians()])]).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_saved_again_it_is_the_same_file_but_for_the_date(tmp_path):
    """Models of the user's own included."""
    files = tmp_path / "a.alchemi", tmp_path / "b.alchemi"
    declared(halved_energy).save(files[0])
    load_pipeline(files[0], models=fresh_models(), derivative_fns={0: halved_energy}).save(files[1])
    one, other = map(Parts.of, files)
    for parts in (one, other):
        del parts.document["provenance"]["written"], parts.document["sha256"]
    assert one.document == other.document
    assert (one.places, one.data) == (other.places, other.data)


def test_what_the_file_says_of_itself(tmp_path):
    declared().save(tmp_path / "p.alchemi")
    document = Parts.of(tmp_path / "p.alchemi").document
    assert document["outputs"] == ["energy", "forces"]
    assert document["provenance"].keys() >= {"written", "alchemi-core", "python", "torch", "plugins"}
    assert document["tensors"].keys() == {"0.weights.scale", "3.weights.strength"}
    assert [entry["offer"] for entry in document["models"]] == [None] * 4


def test_options_that_json_cannot_hold_leave_the_old_file(tmp_path):
    from alchemi_core.models import ModelOrigin

    path = tmp_path / "p.alchemi"
    declared().save(path)
    before = path.read_bytes()
    pipe = declared()
    pipe.topology.groups[1].steps[1].model.origin = ModelOrigin("gaussians", {"strength": object()})
    with pytest.raises((SerializationError, LookupError)):
        pipe.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.alchemi"]


def corrupt(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "pickle":
        content = bytearray(pickle.dumps(print))
    elif how == "header":
        content[8:12] = b"{{{{"
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("how", ["truncated", "pickle", "header"])
def test_damaged_files_are_refused(tmp_path, how):
    path = tmp_path / "p.alchemi"
    declared().save(path)
    corrupt(path, how)
    with pytest.raises(SerializationError, match="cannot be read as a pipeline file"):
        load_pipeline(path, models=fresh_models())


def test_weights_that_do_not_fit_are_refused(tmp_path):
    PipelineModelWrapper(groups=[PipelineGroup([Gaussians()])]).save(tmp_path / "p.alchemi")
    other = Gaussians()
    other.strength = torch.nn.Parameter(torch.ones(3))
    with pytest.raises(SerializationError, match="strength"):
        load_pipeline(tmp_path / "p.alchemi", models=[other])
