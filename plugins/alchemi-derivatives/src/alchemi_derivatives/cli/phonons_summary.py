"""What phonons came to: cells, modes at the zone centre, stability, thermal properties."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.symbols import Symbols

from alchemi_core.cli.relax_summary import shown
from alchemi_core.cli.tables import Column, show_table
from alchemi_derivatives.phonon_spectrum import PER_CM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from phonopy import Phonopy

    from alchemi_derivatives.phonon_spectrum import PhononSpectrum

ROOM = 300.0
"""K."""

ALIKE = 5e-3
"""THz; modes at Γ no further apart stand in one row."""


def show_summary(phonon: Phonopy, spectrum: PhononSpectrum) -> None:
    """Print cells, modes at Γ, whether there are imaginary ones, and sums over all modes."""
    sys.stdout.write(f"\n{_cells(phonon)}\n\n")
    columns = (
        Column("modes at Γ"),
        Column("number", number=True),
        Column("THz", number=True),
        Column("1/cm", number=True),
    )
    show_table("", columns, list(_modes(spectrum)))
    sys.stdout.write(f"\n{_stability(spectrum)}\n\n")
    heading = Column(f"per mole of {_formula(phonon)}")
    show_table("", [heading, Column("unit"), Column("value", number=True)], list(_thermal(spectrum)))


def describe(phonon: Phonopy, spectrum: PhononSpectrum) -> dict[str, Any]:
    """Return the results for ``run.json``."""
    room = _at_room(spectrum)
    return {
        "primitive_cell": _formula(phonon),
        "supercell_matrix": np.asarray(phonon.supercell_matrix).T.tolist(),
        "primitive_matrix": np.asarray(phonon.primitive_matrix).T.tolist(),
        "supercell_atoms": len(phonon.supercell),
        "displacements": len(phonon.displacements),
        "mesh": list(spectrum.mesh),
        "lattice": spectrum.path.lattice,
        "frequencies_at_gamma_THz": spectrum.gamma.tolist(),
        "lowest_frequency_THz": spectrum.lowest,
        "lowest_frequency_at": spectrum.lowest_at.tolist(),
        "imaginary_modes": not spectrum.is_stable,
        "zero_point_energy_kJ_per_mol": spectrum.zero_point_energy,
        "free_energy_300K_kJ_per_mol": float(spectrum.free_energy[room]),
        "entropy_300K_J_per_K_mol": float(spectrum.entropy[room]),
        "heat_capacity_300K_J_per_K_mol": float(spectrum.heat_capacity[room]),
    }


def _formula(phonon: Phonopy) -> str:
    return str(Symbols(phonon.primitive.numbers).get_chemical_formula("metal"))


def _cells(phonon: Phonopy) -> str:
    given, primitive = len(phonon.unitcell), len(phonon.primitive)
    cell = f"primitive cell of {primitive} atoms, reduced from {given}" if primitive < given else "cell as given"
    count = len(phonon.displacements)
    displaced = f"{count} displacement{'s' if count > 1 else ''}"
    return f"{_formula(phonon)}: {cell}; {displaced} in a supercell of {len(phonon.supercell)} atoms"


def _modes(spectrum: PhononSpectrum) -> Iterator[tuple[str, str, str, str]]:
    acoustic = set(np.argsort(np.abs(spectrum.gamma))[:3].tolist())
    moving = [float(value) for mode, value in enumerate(spectrum.gamma) if mode in acoustic]
    others = [float(value) for mode, value in enumerate(spectrum.gamma) if mode not in acoustic]
    for name, group in [("acoustic", moving), *(("", group) for group in _alike(others))]:
        value = float(np.mean(group))
        kind = name or ("imaginary" if value < 0.0 else "optical")
        yield kind, str(len(group)), shown(value, ".3f"), shown(value * PER_CM, ".1f")


def _alike(frequencies: Sequence[float]) -> list[list[float]]:
    """Return frequencies, which are in order, with those together that are next to each other."""
    groups: list[list[float]] = []
    for value in frequencies:
        if groups and value - groups[-1][-1] < ALIKE:
            groups[-1].append(value)
        else:
            groups.append([value])
    return groups


def _stability(spectrum: PhononSpectrum) -> str:
    if spectrum.is_stable:
        return "no imaginary modes"
    at = ", ".join(shown(float(part), ".3g") for part in spectrum.lowest_at)
    low = abs(spectrum.lowest)
    return (
        f"imaginary modes down to {low:.3f}i THz ({low * PER_CM:.1f}i 1/cm), at q = ({at}): such a "
        "distortion lowers the energy; the sums below leave them out"
    )


def _thermal(spectrum: PhononSpectrum) -> Iterator[tuple[str, str, str]]:
    room = _at_room(spectrum)
    yield "zero-point energy", "kJ/mol", f"{spectrum.zero_point_energy:.3f}"
    yield f"free energy at {ROOM:.0f} K", "kJ/mol", f"{spectrum.free_energy[room]:.3f}"
    yield f"entropy at {ROOM:.0f} K", "J/(K mol)", f"{spectrum.entropy[room]:.3f}"
    yield f"heat capacity at {ROOM:.0f} K", "J/(K mol)", f"{spectrum.heat_capacity[room]:.3f}"


def _at_room(spectrum: PhononSpectrum) -> int:
    return int(np.argmin(np.abs(spectrum.temperatures - ROOM)))
