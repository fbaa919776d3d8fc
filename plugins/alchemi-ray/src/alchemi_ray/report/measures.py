"""Measures: the numbers of each structure that the report tells about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.quantities import QUANTITIES, SPREADS, Per

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_ray.report.run import Run

TERM = "term "
"""Beginning of the names of what the steps add; the label follows."""

OUTPUT = "output "
"""Beginning of the names of further outputs; the name of the quantity follows."""

PLAIN = frozenset({"energy", "forces", "stress"})


@attrs.frozen
class Measure:
    """One number of each structure.

    Parameters
    ----------
    name : str
        Of its values in blocks of rows.
    heading, unit : str
        As people read them.
    part : {"results", "terms", "task", "size", ""}
        Where in the report it is drawn; nowhere if empty.
    log : bool
        Whether it may be drawn on a logarithmic axis.
    whole : bool
        Whether it is a whole number.
    highest, lowest : str
        Heading of the table of structures in which it is largest, and in which it is smallest; no table where empty.
    """

    name: str
    heading: str
    unit: str
    part: str = "results"
    log: bool = False
    whole: bool = False
    highest: str = ""
    lowest: str = ""


ENERGY = Measure(
    "energy_per_atom",
    "Energy per atom",
    "eV/atom",
    highest="Highest energy per atom",
    lowest="Lowest energy per atom",
)
FORCE = Measure("max_force", "Largest force on an atom", "eV/Å", log=True, highest="Largest force on an atom")
PRESSURE = Measure("pressure", "Pressure, −tr σ / 3", "GPa", highest="Highest pressure", lowest="Lowest pressure")
ATOMS = Measure("atoms", "Size of the structures", "atoms", part="size", whole=True)

RELAX = (
    Measure("steps", "Steps taken", "steps", part="task", whole=True),
    Measure("energy_change", "Energy change of the relaxation", "eV/atom", part="task"),
    Measure("largest_force", "Largest force at the end", "eV/Å", part="task", log=True),
    Measure("force_left", "Force left", "eV/Å", part="", highest="Not converged, largest force left"),
)
PHONONS = (
    Measure(
        "lowest_frequency_THz",
        "Lowest frequency of the mesh",
        "THz",
        part="task",
        lowest="Lowest frequency of the mesh, imaginary as negative",
    ),
    Measure("imaginary_modes", "Imaginary modes", "", part=""),
    Measure("zero_point_energy_kJ_per_mol", "Zero-point energy", "kJ/mol", part="task"),
    Measure("free_energy_300K_kJ_per_mol", "Free energy at 300 K", "kJ/mol", part="task"),
    Measure("entropy_300K_J_per_K_mol", "Entropy at 300 K", "J/(K mol)", part="task"),
    Measure("heat_capacity_300K_J_per_K_mol", "Heat capacity at 300 K", "J/(K mol)", part="task"),
)
TASKS = {"singlepoint": (), "relax": RELAX, "phonons": PHONONS}


def measures_of(run: Run) -> tuple[Measure, ...]:
    """Return what the report of a run tells of each structure."""
    outputs = [_output(name) for name in run.outputs if name not in PLAIN]
    return (ENERGY, FORCE, PRESSURE, *outputs, ATOMS, *_terms(run.labels), *TASKS.get(run.task, ()))


def _terms(labels: Sequence[str]) -> list[Measure]:
    """Return the energies of steps; a single one is the total and needs no second picture."""
    return [Measure(TERM + label, label, "eV/atom", part="terms") for label in labels] if len(labels) > 1 else []


def _output(name: str) -> Measure:
    """Return the measure of a further output, the deviation of a committee above all."""
    unit = QUANTITIES[name].unit if name in QUANTITIES else ""
    if name == "energy_std":
        heading = "Committee deviation of the energy"
        return Measure(OUTPUT + name, heading, "eV/atom", log=True, highest=heading)
    if name in SPREADS:
        heading = f"Committee deviation, largest of {SPREADS[name]}"
        return Measure(OUTPUT + name, heading, unit, log=True, highest=heading)
    heading = f"{name}{_largest(name)}"
    return Measure(OUTPUT + name, heading, unit, highest=heading)


def _largest(name: str) -> str:
    """Return what one number of a structure is, where the quantity has several."""
    if name not in QUANTITIES:
        return ", largest number"
    one = QUANTITIES[name]
    return ", largest of an atom" if one.per is Per.ATOM else "" if one.shape == (1,) else ", largest component"
