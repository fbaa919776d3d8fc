"""On a terminal: lines, a bar below them, tables; and the terminal as it was at the end."""

import os
import pty

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
