"""Files of every format that was ever released load; their bytes are kept as they were."""

import hashlib
from pathlib import Path

import pytest
import torch
from support.pipelines import pipeline
from support.structures import batch_of, salt
from support.toys import Charges, Coulomb, Gaussians, Kernel

from alchemi_core import Coupling, PipelineGroup, PipelineModelWrapper, PipelineStep, load_pipeline
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.errors import SerializationError
from alchemi_core.serialization.migrations import FORMAT

from .plugins import OFFERED, made
from .sealed import Parts, sealed

FORMATS = Path(__file__).parent / "formats"
DIGESTS = {
    1: "3db7eec8f29652634d58c2389d18994b0ede20c7091ddbd124c64999741ec3fe",
    2: "a71e6c11ffbf8dff760b645e24ad6675021829a0df2069e00be9aeddd570eb3c",
    3: "24240907a36a3c32a4705f92e8657883d19f38a8cd03e867b0679912d2cf146d",
}
NAMES = {"energy", "forces"}


def models():
    return [Charges("q"), Coulomb(), Kernel(outputs=("energy",)), Gaussians()]


def declared():
    """What all the files were made of."""
    charges, coulomb, kernel, _ = models()
    inner = PipelineModelWrapper([PipelineGroup([kernel], use_autograd=True, derivative_fn=FiniteDifference(1e-3))])
    first = [PipelineStep(charges, wire={"q": "charges"}), PipelineStep(coulomb, weight=0.7)]
    second = [PipelineStep(inner, weight=-0.5), PipelineStep(Gaussians(2.0), weight=0.5 * (1 - Coupling()))]
    return PipelineModelWrapper(
        [PipelineGroup(first, use_autograd=True), PipelineGroup(second)],
        neighbor_adaptation="always",
        active_outputs=NAMES,
        skin=0.25,
    )


@pytest.fixture
def batch():
    return batch_of(salt(seed=3)).with_fields(coupling=torch.tensor([[0.3]], dtype=torch.float64))


@pytest.fixture(params=sorted(DIGESTS), ids=lambda number: f"format {number}")
def number(request):
    return request.param


def file(number):
    return FORMATS / f"format-{number}.alchemi"


def test_every_format_has_a_file():
    assert set(DIGESTS) == set(range(1, FORMAT + 1))
    assert {one.name for one in FORMATS.iterdir()} == {file(number).name for number in DIGESTS}


def test_the_bytes_are_those_that_were_written(number):
    assert hashlib.sha256(file(number).read_bytes()).hexdigest() == DIGESTS[number]
    assert Parts.of(file(number)).document["format"] == number


def test_it_loads_to_what_it_was_made_of(number, batch):
    pipe, loaded = declared(), load_pipeline(file(number), models=models())
    assert str(loaded.plan) == str(pipe.plan)
    assert loaded.topology.settings == pipe.topology.settings
    outputs = pipe(batch)
    assert set(outputs) == NAMES
    for name in NAMES:
        assert torch.equal(loaded(batch)[name], outputs[name])


def test_saved_again_it_is_of_the_present_format(number, path, batch):
    loaded = load_pipeline(file(number), models=models())
    loaded.save(path)
    assert Parts.of(path).document["format"] == FORMAT
    assert torch.equal(load_pipeline(path, models=models())(batch)["forces"], loaded(batch)["forces"])


def test_damage_is_noticed(number, path):
    raw = file(number).read_bytes()
    for content in (raw[:-1], raw[: len(raw) // 2], raw + b"\0", b"\0" + raw):
        path.write_bytes(content)
        with pytest.raises(SerializationError, match="cannot be read as a pipeline file"):
            load_pipeline(path, models=models())


@pytest.mark.parametrize("number", [FORMAT + 1, 10**6])
def test_a_format_of_the_future_is_refused_with_the_command_that_helps(path, number):
    pipeline(PipelineGroup([made("gaussians")]), registry=OFFERED).save(path)
    parts = Parts.of(path)
    parts.document["format"] = number
    parts.document["entry of the future"] = {}
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError, match=f"has format {number}") as caught:
        load_pipeline(path, registry=OFFERED)
    assert caught.value.expected == f"format 1 to {FORMAT}"
    assert caught.value.fix == "pip install --upgrade alchemi-core"


def first_format(path, **changes):
    """A file of format 1 of a model that a plugin offers, as the first version wrote it."""
    pipeline(PipelineGroup([made("gaussians", strength=3.0)]), registry=OFFERED).save(path)
    parts = Parts.of(path)
    entry = {
        "offer": "gaussians",
        "options": {"strength": 3.0},
        "plugin": "alchemi-core",
        "version": "0",
        "name": "gaussians",
    }
    topology = parts.document["topology"]
    parts.document.clear()
    parts.document.update(format=1, models=[{**entry, **changes}], topology=topology)
    parts.places["0.strength"] = parts.places.pop("0.weights.strength")
    return parts


def test_models_of_plugins_in_format_1(path):
    path.write_bytes(sealed(first_format(path)))
    assert load_pipeline(path, registry=OFFERED).topology.models[0].strength.item() == 3.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plugin": "alchemi-springs", "version": "2.0"}, r"alchemi-springs 2\.0 or later: it is not installed"),
        ({"plugin": ["a"]}, "cannot be rebuilt|not understood"),
        ({"plugin": "a; b"}, "says that it needs"),
        ({"offer": "cubes"}, "no model named 'cubes'"),
        ({"options": {"strength": "/etc/passwd"}}, "a place outside of the file"),
        ({"options": {"trusted": True}}, "asks to be trusted"),
    ],
)
def test_hostile_entries_in_format_1(path, changes, words):
    path.write_bytes(sealed(first_format(path, **changes)))
    with pytest.raises(SerializationError, match=words):
        load_pipeline(path, registry=OFFERED)


def test_format_1_has_nothing_of_format_2(path):
    parts = first_format(path)
    parts.document["needs"] = []
    path.write_bytes(sealed(parts))
    with pytest.raises(SerializationError, match="unknown entries"):
        load_pipeline(path, registry=OFFERED)


def test_a_sealed_file_that_says_format_1_is_held_to_its_seal(path):
    """Nobody gets round the checksums by the number of an older format."""
    pipeline(PipelineGroup([made("gaussians")]), registry=OFFERED).save(path)
    path.write_bytes(path.read_bytes().replace(rb"\"format\":%d," % FORMAT, rb"\"format\":1,"))
    with pytest.raises(SerializationError, match="its checksum does not agree"):
        load_pipeline(path, registry=OFFERED)
