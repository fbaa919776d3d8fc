"""Pickles, code and archives in every place where a file has room for them: nothing of it runs."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from support.pipelines import pipeline

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError

from .plugins import OFFERED, made
from .sealed import Parts, sealed, sealed_head


class Payload:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "ran"


@pytest.fixture
def pickled(mark):
    """A pickle that leaves a mark; made sure here that it would."""
    content = pickle.dumps(Payload(mark), protocol=2)
    pickle.loads(content)
    assert mark.exists()
    mark.unlink()
    return content


@pytest.fixture
def parts(path):
    pipeline(PipelineGroup([made("network", width=8), made("anything", text="t")]), registry=OFFERED).save(path)
    return Parts.of(path)


def archive(content):
    """A zip as torch.save writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/version", "3\n")
    return out.getvalue()


def torch_saved(content, mark):
    out = io.BytesIO()
    torch.save({"model": Payload(mark)}, out)
    return out.getvalue()


WHOLE = {
    "a pickle": lambda content, mark: content,
    "an archive": lambda content, mark: archive(content),
    "a file of torch": torch_saved,
    "a pickle as head": lambda content, mark: sealed_head(content),
    "code": lambda content, mark: f"open({str(mark)!r}, 'w')".encode(),
}


@pytest.mark.parametrize("what", WHOLE)
def test_as_the_whole_file(path, pickled, mark, what):
    path.write_bytes(WHOLE[what](pickled, mark))
    with pytest.raises(SerializationError, match="cannot be read as a pipeline file"):
        load_pipeline(path, registry=OFFERED)
    assert not mark.exists()


def test_before_and_after_a_pipeline(path, parts, pickled, mark):
    for content in (pickled + path.read_bytes(), path.read_bytes() + archive(pickled)):
        path.write_bytes(content)
        with pytest.raises(SerializationError, match="cannot be read as a pipeline file"):
            load_pipeline(path, registry=OFFERED)
    assert not mark.exists()


def test_in_the_bytes_of_a_tensor(path, parts, pickled, mark):
    """They are numbers; what they spell is nobody's business."""
    key = "0.weights.first"
    room = parts.bytes_of(key)
    assert len(pickled) <= len(room)
    path.write_bytes(sealed(parts.with_bytes(key, pickled.ljust(len(room), b"\0"))))
    loaded = load_pipeline(path, registry=OFFERED)
    assert loaded.topology.models[0].first.detach().numpy().tobytes().startswith(pickled)
    assert not mark.exists()


TEXTS = [
    lambda content, mark: content.decode("latin-1"),
    lambda content, mark: f"__import__('os').mknod({str(mark)!r})",
]


@pytest.mark.parametrize("text", TEXTS, ids=["pickle", "code"])
def test_in_every_text_of_the_document(path, parts, pickled, mark, text):
    """As offer, option, name, derivative, rule, wire, version and the rest."""
    evil = text(pickled, mark).replace("/", "|")
    entry, topology = parts.document["models"][1], parts.document["topology"]
    places = [(entry, name) for name in ("offer", "name", "plugin", "version", "licence", "why")]
    places += [(entry["options"], "text"), (entry["weights"], evil), (parts.document["provenance"], "written")]
    places += [(topology["groups"][0], "derivative"), (topology["settings"], "neighbor_adaptation")]
    places += [(topology["groups"][0]["steps"][0]["wire"], "energy"), (parts.document, "sha256")]
    for holder, name in places:
        before = dict(holder)
        holder[name] = evil
        path.write_bytes(sealed(parts))
        try:
            load_pipeline(path, registry=OFFERED)
        except SerializationError:
            assert not mark.exists()
        assert not mark.exists()
        holder.clear()
        holder.update(before)


def test_in_the_metadata(path, parts, pickled, mark):
    head = {"__metadata__": {"alchemi": parts.text(), "code": pickled.decode("latin-1")}, **parts.places}
    path.write_bytes(sealed_head(json.dumps(head, separators=(",", ":")).encode()) + parts.data)
    load_pipeline(path, registry=OFFERED)
    assert not mark.exists()
