"""Privacy: what must not stand in a report that is shown to others."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import Any

SECRET = re.compile(r"key|token|secret|pass|credential|auth", re.IGNORECASE)
HIDDEN = "(set, not shown)"


def shareable(value: Any, home: Path | None = None, user: str | None = None) -> Any:
    """Return a JSON value with the home directory as ``~`` and the user's name taken out of other paths.

    Parameters
    ----------
    value : JSON value
        Texts in it may hold paths.
    home : Path, optional
        Home directory; by default that of the process.
    user : str, optional
        Name of the user; by default that of the process.

    Examples
    --------
    >>> shareable(["/home/eve/x.py", "/data/eve/y"], Path("/home/eve"), "eve")
    ['~/x.py', '/data/USER/y']
    """
    home, user = _home() if home is None else home, _user() if user is None else user
    if isinstance(value, dict):
        return {shareable(key, home, user): shareable(one, home, user) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [shareable(one, home, user) for one in value]
    return _cleaned(value, home, user) if isinstance(value, str) else value


def _cleaned(text: str, home: Path | None, user: str) -> str:
    for place in dict.fromkeys((str(home), str(home.resolve())) if home else ()):
        if len(place) > 1:  # the root of all files is home to nobody in particular
            text = re.sub(rf"{re.escape(place)}(?![\w.-])", "~", text)
    return re.sub(rf"(?<=[/\\]){re.escape(user)}(?![\w.-])", "USER", text) if user else text


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _user() -> str:
    """Name of the user; empty where the system knows none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def shareable_value(name: str, value: str) -> str:
    """Return what to show of an environment variable: never what may be a secret.

    >>> shareable_value("OMP_NUM_THREADS", "4"), shareable_value("ALCHEMI_API_KEY", "4")
    ('4', '(set, not shown)')
    """
    return HIDDEN if SECRET.search(name) else value
