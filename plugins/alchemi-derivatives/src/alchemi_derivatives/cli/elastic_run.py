"""``alchemi elastic``: relax where asked, differentiate twice, print, write."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from alchemi_core.algebra import differentiate
from alchemi_core.atomic_write import write_json, write_text
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.progress import waiting
from alchemi_core.errors import ModelOutputError, OptionError, PlanningError
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA
from alchemi_derivatives.cli.elastic_plot import plot_elastic
from alchemi_derivatives.cli.elastic_result import ElasticResult
from alchemi_derivatives.cli.elastic_tables import show_elastic
from alchemi_derivatives.cli.job import Job
from alchemi_derivatives.cli.resting import relax
from alchemi_derivatives.strain_expansion import check_crystals

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from ase import Atoms

    from alchemi_core.pipeline import PipelineModelWrapper

FILES = ("elastic.json", "elastic.png", "relaxed.extxyz", "run.json")
CLAMPED, RELAXED = "clamped_elastic_tensor", "elastic_tensor"


def run(arguments: argparse.Namespace) -> int:
    """Compute elastic constants of one crystal."""
    _check_step(arguments)
    job = Job.start(arguments, "elastic", FILES)
    check_crystals(job.batch(job.structure.atoms))
    names = frozenset({"forces", "stress", CLAMPED} | (set() if arguments.clamped else {RELAXED}))
    pipeline, method, why = _differentiated(job.pipeline, arguments, names)
    atoms, converged = job.structure.atoms, True
    if arguments.relax:
        atoms, converged = relax(job, arguments.fmax, arguments.steps)
    result = _compute(job, pipeline, atoms, names, method)
    show_elastic(result, why)
    folder = _write(job, pipeline, result, arguments, names)
    sys.stdout.write(f"{'' if converged else 'the relaxation did not converge; '}wrote {folder}\n")
    return 0 if converged else 1


def _check_step(arguments: argparse.Namespace) -> None:
    if arguments.step is not None and arguments.method != "differences":
        raise OptionError(
            f"a step of {arguments.step:g} with --method {arguments.method}",
            expected="a step where differences are taken",
            who="--step",
            fix="--method differences",
        )


def _differentiated(
    pipeline: PipelineModelWrapper, arguments: argparse.Namespace, names: frozenset[str]
) -> tuple[PipelineModelWrapper, str, str]:
    """Return what computes the names, the method, and why it is not the graph where that was to be found out."""
    why = ""
    if arguments.method != "differences":
        try:
            made = differentiate(pipeline, "elastic")
            made.plan_for(names)
        except PlanningError as error:
            if arguments.method == "graph":
                raise
            why = f"{error.who}: {error.found}" if error.who else error.found
        else:
            return made, "graph", ""
    options = {} if arguments.step is None else {"step": arguments.step}
    made = differentiate(pipeline, "elastic", method="differences", **options)
    made.plan_for(names)
    return made, "differences", why


def _compute(
    job: Job, pipeline: PipelineModelWrapper, atoms: Atoms, names: frozenset[str], method: str
) -> ElasticResult:
    with waiting("second derivatives by strain and positions"):
        out = pipeline(job.batch(atoms), requested=set(names))
    found = {name: out[name].detach().double().cpu().numpy() for name in names}
    for name, value in sorted(found.items()):
        if not np.isfinite(value).all():
            raise ModelOutputError(
                f"{name} is not finite", expected="finite numbers", who="the models", fix="look for atoms too close"
            )
    return ElasticResult(
        atoms=atoms,
        method=method,
        clamped=found[CLAMPED][0],
        relaxed=found[RELAXED][0] if RELAXED in found else None,
        max_force=float(np.linalg.norm(found["forces"], axis=1).max()),
        stress=found["stress"][0] * EV_PER_CUBIC_ANGSTROM_IN_GPA,
    )


def _write(
    job: Job,
    pipeline: PipelineModelWrapper,
    result: ElasticResult,
    arguments: argparse.Namespace,
    names: frozenset[str],
) -> Path:
    import attrs

    folder, summary = job.folder.path, result.summary()
    write_json(folder / "elastic.json", summary)
    if arguments.relax:
        write_text(folder / "relaxed.extxyz", as_text([result.atoms]))
    plot_elastic(folder / "elastic.png", result, job.structure.path.name, arguments.model)
    options: dict[str, Any] = {"method": result.method, "relaxed_first": arguments.relax}
    attrs.evolve(job, pipeline=pipeline).write_record(arguments.model, sorted(names), options | summary)
    return folder
