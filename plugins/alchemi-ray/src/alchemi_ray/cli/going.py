"""Going on: shards that are not done go through a crew into the folder, until all are, or someone stops it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from alchemi_core.atomic_write import write_json
from alchemi_core.cli.frames import naming_the_file
from alchemi_core.cli.interrupts import SIGNALLED, between_steps
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.provenance import now
from alchemi_core.cli.resuming import telling_of_failure
from alchemi_ray.all_failures import write_all_failures
from alchemi_ray.engines.dispatch import Dispatch
from alchemi_ray.engines.giving_up import given_up
from alchemi_ray.engines.making import crew_of
from alchemi_ray.ledger import read_ledger
from alchemi_ray.live import Live
from alchemi_ray.software import versions
from alchemi_ray.storing import Store
from alchemi_ray.summing_up import show_files, show_totals
from alchemi_ray.totals import Totals
from alchemi_ray.unchanged import check_files, check_lines, read_pipeline, remove_leftovers
from alchemi_ray.worker import Setup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.cli.interrupts import Interrupts
    from alchemi_ray.engines.making import Engine
    from alchemi_ray.layout import Layout
    from alchemi_ray.ledger import Ledger, Line
    from alchemi_ray.spec import Spec

KEPT = ("task", "outputs", "options", "model", "pipeline", "device", "dtype", "run")
"""What files of results say of their origin, out of ``run.json``; and the versions of the part that made them."""

ASKED = ("workers", "address", "gpus")
"""What was said of the engine; a run goes on with the same, unless another is given."""

STOPPING = "stopping; shards under way are finished first; another Ctrl-C stops at once"


def go_on(spec: Spec, layout: Layout, record: dict[str, Any], engine: Engine, *, report: bool, ledger: Ledger) -> int:
    """Do what is not done yet, with the ledger that is held already.

    Returns
    -------
    int
        0 where all structures have results, 1 where some have none or did not converge, or the code of a signal.
    """
    going = Going(spec, layout, record, engine)
    folder = OutputFolder.existing(layout.folder)
    with (
        ledger,
        telling_of_failure(folder, layout.ledger.name, "map", going.failed, lambda: ()),
        between_steps(STOPPING) as interrupts,
    ):
        going.run(ledger, interrupts)
        return going.finish(interrupts, report=report)


class Going:
    """One part of a run: from where it is to its end, or to a signal.

    Parameters
    ----------
    spec : Spec
        What the run is of.
    layout : Layout
        Of its folder.
    record : dict
        What ``run.json`` says so far.
    engine : Engine
        Who does the work.
    """

    def __init__(self, spec: Spec, layout: Layout, record: Mapping[str, Any], engine: Engine) -> None:
        self._spec, self._layout, self._engine = spec, layout, engine
        self._record = dict(record)
        self._lines: list[Line] = []
        self._totals = Totals()
        self._part: dict[str, Any] = {}
        self._before = 0
        self._seconds = 0.0

    def run(self, ledger: Ledger, interrupts: Interrupts) -> None:
        """Do shards until all are done, or a signal came."""
        self._lines = read_ledger(self._layout.ledger)
        check_lines(self._spec, self._lines, self._layout.ledger)
        check_files(self._layout, self._lines)
        remove_leftovers(self._layout, self._lines)
        self._totals = Totals.of(self._lines)
        self._before = self._totals.structures
        if self._before == self._spec.structures:
            _tell("nothing is left to do")
            return
        self._begin_part()
        self._work(ledger, interrupts)

    def finish(self, interrupts: Interrupts, *, report: bool) -> int:
        """Write tables and the record, and say what came of it."""
        whole = self._totals.structures == self._spec.structures
        write_all_failures(self._layout, self._lines)
        self._end_part("done" if whole else "interrupted")
        here = self._totals.structures - self._before
        show_totals(self._spec, self._totals, here / self._seconds if self._seconds else None)
        show_files(self._layout, self._totals, report=whole and report and self._write_report())
        if not whole:
            sys.stderr.write(f"alchemi: interrupted; go on with: alchemi map --resume {self._layout.folder}\n")
            return SIGNALLED + interrupts.received
        return 1 if self._totals.failed or self._totals.not_converged else 0

    def failed(self, error: str) -> None:
        """Note an error in the record, as far as there is room for it."""
        if self._part:
            self._end_part("failed", error=error)
            write_all_failures(self._layout, self._lines)

    def _work(self, ledger: Ledger, interrupts: Interrupts) -> None:
        done = {line.shard for line in self._lines}
        pipeline = read_pipeline(self._layout.pipeline, self._spec.pipeline)
        setup = Setup(self._spec.run, pipeline, self._spec.sources, self._spec.settings)
        origin = {**{name: self._record[name] for name in KEPT}, "versions": self._part["versions"]}
        store = Store(self._layout, ledger, self._spec.settings, origin)
        shards = (shard for shard in self._spec.cut() if shard.number not in done)
        with crew_of(self._engine, setup) as (crew, workers), self._live(workers) as live:
            self._part["workers"] = workers
            dispatch = Dispatch(crew, shards, given_up(self._spec.sources), _tell)
            for one in dispatch.run(lambda: interrupts.received != 0, lambda more: live.show(self._totals, more)):
                line = store.add(one)
                self._lines.append(line)
                self._totals, self._seconds = self._totals.plus(line), live.seconds
                live.show(self._totals)
            live.show(self._totals, last=True)

    def _live(self, workers: int) -> Live:
        model = self._record["model"]
        who = f"{workers} worker{'' if workers == 1 else 's'}"
        files = f"{len(self._spec.sources)} file{'' if len(self._spec.sources) == 1 else 's'}"
        title = f"{self._spec.structures} structures of {files}, {self._spec.settings.task} with "
        title += f"{model.get('expression') or model['file']}, {who} ({self._engine.name})"
        return Live(title, self._spec.structures, self._before, self._totals.seconds)

    def _begin_part(self) -> None:
        self._part = {
            "started": now(),
            "ended": None,
            "engine": self._engine.name,
            "workers": self._engine.workers,
            "asked": {name: getattr(self._engine, name) for name in ASKED},
            "structures": 0,
            "seconds": 0.0,
            "versions": versions(),
        }
        self._record["parts"] = [*self._record["parts"], self._part]
        self._write_record("running")

    def _end_part(self, status: str, **more: Any) -> None:
        if self._part:
            here = self._totals.structures - self._before
            self._part |= {"ended": now(), "structures": here, "seconds": self._seconds}
        self._write_record(status, finished=now(), **more)

    def _write_record(self, status: str, **more: Any) -> None:
        record = {name: value for name, value in self._record.items() if name not in ("error", "finished")}
        self._record = {**record, "status": status, **more, "totals": self._totals.described()}
        with naming_the_file(self._layout.record):
            write_json(self._layout.record, self._record)

    def _write_report(self) -> bool:
        # Only now, so that a run starts without waiting for matplotlib.
        from alchemi_ray.report import write_report

        try:
            write_report(self._layout.folder)
        except Exception as error:  # noqa: BLE001 - all results are there, whatever becomes of their pictures
            _tell(f"no report could be written: {type(error).__name__}: {error}")
            return False
        return True


def _tell(sentence: str) -> None:
    sys.stderr.write(f"alchemi: {sentence}\n")
