"""The example of the README runs as printed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_example():
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(example[1], str(README), "exec"), names)  # noqa: S102 - our own file
    oxygen, *hydrogens = names["out"]["charges"].tolist()
    assert oxygen < -0.5
    assert hydrogens == pytest.approx([-oxygen / 2] * 2, abs=1e-12)
