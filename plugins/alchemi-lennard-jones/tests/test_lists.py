"""Pairs or matrix, full or half: the same numbers from lists made by the core's referee."""

import itertools

import numpy as np
import pytest
import torch
from alchemi_lennard_jones.model import LennardJones
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core import Batch, ModelView
from alchemi_core.errors import GeometryError
from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.halves import to_half

VARIANTS = list(itertools.product(("coo", "matrix"), (False, True)))
EVERYTHING = frozenset({"energy", "forces", "stress", "virial", "node_energies"})


def computed(batch, layout, half):
    model = LennardJones(cutoff=4.0, sigma=1.3, format=layout, half_list=half, derivatives="analytic")
    pairs = brute_force.build(batch, 4.0, 0.0)
    pairs = to_half(pairs) if half else pairs
    names = ("positions", "atomic_numbers", "batch_idx", "cell", "pbc")
    view = ModelView(
        {name: batch.get(name) for name in names}, batch, to_matrix(pairs) if layout == "matrix" else pairs, "test"
    )
    return model.compute(view, EVERYTHING)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    pbc=st.tuples(*[st.booleans()] * 3),
)
def test_all_four_agree(seed, sizes, pbc):
    random = np.random.default_rng(seed)
    systems = [
        Atoms(
            f"Ar{n}" if n else "",
            random.uniform(-5.0, 5.0, (n, 3)),
            cell=3.0 * np.eye(3) + random.uniform(-0.5, 0.5, (3, 3)),
            pbc=pbc,
        )
        for n in sizes
    ]
    batch = Batch.from_ase(systems)
    reference = computed(batch, *VARIANTS[0])
    for variant in VARIANTS[1:]:
        for name, value in computed(batch, *variant).items():
            scale = reference[name].abs().max().item() if reference[name].numel() else 0.0
            torch.testing.assert_close(
                value, reference[name], rtol=1e-9, atol=1e-11 * max(scale, 1.0), msg=f"{variant}"
            )


@pytest.mark.parametrize(("layout", "half"), VARIANTS)
def test_a_list_with_a_pair_at_distance_zero_is_refused(layout, half):
    atoms = Atoms("Ar3", [[0, 0, 0], [0, 0, 2], [0, 0, 9]], cell=[7, 7, 7], pbc=True)
    with pytest.raises(GeometryError, match="atoms 1 and 2 are at one place"):
        computed(Batch.from_ase(atoms), layout, half)


@pytest.mark.parametrize(("layout", "half"), VARIANTS)
def test_config_says_what_is_read(layout, half):
    config = LennardJones(cutoff=4.0, format=layout, half_list=half).model_config.neighbor_config
    assert (config.cutoff, config.format.value, config.half_list) == (4.0, layout, half)
