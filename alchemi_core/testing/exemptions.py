"""Exemptions: checks that need not pass, each with a reason; a name that fits no check is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alchemi_core.testing.checks import Check


def exempted(checks: Iterable[Check], exempt: Mapping[str, str], who: str) -> list[Check]:
    """Return checks, those that need not pass with the reason on them.

    Parameters
    ----------
    checks : iterable of Check
        All of them.
    exempt : mapping of str to str
        Reasons by the whole name of a check, or by its end: ``"forces"`` stands for ``model/my-model/forces``.
    who : str
        Whose exemptions they are, for errors.

    Raises
    ------
    OptionError
        If a name fits no check, or a reason is empty.
    """
    listed = list(checks)
    for key, reason in exempt.items():
        names = [] if any(check.alone for check in listed) else [check.name for check in listed]
        _check_entry(key, reason, names, who)
    return [attrs.evolve(check, exempt=_reason(check, exempt) or check.exempt) for check in listed]


def _reason(check: Check, exempt: Mapping[str, str]) -> str:
    return next((reason for key, reason in exempt.items() if _fits(key, check.name)), "")


def _fits(key: str, name: str) -> bool:
    return name == key or name.endswith(f"/{key}")


def _check_entry(key: str, reason: str, names: list[str], who: str) -> None:
    if not isinstance(reason, str) or not reason.strip():
        raise OptionError(f"{key!r} is exempt without a reason", expected="a sentence that says why", who=who)
    if names and not any(_fits(key, name) for name in names):
        ends = [name.rpartition("/")[2] for name in names]
        close = nearest(key, [*names, *ends])
        raise OptionError(
            f"{key!r} is exempt, and no check has that name",
            expected="one of " + ", ".join(dict.fromkeys(ends)),
            who=who,
            fix=f"{close!r}" if close else "",
        )
