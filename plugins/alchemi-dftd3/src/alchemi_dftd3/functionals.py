"""The functionals s-dftd3 has parameters for, read from the table it ships."""

from __future__ import annotations

import sys
import tomllib
from importlib.resources import files
from pathlib import Path

TABLE = "parameters.toml"


def known_functionals(table: str) -> tuple[str, ...]:
    """Return the functionals with parameters for a damping function, in s-dftd3's order.

    Parameters
    ----------
    table : str
        The damping function's name in the table, such as ``"bj"`` or ``"zerom"``.

    Notes
    -----
    s-dftd3 knows further spellings of some, and names with an underscore in the table are not for users.
    """
    data = tomllib.loads(_text())
    return tuple(name for name, entry in data["parameter"].items() if table in entry["d3"] and "_" not in name)


def _text() -> str:
    """Wheels keep the table inside the package, conda in the prefix."""
    packaged = files("dftd3") / TABLE
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(sys.prefix) / "share" / "s-dftd3" / TABLE).read_text(encoding="utf-8")
