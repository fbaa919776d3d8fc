"""Evaluated: what came of one structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from ase import Atoms

    from alchemi_core.outputs import Outputs


@attrs.frozen(eq=False)
class Evaluated:
    """What came of one structure: outputs, or an error.

    Parameters
    ----------
    index : int
        Its place in the input, from 0.
    structure : ase.Atoms
        As it was given.
    outputs : Outputs or None
        What the pipeline gives of this structure alone, detached and on the CPU: energy [1, 1] eV, forces [n, 3] eV/Å,
        and so on; None where it failed.
    error : Exception or None
        Why it failed.
    """

    index: int
    structure: Atoms
    outputs: Outputs | None = None
    error: Exception | None = None
