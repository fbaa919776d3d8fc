"""The conformance kit, on small random networks whose files are gone once they are read, and on the whole plugin."""

import functools
import tempfile
from pathlib import Path

from alchemi_aimnet2.testing import save_random_checkpoint

from alchemi_core import create_model
from alchemi_core.testing import ModelSubject, SerializerSubject, parametrize_conformance, structure_named

ELEMENTS = (1, 6, 8, 11, 13, 14, 17, 29)

SHARED_OUT = 5e-5
"""aimnet adds 1e-6 to the sum by which charges are shared out: values depend a little on the number of atoms."""

SMOOTH = [structure_named(name) for name in ("water", "ethanol", "copper", "left-handed", "outside-the-cell", "slab")]
"""Without silicon, where the steps that aimnet's D3 has at its cutoff are 1e-7 eV: too much for differences."""


def small(*, open_shell=False, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = save_random_checkpoint(Path(folder) / "small.pt", elements=ELEMENTS, open_shell=open_shell)
        return create_model("aimnet2", checkpoint=str(path), **options)


complete = functools.partial(small, coulomb="dsf")
bare = functools.partial(small, open_shell=True, coulomb=False, dispersion=False)


@parametrize_conformance(
    "alchemi-aimnet2",
    ModelSubject(complete, name="aimnet2", structures=SMOOTH, accuracy=SHARED_OUT),
    ModelSubject(bare, name="aimnet2-without-coulomb", accuracy=SHARED_OUT),
    SerializerSubject("aimnet2", models=[complete]),
)
def test_conformance(check):
    check()
