"""The README's examples run."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
LEAVES = ("relaxed", "run", "result", "out")


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, capsys):
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert any(name in names for name in LEAVES)
    if "relaxed" in names:
        assert capsys.readouterr().out.count("converged") == 3
        assert names["relaxed"].get_stress().shape == (6,)
    if "out" in names:
        assert names["out"]["stress"].isfinite().all()


def test_there_are_some():
    assert len(EXAMPLES) == 4
