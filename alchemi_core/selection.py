"""Which plugins the environment lets in: an allow-list and a block-list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.distributions import CORE, PluginSource, normalized
from alchemi_core.errors import nearest
from alchemi_core.plugin_records import PluginFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ALLOW = "ALCHEMI_PLUGINS"
BLOCK = "ALCHEMI_BLOCK_PLUGINS"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


@attrs.frozen
class Selection:
    """What ``ALCHEMI_PLUGINS`` and ``ALCHEMI_BLOCK_PLUGINS`` say, each a comma list of plugins or distributions.

    Parameters
    ----------
    allowed : tuple of str, optional
        Only these are loaded; None lets in all, an empty list none. The core's own offers are always there.
    blocked : tuple of str
        These are not loaded, allowed or not.
    """

    allowed: tuple[str, ...] | None = None
    blocked: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Selection:
        """Read both variables."""
        return cls(_names(environ[ALLOW]) if ALLOW in environ else None, _names(environ.get(BLOCK, "")))

    def objection(self, source: PluginSource) -> str:
        """Say why a plugin is kept out; nothing when it is let in."""
        if _meets(self.blocked, source):
            return f"blocked by {BLOCK}"
        if self.allowed is not None and not _meets(self.allowed, source):
            return f"not named in {ALLOW}"
        return ""

    def misnomers(self, sources: Iterable[PluginSource]) -> Iterator[PluginFailure]:
        """Give a failure for each name that fits no plugin, since a misspelt one would go unseen."""
        known = frozenset[str]().union(*(source.names for source in sources))
        for variable, names in ((ALLOW, self.allowed or ()), (BLOCK, self.blocked)):
            for name in names:
                if normalized(name) not in known | ({CORE} if variable == ALLOW else set()):
                    yield _misnomer(variable, name, known)


def _meets(names: Iterable[str], source: PluginSource) -> bool:
    return not source.names.isdisjoint(map(normalized, names))


def _misnomer(variable: str, name: str, known: frozenset[str]) -> PluginFailure:
    if normalized(name) == CORE:
        return PluginFailure(name, "", "", f"{variable} names {CORE}, whose own offers cannot be blocked")
    near = nearest(normalized(name), known)
    fix = f"did you mean {near!r}?" if near else f"installed: {', '.join(sorted(known)) or 'no plugin'}"
    return PluginFailure(
        name, "", "", f"{variable} names {name!r}, but no plugin or distribution is called that", fix=fix
    )
