"""``alchemi map``: starts a run, or goes on with one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.resuming import check_unchanged
from alchemi_core.errors import InputFileError, OptionError
from alchemi_ray.cli.going import ASKED, go_on
from alchemi_ray.cli.starting import start
from alchemi_ray.engines.addresses import check_address
from alchemi_ray.engines.devices import check_device
from alchemi_ray.engines.making import Engine
from alchemi_ray.layout import Layout
from alchemi_ray.ledger import Ledger
from alchemi_ray.spec import Spec
from alchemi_ray.unchanged import check_dataset, read_pipeline

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DECIDED = (
    "dataset", "model", "accept", "task", "outputs", "contributions", "fmax", "steps", "optimizer", "fix_cell",
    "supercell", "length", "displacement", "mesh", "device", "dtype", "form", "shard_size", "out",
)  # fmt: skip
"""Arguments that a run which goes on has from its start."""


def run(arguments: argparse.Namespace) -> int:
    """Start a run, or go on with one."""
    if arguments.resume is None:
        engine = _engine(arguments)
        check_device(arguments.device or "cpu", engine)
        check_address(engine.address)
        spec, layout, record, ledger = start(arguments)
    else:
        spec, layout, record, ledger, engine = _resume(arguments)
    return go_on(spec, layout, record, engine, report=not arguments.no_report, ledger=ledger)


def _engine(arguments: argparse.Namespace) -> Engine:
    name = arguments.engine or "local"
    _refuse_without_ray(arguments, name)
    return Engine(name, arguments.workers, arguments.address, arguments.gpus)


def _engine_again(arguments: argparse.Namespace, record: Mapping[str, Any]) -> Engine:
    """Return the engine of the last part, with what is given now in place of what was."""
    last = record["parts"][-1] if record["parts"] else {}
    before = last.get("engine", "local")
    if arguments.engine not in (None, before):
        return _engine(arguments)
    _refuse_without_ray(arguments, before)
    asked = last.get("asked", {})
    given = {name: getattr(arguments, name) for name in ASKED}
    return Engine(before, **{name: asked.get(name) if value is None else value for name, value in given.items()})


def _refuse_without_ray(arguments: argparse.Namespace, engine: str) -> None:
    for flag, value in (("--address", arguments.address), ("--gpus", arguments.gpus)):
        if value is not None and engine != "ray":
            raise OptionError(f"{flag} without --engine ray", expected="--engine ray", who=flag, fix="--engine ray")


def _resume(arguments: argparse.Namespace) -> tuple[Spec, Layout, dict[str, Any], Ledger, Engine]:
    """Read what a run is of, and hold its ledger from before that on: it is another run's once that is written over."""
    _refuse_decided(arguments)
    folder = OutputFolder.existing(Path(arguments.resume)).path
    with ExitStack() as held:
        ledger = held.enter_context(Ledger.of_run(Layout(folder)))
        spec, layout, record = _read(folder)
        engine = _engine_again(arguments, record)
        check_device(spec.settings.device, engine)
        check_address(engine.address)
        held.pop_all()
    return spec, layout, record, ledger, engine


def _refuse_decided(arguments: argparse.Namespace) -> None:
    if given := [name for name in DECIDED if getattr(arguments, name) not in (None, [])]:
        flag = given[0] if given[0] == "dataset" else f"--{given[0].replace('_', '-')}"
        raise OptionError(
            f"{flag} is given with --resume, where the run decides it",
            expected="--resume DIR, --engine, --workers, --address, --gpus, --no-report",
            who="map",
        )


def _read(folder: Path) -> tuple[Spec, Layout, dict[str, Any]]:
    spec = Spec.read(Layout(folder).shards)
    layout = Layout(folder, spec.settings.form)
    record = _record(layout, spec)
    read_pipeline(layout.pipeline, spec.pipeline)
    check_unchanged(record["model"]["written"], record)
    check_dataset(spec.sources)
    return spec, layout, record


def _record(layout: Layout, spec: Spec) -> dict[str, Any]:
    """Return the record of a run, which has to be of the same run as the shards.

    Raises
    ------
    InputFileError
        If it is not.
    """
    try:
        record: dict[str, Any] = json.loads(layout.record.read_text(encoding="utf-8"))
        told = (record["run"], record["task"], record["outputs"], record["options"], record["contributions"])
        settings = spec.settings
        known = (spec.run, settings.task, list(settings.outputs), dict(settings.options), settings.contributions)
        if told == known and record["model"]["written"]:
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise InputFileError(
        "it does not fit the shards of the run, or is damaged",
        expected="the record as alchemi wrote it",
        who=str(layout.record),
        fix="start a run with other options in another --out",
    )
