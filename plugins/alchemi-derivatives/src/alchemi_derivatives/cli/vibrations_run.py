"""``alchemi vibrations``: from a structure to its modes, on the screen and in files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import attrs

from alchemi_core.atomic_write import write_text
from alchemi_core.cli.composing import FORCES
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.progress import waiting
from alchemi_core.cli.tables import Column, show_table
from alchemi_core.errors import InputFileError, OptionError
from alchemi_derivatives.cli.job import Job
from alchemi_derivatives.cli.resting import Rest, relax
from alchemi_derivatives.cli.second_derivatives import SecondDerivatives, check_step
from alchemi_derivatives.cli.vibrations_files import FILES, as_rows, write_files
from alchemi_derivatives.cli.vibrations_notes import AT_REST, notes_on
from alchemi_derivatives.curvature import STEPS
from alchemi_derivatives.modes import Modes, harmonic_modes

if TYPE_CHECKING:
    import argparse

    from ase import Atoms

    from alchemi_core.outputs import Outputs

OUTPUTS = FORCES | {"hessian"}

LISTED = 60
"""Modes that are printed one by one; of more, the first and the last half of these."""


@attrs.frozen(eq=False)
class Curvatures:
    """Second derivatives and how they were taken.

    Parameters
    ----------
    how : SecondDerivatives
        By which they were taken.
    outputs : Outputs
        Energy, forces and Hessian.
    rest : Rest, optional
        The relaxation before, where there was one.
    """

    how: SecondDerivatives
    outputs: Outputs
    rest: Rest | None

    @property
    def max_force(self) -> float:
        """Largest force on an atom, eV/Å."""
        return float(self.outputs["forces"].norm(dim=1).max())


def run(arguments: argparse.Namespace) -> int:
    """Compute, print and write; 1 where a relaxation did not converge."""
    _check_options(arguments)
    job = Job.start(arguments, "vibrations", FILES)
    _check_moves(job.structure.atoms, job)
    how = SecondDerivatives.planned(job.pipeline, "hessian", OUTPUTS, arguments)
    rest = relax(job, arguments.fmax or 0.001, 500, fix_cell=True) if arguments.relax else None
    atoms = job.structure.atoms if rest is None else rest.atoms
    with waiting(f"second derivatives by {3 * len(atoms)} coordinates"):
        found = Curvatures(*how.compute(job.batch(atoms)), rest)
    modes = harmonic_modes(found.outputs["hessian"][0], atoms)
    _show(modes, found, atoms, job)
    _write(modes, found, atoms, job, arguments.model)
    return 0 if rest is None or rest.converged else 1


def _check_options(arguments: argparse.Namespace) -> None:
    if arguments.fmax is not None and not arguments.relax:
        raise OptionError("--fmax without --relax", expected="both or neither", who="--fmax", fix="--relax")
    check_step(arguments)


def _check_moves(atoms: Atoms, job: Job) -> None:
    if len(atoms) < 2:
        raise InputFileError(
            "one atom, which has translations only",
            expected="two atoms or more",
            who=job.structure.label,
            fix="alchemi phonons, where it is the cell of a crystal",
        )


def _show(modes: Modes, found: Curvatures, atoms: Atoms, job: Job) -> None:
    how = "on the graph" if found.how.used == "graph" else "by differences of forces"
    formula = atoms.get_chemical_formula(mode="hill")
    sys.stdout.write(f"{job.structure.label}: {formula}, second derivatives {how}\n")
    if found.how.reason:
        sys.stdout.write(f"  not on the graph, since {found.how.reason}\n")
    if unused := found.how.unused_step():
        sys.stdout.write(f"  {unused}\n")
    show_table("", [Column(title, number=True) for title in ("mode", "cm⁻¹", "meV")], _listed(modes))
    show_table("", [Column(""), Column("", number=True), Column("")], _summary(modes, found))
    sys.stdout.writelines(f"note: {note}\n" for note in notes_on(modes, found.max_force, atoms))


def _listed(modes: Modes) -> list[list[str]]:
    rows = [[str(number), _signed(frequency), _signed(energy)] for number, frequency, energy in as_rows(modes)]
    half = LISTED // 2
    return rows if len(rows) <= LISTED else [*rows[:half], ["…", "…", "…"], *rows[-half:]]


def _signed(value: float) -> str:
    """Return a number, an i behind what is imaginary."""
    return f"{-value:.3f}i" if value < 0.0 else f"{value:.3f}"


def _summary(modes: Modes, found: Curvatures) -> list[list[str]]:
    rigid = float(modes.rigid.abs().max())
    return [
        ["zero-point energy", f"{modes.zero_point_energy:.6f}", "eV"],
        ["imaginary modes", str(modes.imaginary), ""],
        ["largest force", f"{found.max_force:.6f}", "eV/Å"],
        [f"{len(modes.rigid)} rigid motions, taken out", f"{rigid:.3f}", "cm⁻¹ at most"],
        ["asymmetry of the Hessian", f"{modes.asymmetry:.1e}", "eV/Å²"],
    ]


def _write(modes: Modes, found: Curvatures, atoms: Atoms, job: Job, model: str) -> None:
    formula = atoms.get_chemical_formula(mode="hill")
    written = write_files(job.folder.path, modes, atoms, f"{formula}   {job.structure.label}   {model}")
    if found.rest is not None:
        written.append(job.folder.path / "relaxed.extxyz")
        write_text(written[-1], as_text([found.rest.atoms]))
    results = {
        "formula": formula,
        "method": found.how.used,
        "reason": found.how.reason,
        "step_A": found.how.step_in(job.dtype, STEPS),
        "relaxation": None if found.rest is None else found.rest.summary(),
        "notes": notes_on(modes, found.max_force, atoms),
        "energy_eV": float(found.outputs["energy"]),
        "max_force_eV_per_A": found.max_force,
        "at_rest": found.max_force <= AT_REST,
        "frequencies_per_cm": modes.frequencies.tolist(),
        "rigid_per_cm": modes.rigid.tolist(),
        "imaginary_modes": modes.imaginary,
        "zero_point_energy_eV": modes.zero_point_energy,
        "asymmetry_eV_per_A2": modes.asymmetry,
    }
    record = attrs.evolve(job, pipeline=found.how.pipeline).write_record(model, OUTPUTS, results)
    names = [path.name for path in (*written, record)]
    sys.stdout.write(f"wrote {', '.join(names[:-1])} and {names[-1]} to {job.folder.path}\n")
