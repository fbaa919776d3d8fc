"""Starting a run: dataset, pipeline and options become a folder that any run can go on in."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.atomic_write import write_json
from alchemi_core.cli.composing import compose
from alchemi_core.cli.frames import naming_the_file
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.progress import waiting
from alchemi_core.cli.provenance import checksum, describe_model, now
from alchemi_core.cli.resuming import lasting
from alchemi_core.errors import InputFileError, OptionError
from alchemi_ray.cli.task_options import check_task, settings_of
from alchemi_ray.dataset.finding import find_files
from alchemi_ray.dataset.source import Source
from alchemi_ray.layout import Layout
from alchemi_ray.ledger import Ledger
from alchemi_ray.own_files import own_files
from alchemi_ray.software import versions
from alchemi_ray.spec import Spec
from alchemi_ray.storing import bring_to_disk

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_ray.tasks.settings import Settings

SHARD_SIZES = {"singlepoint": (50, 1000), "relax": (2, 20), "phonons": (1, 5)}
"""Structures of a shard: at least, so that batches are full, and at most, since what is not done is computed anew."""

SHARDS = 64
"""There are to be as many at least, so that all workers have something to do to the end."""


def start(arguments: argparse.Namespace) -> tuple[Spec, Layout, dict[str, Any], Ledger]:
    """Survey the dataset, load the models, and write what a run begins with.

    Returns
    -------
    spec : Spec
        What decides the results.
    layout : Layout
        Of its folder.
    record : dict
        For ``run.json``.
    ledger : Ledger
        Empty, and held.

    Raises
    ------
    AlchemiError
        If something is missing or cannot be right. Then no folder was made.
    """
    task = _checked(arguments)
    files = find_files(arguments.dataset)
    with ExitStack() as held:
        earlier = _earlier(arguments, held)
        started = _started(arguments, task, files, earlier, held)
        held.pop_all()
    return started


def _earlier(arguments: argparse.Namespace, held: ExitStack) -> Ledger | None:
    """Hold the ledger of a folder that may be written over, so that no other run is at work there, or begins."""
    if arguments.out is None or not arguments.overwrite or not Path(arguments.out).is_dir():
        return None
    path = Layout(Path(arguments.out)).ledger
    made = not path.is_file()
    ledger = Ledger(path)
    held.callback(ledger.discard if made else ledger.close)
    return ledger


def _started(
    arguments: argparse.Namespace, task: str, files: Sequence[Path], earlier: Ledger | None, held: ExitStack
) -> tuple[Spec, Layout, dict[str, Any], Ledger]:
    folder = OutputFolder.of(arguments, _name(files), _stale(arguments.out, earlier))
    # Models are only saved here; it is workers that compute with them on a device.
    pipeline = compose(arguments.model, torch.device("cpu"), arguments.accept)
    settings = settings_of(arguments, task, pipeline)
    sources = _survey(files)
    size = arguments.shard_size or _shard_size(task, sum(one.structures for one in sources))
    if earlier is not None:
        # Before its files go: a ledger without lines speaks of none that are missing.
        earlier.empty()
    with naming_the_file(Path(arguments.out or ".")):
        layout = Layout(folder.path, settings.form)
    ledger = earlier or _hold(layout, held)
    spec, record = _write(arguments, folder, layout, pipeline, settings, sources, size)
    for one in (layout.folder, layout.folder.absolute().parent):
        bring_to_disk(one)
    return spec, layout, record, ledger


def _hold(layout: Layout, held: ExitStack) -> Ledger:
    """Hold the ledger of a new run before anything else is written: of two that begin at once, one is refused."""
    ledger = Ledger(layout.ledger)
    held.callback(ledger.close)
    if layout.shards.exists():
        raise _holds_a_run(str(layout.folder))
    return ledger


def _checked(arguments: argparse.Namespace) -> str:
    """Refuse what can be told to be wrong before anything is read; return the task."""
    _check_given(arguments)
    _check_folder(arguments)
    return check_task(arguments)


def _check_given(arguments: argparse.Namespace) -> None:
    for name, given in (("DATASET", arguments.dataset), ("--model", arguments.model)):
        if not given:
            raise OptionError(f"{name} is missing", expected="DATASET and --model, or --resume DIR", who="map")


def _check_folder(arguments: argparse.Namespace) -> None:
    """Refuse the folder of another run, and say how to go on with that."""
    if arguments.out is not None and not arguments.overwrite and Layout(Path(arguments.out)).ledger.is_file():
        raise _holds_a_run(arguments.out)


def _holds_a_run(folder: str) -> OptionError:
    return OptionError(
        f"{folder} holds a run already",
        expected="a new or an empty folder",
        who="--out",
        fix=f"alchemi map --resume {folder} goes on with it, --overwrite begins anew",
    )


def _name(files: Sequence[Path]) -> str:
    return f"map-{files[0].name.split('.')[0]}" if len(files) == 1 else "map"


def _stale(out: str | None, earlier: Ledger | None) -> list[str]:
    """Files of an earlier run in a folder that may be written over; a ledger that is held is emptied in its place."""
    layout = Layout(Path(out or "."))
    files = [path.name for path in layout.files if earlier is None or path != layout.ledger]
    folders = (layout.results_folder, layout.failures_folder) if out is not None else ()
    return [*files, *(f"{one.name}/{path.name}" for one in folders for path in own_files(one))]


def _survey(files: Sequence[Path]) -> tuple[Source, ...]:
    sources = []
    for path in files:
        with waiting(f"reading {path}"):
            sources.append(Source.survey(path))
    if not any(source.structures for source in sources):
        raise InputFileError("there are no structures in it", expected="at least one", who="DATASET")
    return tuple(sources)


def _shard_size(task: str, structures: int) -> int:
    fewest, most = SHARD_SIZES[task]
    return min(most, max(fewest, -(-structures // SHARDS)))


def _write(
    arguments: argparse.Namespace,
    folder: OutputFolder,
    layout: Layout,
    pipeline: PipelineModelWrapper,
    settings: Settings,
    sources: tuple[Source, ...],
    size: int,
) -> tuple[Spec, dict[str, Any]]:
    try:
        with naming_the_file(layout.pipeline):
            pipeline.save(layout.pipeline)
        spec = Spec(settings, checksum(layout.pipeline), sources, size)
        spec.write(layout.shards)
        with naming_the_file(layout.results_folder):
            layout.results_folder.mkdir(exist_ok=True)
            layout.failures_folder.mkdir(exist_ok=True)
        record = _record(arguments, spec, pipeline)
        with naming_the_file(layout.record):
            write_json(layout.record, record)
    except BaseException:
        _undo(layout, folder)
        raise
    return spec, record


def _undo(layout: Layout, folder: OutputFolder) -> None:
    for inside in (layout.results_folder, layout.failures_folder):
        if inside.is_dir() and not any(inside.iterdir()):
            inside.rmdir()
    folder.discard([path.name for path in layout.files])


def _record(arguments: argparse.Namespace, spec: Spec, pipeline: PipelineModelWrapper) -> dict[str, Any]:
    settings = spec.settings
    model = describe_model(arguments.model, pipeline, settings.outputs)
    return {
        "command": ["alchemi", *arguments.words],
        "status": "running",
        "started": now(),
        "run": spec.run,
        "task": settings.task,
        "outputs": list(settings.outputs),
        "options": dict(settings.options),
        "contributions": settings.contributions,
        "form": settings.form,
        "device": settings.device,
        "dtype": settings.dtype,
        "model": {
            **model,
            "written": lasting(arguments.model),
            "accept": arguments.accept,
            "labels": _labels(pipeline),
        },
        "pipeline": {"sha256": spec.pipeline},
        "inputs": [source.described() for source in spec.sources],
        "structures": spec.structures,
        "shard_size": spec.shard_size,
        "shards": spec.shards,
        "versions": versions(),
        "parts": [],
    }


def _labels(pipeline: PipelineModelWrapper) -> list[str]:
    return [step.label for step in pipeline.plan_for({"energy"}).steps]
