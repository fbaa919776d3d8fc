"""What ``alchemi elastic`` prints: residual load, 6 × 6 tables, moduli, stability."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from alchemi_core.cli.tables import Column, show_table
from alchemi_derivatives.cli.elastic_result import FORCE, STRESS
from alchemi_derivatives.voigt import LABELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alchemi_derivatives.cli.elastic_result import ElasticResult

SAME = 5e-3
"""GPa. Tables that differ by less would print alike."""

HOW = {"graph": "second derivatives on the graph", "differences": "differences of forces and stress"}


def show_elastic(result: ElasticResult, why: str) -> None:
    """Print a result.

    Parameters
    ----------
    result : ElasticResult
        What was found.
    why : str
        Why differences were taken where the graph was tried first; empty where it was not.
    """
    say = sys.stdout.write
    say(f"\n{result.atoms.get_chemical_formula('metal')}, {_counted(len(result.atoms))}: {HOW[result.method]}\n")
    if why:
        say(f"  not on the graph: {' '.join(why.split())}\n")
    say(f"largest force {result.max_force:.4f} eV/Å, largest stress {result.max_stress:.4f} GPa\n")
    if not result.at_rest:
        say(
            f"  not at rest (beyond {FORCE:g} eV/Å or {STRESS:g} GPa): constants are Brugger's at this load, and\n"
            "  moduli and stability are off by terms of its size; --relax, or alchemi relax first, takes it away\n"
        )
    vectors = [
        f"{name} ({' '.join(_shown(x) for x in row)})" for name, row in zip("abc", result.atoms.cell, strict=True)
    ]
    say(f"x y z are those of the cell {', '.join(vectors)} Å\n")
    _tables(result)
    _moduli(result)


def _tables(result: ElasticResult) -> None:
    if result.relaxed is None:
        _table("elastic constants, ions clamped, GPa", result.clamped)
        return
    if np.abs(result.relaxed - result.clamped).max() < SAME:
        _table("elastic constants, GPa; the same with ions clamped and relaxed", result.relaxed)
        return
    _table("elastic constants, ions clamped, GPa", result.clamped)
    _table("elastic constants, ions relaxed, GPa", result.relaxed)


def _table(title: str, constants: NDArray[np.float64]) -> None:
    rows = [[label, *(_shown(value) for value in row)] for label, row in zip(LABELS, constants, strict=True)]
    sys.stdout.write("\n")
    show_table(title, [Column(""), *(Column(label, number=True) for label in LABELS)], rows)


def _moduli(result: ElasticResult) -> None:
    moduli = result.moduli
    averages = (moduli.voigt, moduli.reuss, moduli.hill)
    rows = [
        ["bulk", "GPa", *(_shown(one.bulk) for one in averages)],
        ["shear", "GPa", *(_shown(one.shear) for one in averages)],
        ["Young", "GPa", *(_shown(one.young) for one in averages)],
        ["Poisson", "", *(_shown(one.poisson, ".3f") for one in averages)],
    ]
    sys.stdout.write("\n")
    titles = [Column("modulus"), Column(""), *(Column(name, number=True) for name in ("Voigt", "Reuss", "Hill"))]
    show_table("polycrystal", titles, rows)
    low, high = moduli.eigenvalues[[0, -1]]
    verdict = "stable: all eigenvalues" if moduli.stable else "not stable: eigenvalues"
    sys.stdout.write(f"\n{verdict} of C between {_shown(low)} and {_shown(high)} GPa")
    sys.stdout.write(f"; universal anisotropy {_shown(moduli.anisotropy, '.3f')}\n")


def _counted(atoms: int) -> str:
    return "1 atom" if atoms == 1 else f"{atoms} atoms"


def _shown(value: float, form: str = ".2f") -> str:
    """Return a number as text; a dash where there is none, and no minus sign where it rounds to zero."""
    if not np.isfinite(value):
        return "–"
    text = format(value, form)
    return format(0.0, form) if float(text) == 0.0 else text
