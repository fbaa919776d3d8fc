"""What alchemi-core expects of every plugin: each check is a test."""

from __future__ import annotations

from alchemi_core.testing import Check, parametrize_conformance


@parametrize_conformance("alchemi-my-plugin")
def test_conformance(check: Check) -> None:
    check()
