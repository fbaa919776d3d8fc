"""The README's example runs as printed, with a small model in the place of the foundation model it names."""

import re
import shutil
from pathlib import Path

import pytest
from alchemi_mace.foundations import FOUNDATIONS, HEADS

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, saved, cache):
    cache.mkdir(parents=True)
    shutil.copy(saved(), FOUNDATIONS["medium-mpa-0"].path)
    names = {}
    exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    assert names["out"]["forces"].shape == (2, 3)


def test_there_is_one():
    assert EXAMPLES


def test_every_name_is_there():
    assert all(f"`{name}`" in TEXT for name in FOUNDATIONS)


def test_every_head_is_there():
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| `mh-0`, `mh-1` |")]
    named = row.split("|")[2].removeprefix(" by `head`:")
    assert set(re.findall(r"`(\w+)`", named)) == set(HEADS)
    last = re.findall(r"`(\w+)`", named)[-3:]
    assert "dispersion in the last three" in row
    assert {name for name, theory in HEADS.items() if theory.dispersion} == set(last)
