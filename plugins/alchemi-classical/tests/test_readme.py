"""The README's examples run as printed; one needs another plugin, and is run where that is installed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"\n\n```python\n(.*?)```", TEXT, re.DOTALL)
ELSEWHERE = re.findall(r"<!-- needs alchemi-electrostatics -->\n```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example):
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert names["out"]["energy"].item() == pytest.approx(-14.0, abs=0.2)


def test_each_example_is_run_somewhere():
    assert (len(EXAMPLES), len(ELSEWHERE)) == (1, 1)
    assert TEXT.count("```python") == 2
