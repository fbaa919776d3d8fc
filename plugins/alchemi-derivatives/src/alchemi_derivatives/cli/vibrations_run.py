"""``alchemi vibrations``: from a structure to its modes, on the screen and in files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.algebra import differentiate
from alchemi_core.cli.composing import FORCES
from alchemi_core.cli.progress import waiting
from alchemi_core.cli.relaxation import Relaxation
from alchemi_core.cli.tables import Column, show_table
from alchemi_core.errors import CutGradientError, DerivativeError, InputFileError, LostTermError, OptionError
from alchemi_derivatives.cli.job import Job
from alchemi_derivatives.cli.vibrations_files import FILES, as_rows, write_files
from alchemi_derivatives.modes import Modes, harmonic_modes

if TYPE_CHECKING:
    import argparse

    from ase import Atoms

    from alchemi_core.outputs import Outputs
    from alchemi_core.pipeline import PipelineModelWrapper

OUTPUTS = FORCES | {"hessian"}

AT_REST = 0.01
"""Largest force of a structure whose frequencies are taken for those of a minimum, eV/Å."""

LISTED = 60
"""Modes that are printed one by one; of more, the first and the last half of these."""


@attrs.frozen(eq=False)
class Curvatures:
    """Second derivatives and how they were taken.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        That gave them.
    outputs : Outputs
        Energy, forces and Hessian.
    method : str
        ``"graph"`` or ``"differences"``.
    reason : str
        Why not on the graph, where that was for the command to choose.
    """

    pipeline: PipelineModelWrapper
    outputs: Outputs
    method: str
    reason: str = ""

    @property
    def max_force(self) -> float:
        """Largest force on an atom, eV/Å."""
        return float(self.outputs["forces"].norm(dim=1).max())


def run(arguments: argparse.Namespace) -> int:
    """Compute, print and write; 1 where a relaxation did not converge."""
    _check_options(arguments)
    job = Job.start(arguments, "vibrations", FILES)
    atoms = job.structure.atoms
    _check_moves(atoms, job)
    converged = not arguments.relax or _relax(atoms, job, arguments.fmax or 0.001)
    with waiting(f"second derivatives by {3 * len(atoms)} coordinates"):
        found = _curvatures(atoms, job, arguments)
    modes = harmonic_modes(found.outputs["hessian"][0], atoms)
    _show(modes, found, atoms, job)
    _write(modes, found, atoms, job, arguments.model)
    return 0 if converged else 1


def _check_options(arguments: argparse.Namespace) -> None:
    if arguments.fmax is not None and not arguments.relax:
        raise OptionError("--fmax without --relax", expected="both or neither", who="--fmax", fix="--relax")
    if arguments.step is not None and arguments.method == "graph":
        raise OptionError(
            "--step with --method graph", expected="a step for differences", who="--step", fix="--method differences"
        )


def _check_moves(atoms: Atoms, job: Job) -> None:
    if len(atoms) < 2:
        raise InputFileError(
            "one atom, which has translations only",
            expected="two atoms or more",
            who=job.structure.label,
            fix="alchemi phonons, where it is the cell of a crystal",
        )


def _relax(atoms: Atoms, job: Job, fmax: float) -> bool:
    """Relax the positions in place; tell whether they converged."""
    with waiting("relaxing"):
        *_, last = Relaxation(fmax=fmax, fix_cell=True).run(atoms, job.pipeline, job.dtype, job.device)
    end = "relaxed" if last.converged else "not converged"
    sys.stdout.write(f"{end} after {last.snapshot.step} steps, largest force {last.pull:.2g} eV/Å\n")
    return last.converged


def _curvatures(atoms: Atoms, job: Job, arguments: argparse.Namespace) -> Curvatures:
    """Compute on the graph where that can be, and where it is not asked otherwise."""
    reason = ""
    if arguments.method != "differences":
        try:
            return _by("graph", atoms, job)
        except (LostTermError, CutGradientError, DerivativeError) as error:
            if arguments.method == "graph":
                raise _no_graph(error) from error
            reason = f"{error.who}: {error.found}"
    options = {} if arguments.step is None else {"step": arguments.step}
    return attrs.evolve(_by("differences", atoms, job, **options), reason=reason)


def _by(method: str, atoms: Atoms, job: Job, **options: Any) -> Curvatures:
    pipeline = differentiate(job.pipeline, "hessian", method=method, **options)
    return Curvatures(pipeline, pipeline(job.batch(atoms), requested=OUTPUTS), method)


def _no_graph(error: LostTermError | CutGradientError | DerivativeError) -> Exception:
    return type(error)(error.found, expected=error.expected, who=error.who, fix="--method differences")


def _show(modes: Modes, found: Curvatures, atoms: Atoms, job: Job) -> None:
    how = "on the graph" if found.method == "graph" else "by differences of forces"
    sys.stdout.write(f"{job.structure.label}: {atoms.symbols}, second derivatives {how}\n")
    if found.reason:
        sys.stdout.write(f"  not on the graph, since {found.reason}\n")
    show_table("", [Column(title, number=True) for title in ("mode", "cm⁻¹", "meV")], _listed(modes))
    show_table("", [Column(""), Column("", number=True), Column("")], _summary(modes, found))
    sys.stdout.writelines(f"note: {note}\n" for note in _notes(modes, found, atoms))


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


def _notes(modes: Modes, found: Curvatures, atoms: Atoms) -> list[str]:
    notes = []
    if found.max_force > AT_REST:
        notes.append(
            f"not at rest: the largest force is {found.max_force:.3g} eV/Å, above {AT_REST:g}, so that these are not "
            "the frequencies of a minimum; --relax relaxes the positions first"
        )
    if modes.imaginary:
        notes.append("imaginary frequencies are those of directions along which the energy falls")
    if atoms.pbc.any():
        notes.append("modes of the cell at the zone centre only; alchemi phonons gives those of the crystal")
    if atoms.constraints:
        notes.append("atoms that the file holds fixed vibrate here like all others")
    return notes


def _write(modes: Modes, found: Curvatures, atoms: Atoms, job: Job, model: str) -> None:
    written = write_files(job.folder.path, modes, atoms, f"{job.structure.label}   {model}")
    results = {
        "method": found.method,
        "reason": found.reason,
        "energy_eV": float(found.outputs["energy"]),
        "max_force_eV_per_A": found.max_force,
        "at_rest": found.max_force <= AT_REST,
        "frequencies_per_cm": modes.frequencies.tolist(),
        "rigid_per_cm": modes.rigid.tolist(),
        "imaginary_modes": modes.imaginary,
        "zero_point_energy_eV": modes.zero_point_energy,
        "asymmetry_eV_per_A2": modes.asymmetry,
    }
    record = attrs.evolve(job, pipeline=found.pipeline).write_record(model, OUTPUTS, results)
    names = [path.name for path in (*written, record)]
    sys.stdout.write(f"wrote {', '.join(names[:-1])} and {names[-1]} to {job.folder.path}\n")
