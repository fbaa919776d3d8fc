"""``alchemi elastic``: relax where asked, differentiate twice, print, write."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_core.atomic_write import write_json, write_text
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.progress import waiting
from alchemi_core.errors import ModelOutputError
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA
from alchemi_derivatives.cli.elastic_plot import plot_elastic
from alchemi_derivatives.cli.elastic_result import ElasticResult
from alchemi_derivatives.cli.elastic_tables import show_elastic
from alchemi_derivatives.cli.job import Job
from alchemi_derivatives.cli.resting import Rest, relax
from alchemi_derivatives.cli.second_derivatives import SecondDerivatives, check_step
from alchemi_derivatives.elastic import STEP
from alchemi_derivatives.strain_expansion import check_crystals

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from ase import Atoms

FILES = ("elastic.json", "elastic.png", "relaxed.extxyz", "run.json")
CLAMPED, RELAXED = "clamped_elastic_tensor", "elastic_tensor"


def run(arguments: argparse.Namespace) -> int:
    """Compute elastic constants of one crystal."""
    check_step(arguments)
    job = Job.start(arguments, "elastic", FILES)
    check_crystals(job.batch(job.structure.atoms))
    names = frozenset({"forces", "stress", CLAMPED} | (set() if arguments.clamped else {RELAXED}))
    how = SecondDerivatives.planned(job.pipeline, "elastic", names, arguments)
    rest = relax(job, arguments.fmax, arguments.steps) if arguments.relax else None
    how, result = _compute(job, how, job.structure.atoms if rest is None else rest.atoms)
    show_elastic(result, how.reason)
    if unused := how.unused_step():
        sys.stdout.write(f"{unused}\n")
    folder = _write(job, how, result, arguments, rest)
    converged = rest is None or rest.converged
    sys.stdout.write(f"{'' if converged else 'the relaxation did not converge; '}wrote {folder}\n")
    return 0 if converged else 1


def _compute(job: Job, how: SecondDerivatives, atoms: Atoms) -> tuple[SecondDerivatives, ElasticResult]:
    with waiting("second derivatives by strain and positions"):
        how, out = how.compute(job.batch(atoms))
    found = {name: out[name].detach().double().cpu().numpy() for name in how.names}
    for name, value in sorted(found.items()):
        if not np.isfinite(value).all():
            raise ModelOutputError(
                f"{name} is not finite", expected="finite numbers", who="the models", fix="look for atoms too close"
            )
    result = ElasticResult(
        atoms=atoms,
        method=how.used,
        clamped=found[CLAMPED][0],
        relaxed=found[RELAXED][0] if RELAXED in found else None,
        max_force=float(np.linalg.norm(found["forces"], axis=1).max()),
        stress=found["stress"][0] * EV_PER_CUBIC_ANGSTROM_IN_GPA,
    )
    return how, result


def _write(
    job: Job, how: SecondDerivatives, result: ElasticResult, arguments: argparse.Namespace, rest: Rest | None
) -> Path:
    folder, summary = job.folder.path, result.summary()
    write_json(folder / "elastic.json", summary)
    if arguments.relax:
        write_text(folder / "relaxed.extxyz", as_text([result.atoms]))
    plot_elastic(folder / "elastic.png", result, job.structure.path.name, arguments.model)
    options = {
        "method": how.used,
        "reason": how.reason,
        "step": how.step_in(job.dtype, STEP),
        "relaxed_first": arguments.relax,
        "relaxation": None if rest is None else rest.summary(),
    }
    attrs.evolve(job, pipeline=how.pipeline).write_record(arguments.model, sorted(how.names), options | summary)
    return folder
