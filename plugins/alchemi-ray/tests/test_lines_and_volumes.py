"""Comments with separators that are no ends of lines, and cells whose vectors lie in a plane."""

import numpy as np
import pytest
from alchemi_ray.dataset.xyz import record_of
from alchemi_ray.tasks.singlepoint import has_volume
from ase import Atoms


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085", "\x0b", "\x1c"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_comment_may_hold_any_separator(mark, end):
    lines = ("1", f'Properties=species:S:1:pos:R:3 note="one{mark}two" pbc="F F F"', "Ar 0.0 0.0 0.0", "")
    record = record_of(end.join(lines).encode())
    assert record.error is None
    assert record.atoms.info["note"] == f"one{mark}two"


FLAT = [[0.1, 0.2, 0.3], [0.7, 0.1, 0.9], [0.8, 0.3, 1.2]]


@pytest.mark.parametrize(
    ("cell", "has"), [(np.eye(3), True), (-np.eye(3), True), (FLAT, False), (np.diag([1, 1, 0]), False), (None, False)]
)
def test_three_vectors_in_a_plane_have_no_volume(cell, has):
    assert has_volume(Atoms("Ar", cell=cell)) is has


def test_no_stress_is_asked_in_a_plane(alchemi, here, tools):
    tools.save("data.extxyz", [Atoms("Ar2", [[0, 0, 0], [0, 0, 3.5]], cell=10 * np.array(FLAT))])
    answer = alchemi("data.extxyz", "--model", "lennard-jones", "--out", "out")
    assert answer.code == 0, (answer.err, tools.failures_of(here / "out"))
    assert tools.results_of(here / "out")[0]["stress"] is None
