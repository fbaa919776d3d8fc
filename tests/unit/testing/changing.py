"""Lists with something done to them, for backends that are broken on purpose."""

from __future__ import annotations

import numpy as np

from alchemi_core.neighbors.selecting import select
from alchemi_core.testing.pair_tables import write_coo


def chosen(built, keep):
    """The pairs of a list for which `keep` is true."""
    return select(built, keep, cutoff=built.cutoff, half_list=built.half_list, skin=built.skin)


def rewritten(built, rows):
    """The list with other rows, sorted by i again."""
    labels = {"cutoff": built.cutoff, "half_list": built.half_list, "skin": built.skin}
    order = np.argsort(rows[:, 0], kind="stable")
    return write_coo(rows[order], built.num_atoms, built.edge_ptr.dtype, **labels)
