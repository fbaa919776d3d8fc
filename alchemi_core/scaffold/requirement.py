"""The bounds that a new plugin puts on the core: from the version that is installed to the next that may break it."""

from __future__ import annotations

from packaging.version import Version

from alchemi_core.distributions import CORE


def core_requirement(version: str) -> str:
    """Return the requirement on the core.

    Parameters
    ----------
    version : str
        The one that is installed. Before 1.0 the next minor version may break a plugin, later the next major one.

    Examples
    --------
    >>> core_requirement("0.1.3"), core_requirement("2.4"), core_requirement("0.3.0rc1")
    ('alchemi-core>=0.1,<0.2', 'alchemi-core>=2.4,<3', 'alchemi-core>=0.3.0rc1,<0.4')
    """
    found = Version(version)
    least = found.public if found.is_prerelease else f"{found.major}.{found.minor}"
    below = f"{found.major + 1}" if found.major else f"0.{found.minor + 1}"
    return f"{CORE}>={least},<{below}"
