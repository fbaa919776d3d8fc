"""The README's examples run as printed, and so do those of the documentation that need this plugin."""

import re
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent.parent
PAGE = PLUGIN.parent.parent / "docs" / "interop.md"
MARK = "<!-- not run: needs alchemi-nvalchemi -->\n"


def run(blocks, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = {}
    for block in blocks:
        exec(compile(block, "example", "exec"), names)  # noqa: S102 - our own files
    return names


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what is imported
def test_readme(tmp_path, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```", (PLUGIN / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert run(blocks, tmp_path, monkeypatch)["energy"] < -0.1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what is imported
def test_page(tmp_path, monkeypatch):
    blocks = re.findall(MARK + r"```python\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    run(blocks, tmp_path, monkeypatch)
    assert not list(tmp_path.iterdir())
