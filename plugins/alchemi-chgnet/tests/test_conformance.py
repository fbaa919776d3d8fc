"""The conformance kit, on the potential and on the plugin as a whole."""

from alchemi_core.testing import parametrize_conformance


@parametrize_conformance("alchemi-chgnet")
def test_conformance(check):
    check()
