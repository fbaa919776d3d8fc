"""Heads made to hurt: refused at once, with one error, in memory that goes with the size of the file."""

import json
import os
import tracemalloc

import pytest
from support.pipelines import pipeline

from alchemi_core import PipelineGroup, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.serialization.header import MAX_LENGTH
from alchemi_core.serialization.strict_json import MAX_DEPTH, read_json

from .plugins import OFFERED, made
from .sealed import Parts, sealed, sealed_head

TENSOR = "0.weights.shift"


@pytest.fixture
def parts(path):
    pipeline(PipelineGroup([made("network", width=2)]), registry=OFFERED).save(path)
    return Parts.of(path)


def refused(path, content, words=None):
    """Load a file that must be refused, within memory of its own order; return the error."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(SerializationError, match=words) as caught:
            load_pipeline(path, registry=OFFERED)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(caught.value) is SerializationError
    assert not isinstance(caught.value.__cause__, MemoryError)
    assert peak < 40 * len(content) + 2**20
    assert len(str(caught.value)) < 5000
    return caught.value


def test_the_same_parts_sealed_again_load(path, parts):
    before = path.read_bytes()
    path.write_bytes(sealed(parts))
    load_pipeline(path, registry=OFFERED)
    assert Parts.of(path).document.keys() == parts.document.keys()
    assert len(path.read_bytes()) <= len(before)  # the writer of safetensors fills up with spaces


PLACES = {
    "huge": {"dtype": "F64", "shape": [2**50], "data_offsets": [0, 2**53]},
    "huge for its bytes": {"dtype": "F64", "shape": [2**50], "data_offsets": [0, 8]},
    "product beyond 64 bits": {"dtype": "F64", "shape": [2**61, 2**61], "data_offsets": [0, 8]},
    "empty with a huge side": {"dtype": "F64", "shape": [0, 2**61, 2**61], "data_offsets": [0, 0]},
    "huge side and then empty": {"dtype": "F64", "shape": [2**61, 2**61, 0], "data_offsets": [0, 0]},
    "many sides": {"dtype": "F64", "shape": [2**61] * 20_000, "data_offsets": [0, 8]},
    "many sides of one": {"dtype": "F64", "shape": [1] * 65, "data_offsets": [0, 8]},
    "negative side": {"dtype": "F64", "shape": [-1], "data_offsets": [0, 8]},
    "number of 4,000 digits": {"dtype": "F64", "shape": [10**4000], "data_offsets": [0, 8]},
    "side that is no whole number": {"dtype": "F64", "shape": [1.0], "data_offsets": [0, 8]},
    "side that is true": {"dtype": "F64", "shape": [True], "data_offsets": [0, 8]},
    "shape that is none": {"dtype": "F64", "shape": None, "data_offsets": [0, 8]},
    "ends before it starts": {"dtype": "F64", "shape": [], "data_offsets": [8, 0]},
    "before the beginning": {"dtype": "F64", "shape": [], "data_offsets": [-8, 0]},
    "one offset": {"dtype": "F64", "shape": [], "data_offsets": [8]},
    "a gap": {"dtype": "F64", "shape": [], "data_offsets": [1, 9]},
    "another type": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    "a type that nobody knows": {"dtype": "F63", "shape": [], "data_offsets": [0, 8]},
    "a type of half a byte": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]},
    "type that is none": {"dtype": None, "shape": [], "data_offsets": [0, 8]},
    "no type": {"shape": [], "data_offsets": [0, 8]},
    "more than there should be": {"dtype": "F64", "shape": [], "data_offsets": [0, 8], "run": "x"},
    "text": "F64",
    "nothing": None,
}


@pytest.mark.parametrize("what", PLACES)
def test_tensors_that_cannot_be_where_they_are_said_to_be(path, parts, what):
    parts.places[TENSOR] = PLACES[what]
    refused(path, sealed(parts))


def test_overlapping_tensors(path, parts):
    parts.places["0.weights.first"] = parts.places["0.weights.second"]
    refused(path, sealed(parts), "does not lie where it should")


@pytest.mark.parametrize("more", [b"\0" * 8, b"PK\x03\x04"])
def test_bytes_that_belong_to_no_tensor(path, parts, more):
    refused(path, sealed(parts) + more, "bytes of tensors")


HEADS = {
    "empty": b"",
    "no mapping": b"[]",
    "no document": b"{}",
    "metadata that is none": b'{"__metadata__":null}',
    "metadata that is a list": b'{"__metadata__":[]}',
    "document of another program": b'{"__metadata__":{"format":"pt"}}',
    "document that is no text": b'{"__metadata__":{"alchemi":{}}}',
    "document that is a number": b'{"__metadata__":{"alchemi":"1"}}',
    "document that is a list": b'{"__metadata__":{"alchemi":"[]"}}',
    "document that is nothing": b'{"__metadata__":{"alchemi":"null"}}',
    "document without entries": b'{"__metadata__":{"alchemi":"{}"}}',
    "no utf-8": b'{"__metadata__":{"alchemi":"\xff"}}',
    "byte order mark": b'\xef\xbb\xbf{"__metadata__":{"alchemi":"{}"}}',
    "nul": b"\0" * 64,
    "lone surrogates": rb'{"__metadata__":{"alchemi":"{\"format\":\"\ud800\"}"}, "\udfff":0}',
    "nested": b"[" * 100_000,
    "nested mappings": b'{"a":' * 50_000,
    "nested and closed": b"[" * 5000 + b"]" * 5000,
    "nested document": b'{"__metadata__":{"alchemi":"' + b"[" * 900 + b"]" * 900 + b'"}}',
    "key twice": b'{"__metadata__":{"alchemi":"{}"},"__metadata__":{"alchemi":"{}"}}',
    "key twice in the document": rb'{"__metadata__":{"alchemi":"{\"format\":2,\"format\":1}"}}',
    "nan": rb'{"__metadata__":{"alchemi":"{\"format\":NaN}"}}',
    "infinity": rb'{"__metadata__":{"alchemi":"{\"format\":-Infinity}"}}',
    "beyond all numbers": rb'{"__metadata__":{"alchemi":"{\"format\":1e999}"}}',
    "number of 5,000 digits": b'{"__metadata__":{"alchemi":"' + b"9" * 5000 + b'"}}',
    "format of 4,000 digits": rb'{"__metadata__":{"alchemi":"{\"format\":' + b"9" * 4000 + rb'}"}}',
    "code": b"__import__('os').system('true')",
    "comment": b'{"__metadata__":{"alchemi":"{}"} /* */}',
}


@pytest.mark.parametrize("what", HEADS)
def test_heads_that_are_none(path, what):
    refused(path, sealed_head(HEADS[what]))


def test_many_keys_of_which_the_last_is_there_twice(path):
    keys = [f'"{number}":0' for number in range(200_000)]
    refused(path, sealed_head(f"{{{','.join([*keys, keys[-1]])}}}".encode()), "stands there twice")


def test_many_small_values(path):
    refused(path, sealed_head(b"[" + b"[]," * 200_000 + b"[]]"))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, MAX_LENGTH + 1, 9])
def test_length_of_the_head(path, length):
    refused(path, length.to_bytes(8, "little") + b"{}      ", "cut short")


def test_a_head_beyond_all_measure_is_not_read(path):
    with path.open("wb") as file:
        file.write((MAX_LENGTH + 1).to_bytes(8, "little"))
        file.truncate(MAX_LENGTH + 64)
    tracemalloc.start()
    try:
        with pytest.raises(SerializationError, match="bytes long"):
            load_pipeline(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", range(9))
def test_files_of_a_few_bytes(path, size):
    refused(path, b"\0" * size)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    for name in (".", "pipe", "gone", "round", "absent", "absent/absent", "a" * 300, "nul\0"):
        with pytest.raises(SerializationError, match="cannot be read"):
            load_pipeline(tmp_path / name)


def test_what_json_is_read():
    text = '{"a": [1, -2.5, true, null, "x"], "b": {"a": 1e3}}'
    assert read_json(text) == json.loads(text)
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert read_json(deepest) == json.loads(deepest)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_json(f"[{deepest}]")
