"""Options that ask for more than a file holds are refused before memory is taken."""

import resource

import pytest
import torch

from alchemi_core import PipelineGroup, PipelineModelWrapper, load_pipeline
from alchemi_core.errors import SerializationError
from alchemi_core.serialization.allocation import LEAST, Limited

from .plugins import OFFERED, made
from .sealed import Parts, sealed


def test_a_small_file_cannot_ask_for_a_large_network(tmp_path):
    path = tmp_path / "p.alchemi"
    PipelineModelWrapper([PipelineGroup([made("network")])], registry=OFFERED).save(path)
    parts = Parts.of(path)
    parts.document["models"][0]["options"] = {"width": 20_000}
    path.write_bytes(sealed(parts))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SerializationError, match=r"far beyond the \d+ bytes"):
        load_pipeline(path, registry=OFFERED)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LEAST / 1024


@pytest.mark.parametrize(
    "make",
    [
        lambda n: torch.empty(n),
        lambda n: torch.zeros(n, 1, dtype=torch.float64),
        lambda n: torch.ones((n,)),
        lambda n: torch.full((n,), 2.0),
        lambda n: torch.rand(n),
        lambda n: torch.randn(n, generator=torch.Generator()),
        lambda n: torch.randint(0, 3, (n,)),
        lambda n: torch.arange(n),
        lambda n: torch.linspace(0, 1, n),
        lambda n: torch.eye(n, 3),
        lambda n: torch.ones(1).new_zeros(n),
        lambda n: torch.nn.Linear(n, 1).weight,
        lambda n: torch.nn.Embedding(n, 1).weight,
    ],
)
def test_every_way_to_make_a_tensor_counts(make):
    with Limited(0, "test"):
        assert make(4).shape[0] in (1, 4)
        with pytest.raises(SerializationError):
            make(LEAST)


def test_what_is_made_in_pieces_adds_up():
    def many():
        return [torch.empty(LEAST // 8) for _ in range(100)]

    with Limited(LEAST, "test"), pytest.raises(SerializationError):
        many()


@pytest.mark.parametrize(
    ("call", "numbers"),
    [
        (lambda: torch.full((3, 2), 1.0), 6),
        (lambda: torch.full(size=(3, 2), fill_value=1.0), 6),
        (lambda: torch.zeros([3, 2]), 6),
        (lambda: torch.zeros(size=(2,)), 2),
        (lambda: torch.zeros(()), 1),
        (lambda: torch.ones(1).new_full((2, 2), 1.0), 4),
        (lambda: torch.ones(1).new_zeros(2, 3), 6),
        (lambda: torch.randint(3, (4, 2)), 8),
        (lambda: torch.arange(2, 10, 3), 3),
        (lambda: torch.eye(3), 9),
        (lambda: torch.randperm(7), 7),
        (lambda: torch.linspace(0, 1, steps=5), 5),
    ],
)
def test_calls_are_counted_by_their_numbers(call, numbers):
    limited = Limited(0, "test")
    with limited:
        made = call()
    ones = 1 if "ones" in call.__code__.co_names else 0
    assert made.numel() == numbers
    assert LEAST - limited._left == 8 * (numbers + ones)
