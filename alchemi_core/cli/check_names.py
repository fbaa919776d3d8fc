"""Names of checks taken apart: what is checked, and what of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_core.testing.checks import Check

TAKES = "takes-"
DEPTH = 2
"""How many parts of a long name, such as ``builder/gas/float64/cpu``, its group has in common."""


@attrs.frozen
class CheckName:
    """Name of a check.

    Parameters
    ----------
    kind : str
        ``"model"``, ``"neighbors"``, ``"plugin"`` and so on.
    subject : str
        Name of what is checked.
    end : str
        Name of the check among those of the subject; may hold slashes.
    """

    kind: str
    subject: str
    end: str

    @classmethod
    def of(cls, name: str) -> Self:
        """Take a name apart.

        >>> CheckName.of("neighbors/vesin/builder/gas/float64/cpu").end
        'builder/gas/float64/cpu'
        """
        kind, _, rest = name.partition("/")
        # Models are called by what was typed, which may hold slashes; the names of their checks do not.
        subject, _, end = rest.rpartition("/") if kind == "model" else rest.partition("/")
        return cls(kind, subject, end)

    @property
    def title(self) -> str:
        """What is checked."""
        return f"{self.kind} {self.subject}"

    @property
    def group(self) -> str:
        """What it has in common with those that a report takes together.

        >>> CheckName.of("model/morse/takes-water").group, CheckName.of("model/morse/forces").group
        ('takes', 'forces')
        """
        return "takes" if self.end.startswith(TAKES) else "/".join(self.end.split("/")[:DEPTH])

    @property
    def case(self) -> str:
        """What tells it from the others of its group; empty where it is alone."""
        return self.end.removeprefix(self.group).lstrip("-/")


def by_subject(checks: Iterable[Check]) -> dict[str, dict[str, list[Check]]]:
    """Sort checks by title and group, both in the order in which they come.

    Parameters
    ----------
    checks : iterable of Check
        Any.
    """
    sorted_: dict[str, dict[str, list[Check]]] = {}
    for check in checks:
        name = CheckName.of(check.name)
        sorted_.setdefault(name.title, {}).setdefault(name.group, []).append(check)
    return sorted_
