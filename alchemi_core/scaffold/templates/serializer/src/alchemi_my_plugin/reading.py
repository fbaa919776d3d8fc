"""The model from a file of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from alchemi_core.errors import InputFileError

from alchemi_my_plugin.model import MyPlugin
from alchemi_my_plugin.parameters import expected, fault

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = Path(__file__).with_name("parameters.json")
"""The parameters that come with the package."""


def read(*, path: str | None = None) -> MyPlugin:
    """Make the model of a file.

    Parameters
    ----------
    path : str, optional
        The file; by default the one that comes with the package.

    Raises
    ------
    InputFileError
        If it cannot be read, or holds anything else than the parameters.
    """
    file = OWN if path is None else Path(path)
    parameters = _parameters(file)
    if found := fault(parameters):
        raise InputFileError(found, expected=expected(), who=str(file))
    return MyPlugin(**parameters)


# FILL IN: your format; do not unpickle what others may have written
def _parameters(file: Path) -> Mapping[str, float]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"), parse_int=float)
    except (OSError, ValueError) as error:
        raise InputFileError(f"cannot be read: {error}", expected="JSON in UTF-8", who=str(file)) from error
    if not isinstance(found, dict):
        raise InputFileError("holds no object", expected='{"name": number, ...}', who=str(file))
    return found
