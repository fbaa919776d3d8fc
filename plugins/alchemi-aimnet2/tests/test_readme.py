"""The README's examples run as printed; one needs other plugins, and is run where those are installed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"\n\n```python\n(.*?)```", TEXT, re.DOTALL)
ELSEWHERE = re.findall(r"<!-- needs alchemi-electrostatics -->\n```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert {"energy", "forces", "charges"} <= set(names["out"])
    sums = [part.sum().item() for part in names["out"]["charges"].split([3, 6])]
    assert sums == pytest.approx([0.0, 1.0], abs=1e-5)


def test_each_example_is_run_somewhere():
    assert (len(EXAMPLES), len(ELSEWHERE)) == (1, 1)
    assert TEXT.count("```python") == 2
