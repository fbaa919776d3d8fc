"""The README's example runs as printed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example):
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert names["matrix"].neighbor_matrix.shape == (5, 64)


def test_there_is_one():
    assert EXAMPLES
