"""Which checks of a subject fail."""

from __future__ import annotations

from alchemi_core.testing.running import run_checks


def failing(checks):
    """Names of the checks that fail, without kind and subject; those that are exempt too."""
    results = list(run_checks(checks))
    assert all(one.text.strip() for one in results if one.status in ("failed", "exempt"))
    return {short(one.check) for one in results if one.status in ("failed", "exempt")}


def names(checks):
    """Names of checks, without kind and subject."""
    return {short(check) for check in checks}


def short(check):
    return str(check).split("/", 2)[2]
