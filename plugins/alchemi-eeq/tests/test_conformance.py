"""The conformance kit of alchemi: the charges alone as they are offered, and with the model's own energy."""

from __future__ import annotations

from alchemi_core.testing import ModelSubject, parametrize_conformance


@parametrize_conformance("alchemi-eeq", ModelSubject("eeq", {"energy": True}, name="eeq-energy"))
def test_conformance(check):
    check()
