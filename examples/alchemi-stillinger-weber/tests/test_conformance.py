"""What alchemi-core expects of every plugin: each check is a test."""

from __future__ import annotations

from alchemi_core.testing import Check, parametrize_conformance


@parametrize_conformance("alchemi-stillinger-weber")
def test_conformance(check: Check) -> None:
    check()
