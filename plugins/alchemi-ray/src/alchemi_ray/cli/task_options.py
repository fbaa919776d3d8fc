"""From the words of the command line to the settings of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.cli.composing import FORCES
from alchemi_core.cli.relaxation import Relaxation
from alchemi_core.cli.singlepoint import DOUBT
from alchemi_core.errors import OptionError, PlanningError
from alchemi_core.quantities import QUANTITIES
from alchemi_ray.tasks.phonons import check_installed
from alchemi_ray.tasks.settings import TASKS, Settings

if TYPE_CHECKING:
    import argparse

    from alchemi_core.pipeline import PipelineModelWrapper

OPTIONS = {
    "singlepoint": ("outputs", "contributions"),
    "relax": ("fmax", "steps", "optimizer", "fix_cell"),
    "phonons": ("supercell", "length", "displacement", "mesh"),
}
"""Options that only one task has."""

PHONONS = {"supercell": 10.0, "displacement": 0.01, "mesh": None}


def check_task(arguments: argparse.Namespace) -> str:
    """Return the task, once it is known that it can be done, and that no option of another is given.

    Raises
    ------
    OptionError
        Names the option, and the task that it is of.
    PluginError
        If the plugin that does it is not installed.
    """
    task = arguments.task or TASKS[0]
    for other in TASKS:
        for name in OPTIONS[other] if other != task else ():
            if getattr(arguments, name) is not None:
                flag = f"--{name.replace('_', '-')}"
                raise OptionError(f"{flag} is of --task {other}", expected=f"options of {task}", who=flag)
    if task == "phonons":
        check_installed()
    return str(task)


def settings_of(arguments: argparse.Namespace, task: str, pipeline: PipelineModelWrapper) -> Settings:
    """Return all that decides the results.

    Raises
    ------
    PlanningError, OptionError
        If the pipeline cannot give what is asked.
    """
    return Settings(
        task=task,
        outputs=sorted(_outputs(arguments, task, pipeline)),
        contributions=bool(arguments.contributions),
        device=arguments.device or "cpu",
        dtype=arguments.dtype or "float64",
        form=arguments.form or "parquet",
        options=_options(arguments, task),
    )


def _options(arguments: argparse.Namespace, task: str) -> dict[str, Any]:
    given = {name: value for name in OPTIONS[task] if (value := getattr(arguments, name)) is not None}
    if task == "relax":
        how = Relaxation(**given)
        return {name: getattr(how, name) for name in OPTIONS[task]}
    if task == "phonons":
        length = given.pop("length", None)
        if length is not None and "supercell" in given:
            raise OptionError("--supercell and --length", expected="one of them", who="--length")
        return {**PHONONS, **({"supercell": length} if length is not None else {}), **given}
    return {}


def _outputs(arguments: argparse.Namespace, task: str, pipeline: PipelineModelWrapper) -> frozenset[str]:
    if task == "singlepoint" and arguments.outputs is not None:
        names = frozenset(arguments.outputs.replace(",", " ").split()) | {"energy"}
        _check_known(names)
        pipeline.plan_for(names)
        return names
    doubt = pipeline.active_outputs & DOUBT.keys() if task == "singlepoint" else frozenset()
    try:
        pipeline.plan_for(FORCES | {"stress"} | doubt)
    except PlanningError:
        pipeline.plan_for(FORCES | doubt)
        return FORCES | doubt
    return FORCES | {"stress"} | doubt


def _check_known(names: frozenset[str]) -> None:
    for name in sorted(names - QUANTITIES.keys()):
        raise OptionError(
            f"no quantity is called {name!r}", expected=f"one of {', '.join(sorted(QUANTITIES))}", who="--outputs"
        )
