"""The conformance kit, on small models whose files are gone once they are read, and on the plugin as a whole."""

import functools
import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from alchemi_mace.upstream import o3

from alchemi_core import create_model
from alchemi_core.testing import ModelSubject, SerializerSubject, parametrize_conformance, structure_named

ELEMENTS = [1, 6, 8, 11, 14, 17, 29]


def build(layers, **options):
    """Build a ScaleShiftMACE of several elements with mace-torch, its weights random."""
    from mace import modules
    from mace.tools.torch_tools import default_dtype

    with torch.random.fork_rng():
        torch.manual_seed(0)
        with default_dtype("float64"):
            return modules.ScaleShiftMACE(
                r_max=4.0,
                num_bessel=4,
                num_polynomial_cutoff=5,
                max_ell=2,
                interaction_cls_first=modules.RealAgnosticDensityInteractionBlock,
                interaction_cls=modules.RealAgnosticResidualInteractionBlock,
                num_interactions=layers,
                num_elements=len(ELEMENTS),
                hidden_irreps=o3.Irreps("4x0e + 4x1o"),
                MLP_irreps=o3.Irreps("4x0e"),
                atomic_energies=np.linspace(-3.0, 1.0, len(ELEMENTS)),
                avg_num_neighbors=9.0,
                atomic_numbers=ELEMENTS,
                correlation=2,
                gate=torch.nn.functional.silu,
                radial_MLP=[8, 8],
                atomic_inter_scale=0.8,
                atomic_inter_shift=0.1,
                **options,
            )


@functools.cache
def written(layers, **options):
    """Return the content of a file of mace-torch, which warns of its own use of TorchScript."""
    content = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        torch.save(build(layers, **options), content)
    return content.getvalue()


def small(layers, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.model"
        path.write_bytes(written(layers, **options))
        return create_model("mace", checkpoint=path)


two_layers = functools.partial(small, 2)
one_layer = functools.partial(small, 1, pair_repulsion=True, distance_transform="Agnesi")
FEW = [structure_named(name) for name in ("water", "copper", "outside-the-cell", "slab")]


@parametrize_conformance(
    "alchemi-mace",
    ModelSubject(two_layers, name="mace"),
    ModelSubject(one_layer, name="mace-with-repulsion", structures=FEW),
    SerializerSubject("mace", models=[one_layer]),
)
def test_conformance(check):
    check()
