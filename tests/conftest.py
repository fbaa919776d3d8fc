"""Fixtures of all tests: nothing may be printed, and nothing of the process may be left changed."""

import os
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

PRECISION = {torch.float64: {"rtol": 1e-9, "atol": 1e-10}, torch.float32: {"rtol": 1e-4, "atol": 2e-4}}
"""How well two ways to compute one thing agree, by the dtype they are computed in."""


def process_state():
    return {
        "environment": {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


@pytest.fixture(autouse=True)
def leaves_no_trace():
    """Fail a test that leaves environment variables, default dtype, threads or grad mode changed."""
    before = process_state()
    yield
    changed = [name for name, value in process_state().items() if value != before[name]]
    assert not changed, f"the test left changed: {', '.join(changed)}"


@pytest.fixture(autouse=True)
def prints_nothing(request):
    """Fail a test whose code prints, unless the test captures the output itself and so looks at it."""
    if {"capsys", "capfd", "prints"} & set(request.fixturenames):
        yield
        return
    capture = request.getfixturevalue("capfd")
    yield
    out, err = capture.readouterr()
    assert not out, f"printed: {out}"
    assert not err, f"wrote to stderr: {err}"


@pytest.fixture
def prints():
    """Ask for it to say that printing is what the test expects."""


@pytest.fixture(params=[torch.float64, torch.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture
def precision(dtype):
    """Tolerances for `torch.testing.assert_close` that belong to the dtype."""
    return PRECISION[dtype]
