"""The README's examples run, one after the other, and print what stands beside them."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def printed():
    """What each example prints; names of one are there for those after it."""
    names, texts = {}, []

    def keep(*values):
        texts[-1].append(" ".join(map(str, values)))

    names["print"] = keep
    for example in EXAMPLES:
        texts.append([])
        exec(compile(example, str(README), "exec"), names)  # noqa: S102 - our own file
    return texts


def words(text):
    return re.findall(r"True|False|None|torch\.Size", text)


def numbers(text):
    return [float(found) for found in re.findall(r"-?\d+\.\d+|-?\d+\.|-?\d+", text)]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_prints_what_it_says(number, printed):
    said = re.findall(r"#\s*(?:eV: )?(\[?[-\d\[][^\n]*|torch\.Size[^\n]*)", EXAMPLES[number])
    said = [text for text in said if not text.startswith("[4, 3]")]
    assert len(said) == len(printed[number])
    for text, value in zip(said, printed[number], strict=True):
        value = value.replace("dtype=torch.float64", "")
        assert words(value) == words(text)
        np.testing.assert_allclose(numbers(value), numbers(text), atol=1e-3)


def test_every_strategy_is_in_the_table():
    from alchemi_derivatives.hooks import alchemi_derivatives

    text = README.read_text(encoding="utf-8")
    for offer in alchemi_derivatives():
        assert f"| `{offer.name}` |" in text
