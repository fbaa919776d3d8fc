"""The README's example runs as printed, and gives what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

from alchemi_core.neighbors import building, halves
from alchemi_core.testing.pair_tables import in_order, matrix_rows, rows_of

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example):
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert names["toolkit"].convert.__module__.startswith("alchemi_neighbors_numba")
    expected = halves.to_half(building.build(names["batch"], 5.0, 0.0))
    assert np.array_equal(in_order(matrix_rows(names["found"])), in_order(rows_of(expected)))


def test_there_is_one():
    assert EXAMPLES
