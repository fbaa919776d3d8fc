"""Whether all that plugins offer can be imported; slow, since it imports every model's packages."""

from __future__ import annotations

import sys
import time
from contextlib import redirect_stdout
from functools import partial
from typing import TYPE_CHECKING

from alchemi_core.cli.doctor_section import Row, Section, failed
from alchemi_core.plugin_records import PluginFailure, attempt

if TYPE_CHECKING:
    from alchemi_core.plugin_records import PluginRecord
    from alchemi_core.registry import Registry

SKIPPED = Section((Row("not imported", "alchemi doctor --full imports them"),), {})


def targets(registry: Registry) -> Section:
    """Import every target of every plugin, with the time that each plugin takes.

    Parameters
    ----------
    registry : Registry
        What is on offer.
    """
    return Section(tuple(row for record in registry.records for row in _rows(registry, record)))


def _rows(registry: Registry, record: PluginRecord) -> list[Row]:
    started = time.perf_counter()
    failures = []
    with redirect_stdout(sys.stderr):  # packages that greet must not do so inside the report
        for offer in record.offers:
            blank = PluginFailure(record.name, record.distribution, record.version)
            loaded = attempt(partial(registry.load, offer), blank)
            if isinstance(loaded, PluginFailure):
                failures.append(failed(f"{record.label} {offer.kind} {offer.name}", loaded))
    taken = (
        f"{len(record.offers) - len(failures)} of {len(record.offers)} import, {time.perf_counter() - started:.1f} s"
    )
    return [Row(record.label, taken), *failures]
