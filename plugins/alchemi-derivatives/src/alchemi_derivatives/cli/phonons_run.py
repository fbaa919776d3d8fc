"""``alchemi phonons``: displaced supercells, then bands, density of states and thermal properties."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.symbols import Symbols

from alchemi_core.atomic_write import replacing
from alchemi_core.cli.composing import FORCES, outputs_for
from alchemi_core.cli.progress import Field, Progress
from alchemi_core.errors import OptionError
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA
from alchemi_derivatives.band_path import BandPath
from alchemi_derivatives.cli.job import Job
from alchemi_derivatives.cli.phonons_files import write_bands, write_density, write_thermal
from alchemi_derivatives.cli.phonons_plot import plot_phonons
from alchemi_derivatives.cli.phonons_summary import describe, show_summary
from alchemi_derivatives.lattice_dynamics import as_phonopy
from alchemi_derivatives.phonon_spectrum import PhononSpectrum, mesh_for

if TYPE_CHECKING:
    import argparse

    from phonopy import Phonopy

FILES = ("phonons.png", "bands.csv", "dos.csv", "thermal.csv", "phonopy_params.yaml", "run.json")
PHONOPY = "doi:10.1088/1361-648X/acd831"
"""To cite for displacements, symmetry and spectra."""

DENSE = 60.0
"""Å; the mesh of q-points is that of a supercell of this length."""

SMALL_FORCE, SMALL_STRESS = 0.01, 0.1
"""eV/Å and GPa that count as relaxed."""

FIELDS = (Field("supercells", "", 10, ".0f"), Field("of", "", 6, ".0f"), Field("time", "s", 8, ".1f"))


def run(arguments: argparse.Namespace) -> int:
    """Compute, print and write the phonons of a crystal."""
    job = Job.start(arguments, "phonons", FILES)
    rest = _at_rest(job)
    phonon = _displaced(job, arguments)
    pbc = job.structure.atoms.pbc
    primitive = np.asarray(phonon.primitive.cell)
    path = BandPath.of(primitive, pbc, arguments.points)
    mesh = tuple(arguments.mesh) if arguments.mesh else mesh_for(primitive, pbc, DENSE)
    spectrum = PhononSpectrum.of(phonon, path, mesh)
    _write(job, arguments, phonon, spectrum, rest)
    show_summary(phonon, spectrum)
    sys.stdout.writelines(f"{line}\n" for line in _what_is_off(rest, phonon))
    sys.stdout.write(f"wrote {job.folder.path}\n")
    return 0


def _at_rest(job: Job) -> dict[str, float]:
    """Return the largest force, and stress where there is one, of the crystal as it was given."""
    atoms = job.structure.atoms
    job.pipeline.plan_for(FORCES)
    found = job.pipeline(job.batch(atoms), requested=outputs_for(atoms, job.pipeline, needs_stress=False))
    rest = {"max_force_eV_per_A": float(found["forces"].norm(dim=1).max())}
    if "stress" in found and atoms.pbc.all():
        rest["max_stress_GPa"] = float(found["stress"].abs().max()) * EV_PER_CUBIC_ANGSTROM_IN_GPA
    return rest


def _displaced(job: Job, arguments: argparse.Namespace) -> Phonopy:
    began = time.perf_counter()
    with Progress("displaced supercells", FIELDS) as progress:

        def report(done: int, among: int) -> None:
            seconds = time.perf_counter() - began
            progress.line([done, among, seconds], done=done / among, note=f"{done} of {among} supercells")

        return as_phonopy(
            job.pipeline,
            job.structure.atoms,
            dtype=job.dtype,
            device=job.device,
            report=report,
            supercell=_size(arguments),
            displacement=arguments.displacement,
            symmetry=not arguments.no_symmetry,
            tolerance=arguments.tolerance,
            max_atoms=arguments.max_atoms,
        )


def _size(arguments: argparse.Namespace) -> Any:
    numbers = arguments.supercell
    if numbers is None:
        return arguments.length
    if len(numbers) == 9:
        return [numbers[0:3], numbers[3:6], numbers[6:9]]
    if len(numbers) == 3:
        return numbers
    raise OptionError(
        f"{len(numbers)} numbers", expected="3 multiples, or 9 numbers", who="--supercell", fix="--supercell 2 2 2"
    )


def _write(
    job: Job, arguments: argparse.Namespace, phonon: Phonopy, spectrum: PhononSpectrum, rest: dict[str, float]
) -> None:
    folder = job.folder.path
    write_bands(folder / "bands.csv", spectrum)
    write_density(folder / "dos.csv", spectrum)
    write_thermal(folder / "thermal.csv", spectrum)
    with replacing(folder / "phonopy_params.yaml") as draft:
        phonon.save(draft, settings={"force_constants": True})
    formula = Symbols(job.structure.atoms.numbers).get_chemical_formula("metal", empirical=True)
    cells = f"{len(phonon.supercell)} atoms in the supercell"
    plot_phonons(folder / "phonons.png", spectrum, f"Phonons of {formula}", f"{arguments.model}   {cells}")
    found = describe(phonon, spectrum) | rest
    results = found | {"displacement_A": arguments.displacement, "warnings": _what_is_off(rest, phonon)}
    job.write_record(arguments.model, FORCES, results, citations=[PHONOPY])


def _what_is_off(rest: dict[str, float], phonon: Phonopy) -> list[str]:
    lines = []
    force, stress = rest["max_force_eV_per_A"], rest.get("max_stress_GPa", 0.0)
    if force > SMALL_FORCE:
        lines.append(f"warning: forces up to {force:.3g} eV/Å: not at rest; alchemi relax makes it so")
    if stress > SMALL_STRESS:
        lines.append(f"warning: stress up to {stress:.3g} GPa: phonons of a strained crystal, unless relaxed")
    if len(set(phonon.primitive.numbers.tolist())) > 1:
        lines.append("no splitting of longitudinal and transverse optical modes at Γ (no Born charges)")
    return lines
