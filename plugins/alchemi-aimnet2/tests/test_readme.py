"""The README's example runs as printed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert {"energy", "forces", "charges"} <= set(names["out"])
    sums = [part.sum().item() for part in names["out"]["charges"].split([3, 6])]
    assert sums == pytest.approx([0.0, 1.0], abs=1e-5)


def test_there_is_one():
    assert EXAMPLES
