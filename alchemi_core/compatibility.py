"""Whether a plugin fits the core that is running, as its distribution's requirements say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alchemi_core.distributions import CORE, normalized
from alchemi_core.errors import PluginError

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from alchemi_core.distributions import PluginSource

RELEASE = r"\d+(?:\.\d+)*"


def check_core_fits(source: PluginSource, running: str) -> None:
    """Refuse a plugin whose distribution asks for another version of the core.

    Parameters
    ----------
    source : PluginSource
        Whose requirements are read.
    running : str
        Version of the core.

    Raises
    ------
    PluginError
        With the wanted and the running version, and the command that mends it.
    """
    for requirement in source.requires:
        name, bounds = _split(requirement)
        if normalized(name) != CORE or plainly_fits(bounds, running):
            continue
        wanted = _applicable(requirement)
        if wanted is not None and not wanted.contains(running, prereleases=True):
            raise PluginError(
                f"needs {CORE}{wanted}, but {running} is installed",
                who=f"{source.distribution} {source.version}",
                fix=_mend(source, wanted, running),
            )


def _split(requirement: str) -> tuple[str, str]:
    name = re.match(r"[\w.-]*", requirement.strip())
    length = name.end() if name else 0
    return requirement.strip()[:length], requirement.strip()[length:]


def plainly_fits(bounds: str, running: str) -> bool:
    """Whether bounds of the plain form that the manual shows hold; False says only that packaging must look.

    Importing packaging takes longer than all the rest of finding plugins, and ``alchemi models`` would wait for it.

    >>> plainly_fits(">=0.1,<0.2", "0.1.7"), plainly_fits(">=0.2", "0.1.7"), plainly_fits("~=0.1", "0.1.7")
    (True, False, False)
    """
    parts = [re.fullmatch(rf"(>=|<)({RELEASE})", part.strip()) for part in bounds.split(",")]
    if not re.fullmatch(RELEASE, running):
        return False
    return all(part and (part[1] == ">=") == (_release(running) >= _release(part[2])) for part in parts)


def _release(version: str) -> tuple[int, ...]:
    """Numbers of a release without zeros at the end: 1.0 and 1 are one version."""
    return tuple(int(number) for number in re.sub(r"(\.0+)+$", "", version).split("."))


def _applicable(requirement: str) -> SpecifierSet | None:
    """Bounds of a requirement; None when its marker is about something else, such as an extra."""
    from packaging.requirements import Requirement

    parsed = Requirement(requirement)
    applies = parsed.marker is None or parsed.marker.evaluate({"extra": ""})
    return parsed.specifier if applies else None


def _mend(source: PluginSource, wanted: SpecifierSet, running: str) -> str:
    """Upgrade the core when the plugin is ahead of it, else the plugin."""
    from packaging.version import Version

    floors = [part.version.removesuffix(".*") for part in wanted if part.operator not in ("<", "<=", "!=")]
    ahead = any(Version(floor) > Version(running) for floor in floors)
    return f'pip install "{CORE}{wanted}"' if ahead else f"pip install --upgrade {source.distribution}"
