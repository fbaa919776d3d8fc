"""The README's examples run as printed."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_two():
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example):
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert names["out"]["energy"].isfinite().all()
    assert names["out"]["forces"].abs().max() > 0.01


def test_first_example_gives_the_madelung_constant():
    """R. E. Crandall and J. P. Buhler, J. Phys. A 20, 5497 (1987), doi:10.1088/0305-4470/20/16/024."""
    names = {}
    exec(compile(EXAMPLES[0], str(README), "exec"), names)  # noqa: S102 - our own file
    assert names["madelung"] == pytest.approx(1.7475645946, rel=1e-6)
