"""The conformance kit, on the potential and on the plugin as a whole."""

from alchemi_sevennet.hooks import EXEMPT

from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named

STRUCTURES = ("ethanol", "copper", "left-handed", "outside-the-cell", "slab", "wire")
"""Without those that take longest: its range is 5 Å, and messages go five times as far."""


@parametrize_conformance(
    "alchemi-sevennet",
    ModelSubject("sevennet", structures=map(structure_named, STRUCTURES), exempt=EXEMPT),
)
def test_conformance(check):
    check()
