"""``alchemi models``: the models on offer, without importing any of them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from alchemi_core.cli.tables import Column, show_table
from alchemi_core.offers import ModelOffer
from alchemi_core.registry import Registry, default_registry

if TYPE_CHECKING:
    import argparse

    from alchemi_core.plugin_records import PluginRecord

COLUMNS = (Column("model"), Column("summary"), Column("plugin"))
NONE = "no models on offer; install a plugin, such as: pip install alchemi-sevennet\n"


def run(arguments: argparse.Namespace) -> int:
    """Print the listing."""
    registry = default_registry()
    offered = sorted(_offered(registry), key=lambda pair: (pair[0].name, pair[1].distribution))
    if arguments.json:
        sys.stdout.write(json.dumps([_described(*pair) for pair in offered], indent=2, ensure_ascii=False) + "\n")
        return 0
    if offered:
        show_table("", COLUMNS, [(offer.name, offer.summary, owner.label) for offer, owner in offered])
    else:
        sys.stdout.write(NONE)
    _mention_trouble(registry)
    return 0


def _offered(registry: Registry) -> list[tuple[ModelOffer, PluginRecord]]:
    return [(offer, record) for record in registry.records for offer in record.offers if isinstance(offer, ModelOffer)]


def _described(offer: ModelOffer, owner: PluginRecord) -> dict[str, object]:
    return {
        "name": offer.name,
        "summary": offer.summary,
        "plugin": owner.name,
        "distribution": owner.distribution,
        "version": owner.version,
        "licence": offer.licence,
        "citations": list(offer.citations),
    }


def _mention_trouble(registry: Registry) -> None:
    """Say on standard error what the listing cannot show."""
    for duplicate in registry.duplicates:
        sys.stderr.write(f"alchemi: {duplicate}\n")
    if registry.failures:
        number = len(registry.failures)
        what = "1 plugin did not load" if number == 1 else f"{number} plugins did not load"
        sys.stderr.write(f"alchemi: {what}; alchemi plugins says why\n")
