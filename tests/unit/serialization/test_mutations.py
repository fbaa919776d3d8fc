"""100,000 damaged files: each is refused with one `SerializationError`, or loads to the same outputs."""

import os
import random
from contextlib import contextmanager

import pytest
import torch
from support.pipelines import pipeline
from support.structures import batch_of, salt
from support.toys import Charges, Coulomb

from alchemi_core import PipelineGroup, PipelineStep, load_pipeline
from alchemi_core.errors import SerializationError

from .plugins import OFFERED, made

BATCH = batch_of(salt())
NAMES = {"energy", "forces"}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A small pipeline's file, the model to be handed over, and what it computes."""
    path = tmp_path_factory.mktemp("original") / "p.alchemi"
    given = Charges()
    steps = [made("network", width=3), given, PipelineStep(Coulomb(), weight=0.5)]
    pipe = pipeline(PipelineGroup(steps, use_autograd=True), registry=OFFERED, skin=0.25)
    pipe.save(path)
    return path.read_bytes(), {1: given, 2: Coulomb()}, pipe(BATCH, NAMES)


@contextmanager
def rewritten(path):
    """Give a function that puts a file's content in place, without making a new file each time."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    size = 0

    def put(content):
        nonlocal size
        os.pwrite(handle, content, 0)
        if len(content) != size:
            os.ftruncate(handle, len(content))
            size = len(content)

    try:
        yield put
    finally:
        os.close(handle)


def check(original, path, mutants):
    """Load every mutant; return how many there were and how many were refused."""
    raw, given, expected = original
    count = refused = 0
    with rewritten(path) as put:
        for content in mutants:
            put(content)
            count += 1
            try:
                loaded = load_pipeline(path, models=given, registry=OFFERED)
            except SerializationError:
                refused += 1
            else:
                assert all(torch.equal(loaded(BATCH, NAMES)[name], expected[name]) for name in NAMES)
                assert content == raw, "a changed file was loaded"
    return count, refused


def test_the_original_loads(original, path):
    assert check(original, path, [original[0]]) == (1, 0)


def test_cut_short_at_every_byte(original, path):
    raw = original[0]
    count, refused = check(original, path, (raw[:end] for end in range(len(raw))))
    assert count == refused == len(raw)


def flipped(raw):
    content = bytearray(raw)
    for place in range(len(raw)):
        for bit in range(8):
            content[place] ^= 1 << bit
            yield bytes(content)
            content[place] ^= 1 << bit


def test_every_bit_flipped(original, path):
    raw = original[0]
    count, refused = check(original, path, flipped(raw))
    assert count == refused == 8 * len(raw)


def edited(source, raw):
    """Some bytes are others."""
    content = bytearray(raw)
    for _ in range(source.choice((1, 2, 5, 40))):
        content[source.randrange(len(raw))] = source.randrange(256)
    return content


def typed(source, raw):
    """Marks of JSON, digits and words appear in the head."""
    start = source.randrange(8, len(raw) - 200)
    word = source.choice((b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"0", b"9", b"-", b"null", b"true", b"1e9"))
    return raw[:start] + word + raw[start + len(word) :]


def swapped(source, raw):
    """Two ranges change places."""
    a, b, c, d = sorted(source.sample(range(len(raw) + 1), 4))
    return raw[:a] + raw[c:d] + raw[b:c] + raw[a:b] + raw[d:]


def doubled(source, raw):
    """A range stands there twice."""
    a, b = sorted(source.sample(range(len(raw) + 1), 2))
    return raw[:b] + raw[a:b] + raw[b:]


def lacking(source, raw):
    """A range is gone."""
    a, b = sorted(source.sample(range(len(raw) + 1), 2))
    return raw[:a] + raw[b:]


def longer(source, raw):
    """More follows."""
    return raw + source.randbytes(source.randrange(1, 64))


def measured(source, raw):
    """The head is said to be of another length."""
    length = source.choice((source.randrange(2 * len(raw)), source.randrange(2**64), source.randrange(2**26)))
    return length.to_bytes(8, "little") + raw[8:]


WAYS = (edited, typed, swapped, doubled, lacking, longer, measured)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_changed_at_random(original, path, way):
    raw, source = original[0], random.Random(way.__name__)  # noqa: S311 - the same each time
    # What the two tests above leave of 100,000, in equal parts.
    number = -(-(100_000 - 9 * len(raw)) // len(WAYS))
    mutants = [way(source, raw) for _ in range(number)]
    count, refused = check(original, path, mutants)
    assert (count, refused) == (number, sum(bytes(one) != raw for one in mutants))
