"""On a terminal: lines, a bar below them, tables; and the terminal as it was at the end."""

import os
import pty
import re

import pytest
from ase import Atoms
from ase.io import write


def read_all(descriptor):
    """Everything written to a terminal until its other end closes."""
    parts = []
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:
            break
        if not data:
            break
        parts.append(data)
    return b"".join(parts).decode()


def test_a_relaxation_on_a_terminal(start, here):
    write("cube.cif", Atoms("H", cell=[1.2, 1.2, 1.2], pbc=True))
    ours, theirs = pty.openpty()
    words = ["relax", "cube.cif", "--model", "springs + springs(k=2)"]
    process = start(*words, stdout=theirs, terminal={"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"})
    os.close(theirs)
    shown = read_all(ours)
    os.close(ours)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "max stress" in shown
    assert "━" in shown, "no bar"
    assert "─" in shown, "no table"
    assert "converged in" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "the cursor is still hidden"


def shown_on_a_terminal(start, columns, *words):
    """What a terminal of so many columns shows, without colours and movements of the cursor."""
    ours, theirs = pty.openpty()
    process = start(*words, stdout=theirs, terminal={"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40"})
    os.close(theirs)
    shown = read_all(ours)
    os.close(ours)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 44, 30])
def test_no_number_is_cut_however_narrow_the_terminal(start, here, columns):
    write("three.xyz", [Atoms("HLi", [[0, 0, 0], [0, 0, length]]) for length in (1.1, 1.2, 1.3)])
    model = "springs + springs(k=2)"
    shown = shown_on_a_terminal(start, columns, "relax", "three.xyz", "--model", model, "--fmax", "1e-6")
    _, _, overview = shown.partition("wrote relaxed-three/0002")
    # ½ k (l − 1)², k = 1, 2 and 3 in all
    for length in (0.1, 0.2, 0.3):
        for k in (1, 2, 3):
            assert f"-{0.5 * k * length**2:.6f}" in overview
    assert "…" not in overview
    assert ("─" in overview) is (columns >= 80)
    assert "3 structures: 3 converged" in " ".join(overview.split())


def test_the_bar_says_which_structure_it_is(start, here):
    write("two.xyz", [Atoms("HLi", [[0, 0, 0], [0, 0, length]]) for length in (1.1, 1.3)])
    shown = shown_on_a_terminal(start, 100, "relax", "two.xyz", "--model", "slow-springs(seconds=0.2)")
    assert re.search(r"━.*2 of 2 .*largest force", shown)
