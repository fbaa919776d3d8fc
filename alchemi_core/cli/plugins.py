"""``alchemi plugins``: installed plugins, versions, what each offers; those that failed, with the reason."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from alchemi_core.cli.tables import Column, show_table
from alchemi_core.registry import Registry, default_registry

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from alchemi_core.plugin_records import PluginFailure, PluginRecord

LOADED = (Column("plugin"), Column("distribution"), Column("offers"), Column("names"))
FAILED = (Column("plugin"), Column("distribution"), Column("reason"), Column("likely fix"))


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    registry = default_registry()
    if arguments.json:
        sys.stdout.write(json.dumps(described(registry), indent=2, ensure_ascii=False) + "\n")
        return 0
    show_table("", LOADED, [row for record in registry.records for row in _rows(record)])
    _show_failures("did not load", registry.failures)
    _show_failures("kept out", registry.blocked)
    for duplicate in registry.duplicates:
        sys.stdout.write(f"\n{duplicate}\n")
    if arguments.traceback:
        for failure in registry.failures:
            sys.stdout.write(f"\n{failure.label}\n{failure.traceback}")
    return 0


def _rows(record: PluginRecord) -> list[tuple[str, str, str, str]]:
    """One row per kind of offer; plugin and distribution stand in the first."""
    kinds = list(dict.fromkeys(offer.kind for offer in record.offers)) or [""]
    names = [", ".join(offer.name for offer in record.offers if offer.kind == kind) for kind in kinds]
    return [
        (record.name if first else "", record.label if first else "", kind, listed)
        for first, kind, listed in zip([True] + [False] * len(kinds), kinds, names, strict=False)
    ]


def _show_failures(title: str, failures: Sequence[PluginFailure]) -> None:
    if failures:
        sys.stdout.write("\n")
        rows = [(failure.plugin, failure.label, failure.reason, failure.fix) for failure in failures]
        show_table(title, FAILED, rows)


def described(registry: Registry) -> dict[str, object]:
    """Return everything in a form that JSON can hold."""
    return {
        "plugins": [
            {
                "plugin": record.name,
                "distribution": record.distribution,
                "version": record.version,
                "offers": [
                    {"kind": offer.kind, "name": offer.name, "summary": offer.summary} for offer in record.offers
                ],
            }
            for record in registry.records
        ],
        "failures": [_failure(failure) for failure in registry.failures],
        "blocked": [_failure(failure) for failure in registry.blocked],
        "duplicates": [str(duplicate) for duplicate in registry.duplicates],
    }


def _failure(failure: PluginFailure) -> dict[str, str]:
    return {
        "plugin": failure.plugin,
        "distribution": failure.distribution,
        "version": failure.version,
        "reason": failure.reason,
        "fix": failure.fix,
        "traceback": failure.traceback,
    }
