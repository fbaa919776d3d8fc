"""From settings to the task that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_ray.tasks.phonons import Phonons
from alchemi_ray.tasks.relax import Relax
from alchemi_ray.tasks.singlepoint import SinglePoint

if TYPE_CHECKING:
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_ray.tasks.answer import Task
    from alchemi_ray.tasks.settings import Settings


def task_of(settings: Settings, pipeline: PipelineModelWrapper) -> Task:
    """Make the task of a run, with a pipeline on its device."""
    if settings.task == "relax":
        return Relax(pipeline, settings)
    if settings.task == "phonons":
        return Phonons(pipeline, settings)
    return SinglePoint(pipeline, settings)
