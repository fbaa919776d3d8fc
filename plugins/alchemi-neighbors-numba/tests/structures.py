"""Structures drawn at random: every mix of periodic directions, cells of every shape, atoms anywhere."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st

from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_core.testing.neighbor_cases import case_of
from alchemi_core.testing.source_lists import SourceKind

DTYPES = st.sampled_from([torch.float64, torch.float32])
LAYOUTS = st.sampled_from(list(NeighborListFormat))
INDEX_DTYPES = st.sampled_from(["int32", "int64"])


@st.composite
def systems(draw):
    """Up to six atoms in and around a cell, or hundreds of cells away; two at one place, sometimes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pbc = draw(st.sampled_from(list(itertools.product((True, False), repeat=3))))
    lengths = draw(st.sampled_from([(1.6, 1.6, 1.6), (2.4, 2.4, 2.4), (6.0, 6.0, 6.0), (1.7, 2.0, 9.0)]))
    skewed = np.eye(3) + draw(st.sampled_from([0.0, 0.3])) * rng.uniform(-1.0, 1.0, (3, 3))
    assume(abs(np.linalg.det(skewed)) > 0.3)
    cell = (np.array(lengths)[:, None] * skewed)[draw(st.sampled_from([[0, 1, 2], [1, 0, 2]]))]
    places = rng.uniform(-1.5, 1.5, (draw(st.integers(0, 6)), 3))
    if draw(st.booleans()):
        places = places + (rng.integers(-300, 301, places.shape) * np.array(pbc)) @ cell
    if len(places) > 1 and draw(st.booleans()):
        places[0] = places[-1]
    if draw(st.booleans()):
        cell = cell * np.array(pbc)[:, None]
    return places, cell, pbc


@st.composite
def cases(draw):
    """One to four systems, with a cutoff."""
    return case_of("drawn", draw(st.sampled_from([2.2, 1.7, 1.1])), *draw(st.lists(systems(), min_size=1, max_size=4)))


@st.composite
def sources(draw):
    """Every kind of list that can be given to a converter."""
    half_list, skin = draw(st.booleans()), draw(st.sampled_from([0.0, 0.4]))
    return SourceKind(
        draw(LAYOUTS),
        half_list,
        draw(INDEX_DTYPES),
        skin,
        moved=skin > 0.0 and draw(st.booleans()),
        wider=draw(st.sampled_from([1.0, 1.3])),
        spare=draw(st.integers(0, 2)),
        turned=half_list and draw(st.booleans()),
        strided=draw(st.booleans()),
    )
