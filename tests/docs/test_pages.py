"""Every code block of the README and the pages runs: here those that need nothing but the core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from docs.markdown_pages import ROOT, Reader, pages, read_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def runs_here(page: Path) -> bool:
    return any(block.runs and "needs plugins" not in block.marks for block in read_blocks(page))


@pytest.mark.parametrize("page", [*filter(runs_here, pages())], ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_of_a_page_run(page: Path, reader: Callable[[bool], Reader]) -> None:
    assert reader(False).read(page) > 0


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


GOOD = """
```python
print(1 / 4)
```

<!-- prints -->
```text
0.25
```

<!-- raises ZeroDivisionError -->
```python
1 / 0
```

<!-- prints -->
```text
ZeroDivisionError: division ...
```

<!-- exits 3 -->
```sh
echo so >&2; exit 3
```

<!-- prints -->
```text
so
```

<!-- needs plugins -->
```python
raise AssertionError("not here")
```

<!-- prints -->
```text
never compared
```
"""


def test_a_good_page_passes(tmp_path: Path, reader: Callable[[bool], Reader]) -> None:
    assert reader(False).read(written(tmp_path, GOOD)) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.25", "0.52"),
        ("raises ZeroDivisionError", "raises KeyError"),
        ("1 / 0", "1 / 1"),
        ("division ...", "multiplication ..."),
        ("exits 3", "exits 4"),
        ("print(1 / 4)", "print(unknown)"),
    ],
)
def test_a_page_that_is_wrong_fails(tmp_path: Path, reader: Callable[[bool], Reader], old: str, new: str) -> None:
    with pytest.raises((AssertionError, NameError, ZeroDivisionError)):
        reader(False).read(written(tmp_path, GOOD.replace(old, new)))


def test_a_traceback_points_at_the_page(tmp_path: Path, reader: Callable[[bool], Reader]) -> None:
    page = written(tmp_path, "words\n\n```python\nfine = 1\nwrong\n```\n")
    with pytest.raises(NameError) as caught:
        reader(False).read(page)
    last = caught.traceback[-1]
    assert (str(last.path), last.lineno + 1) == (str(page), 5)
