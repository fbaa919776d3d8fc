"""Plugins and neighbor backends as the doctor reports them."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from alchemi_core.cli.commands import COMMANDS
from alchemi_core.cli.doctor_section import Row, Section, fix_line, tried
from alchemi_core.cli.plugin_commands import commands_for
from alchemi_core.cli.plugins import described
from alchemi_core.offers import ROLES, NeighborOffer

if TYPE_CHECKING:
    from alchemi_core.offers import Role
    from alchemi_core.plugin_records import PluginFailure, PluginRecord
    from alchemi_core.refusals import Duplicate
    from alchemi_core.registry import Registry


def plugins(registry: Registry) -> Section:
    """Return plugins with what they offer, those that failed or are kept out, and names offered twice."""
    rows = [Row(record.label, _offered(record)) for record in registry.records]
    rows += [_broken(failure) for failure in registry.failures]
    rows += [Row(blocked.label, f"kept out: {blocked.reason}") for blocked in registry.blocked]
    rows += [_twice(duplicate) for duplicate in registry.duplicates]
    return Section(tuple(rows), described(registry))


def _offered(record: PluginRecord) -> str:
    kinds = dict.fromkeys(offer.kind for offer in record.offers)
    names = {kind: ", ".join(offer.name for offer in record.offers if offer.kind == kind) for kind in kinds}
    return "\n".join(f"{kind}: {listed}" for kind, listed in names.items()) or "offers nothing"


def _broken(failure: PluginFailure) -> Row:
    what = "did not load" if failure.distribution else "is no plugin"
    return Row(failure.label, f"{what}: {failure.reason}" + fix_line(failure.fix), f"{failure.label} {what}")


def _twice(duplicate: Duplicate) -> Row:
    what = f"{duplicate.kind} {duplicate.name}"
    return Row(what, f"{duplicate}{fix_line(duplicate.error().fix)}", f"{what} is offered twice")


def commands() -> Section:
    """Return commands that plugins bring; one without a target is listed by what is wrong with it."""
    brought = [command for command in commands_for([]) if command not in COMMANDS]
    rows = [
        Row(one.name, one.summary.replace("%%", "%"), "" if one.target else f"the command {one.name} fails")
        for one in brought
    ]
    return Section(tuple(rows) or (Row("none", ""),), {row.label: row.text for row in rows})


def backends(registry: Registry) -> Section:
    """Return neighbor backends by device and role, in the order of their ranks, with the one that is used."""
    ranked = _ranked(registry)
    rows = [tried(" ".join(served), partial(_line, registry, *served, offers)) for served, offers in ranked.items()]
    data = [_described(registry, *served, offers) for served, offers in ranked.items()]
    return Section(tuple(rows), data)


def _ranked(registry: Registry) -> dict[tuple[str, Role], list[NeighborOffer]]:
    """Return what serves each device in each role, highest rank first."""
    offers = sorted(registry.offers(NeighborOffer), key=lambda offer: -offer.rank)
    devices = dict.fromkeys(device for offer in registry.offers(NeighborOffer) for device in offer.devices)
    able = {
        (device, role): [offer for offer in offers if offer.role == role and device in offer.devices]
        for device, role in product(devices, ROLES)
    }
    return {served: found for served, found in able.items() if found}


def _line(registry: Registry, device: str, role: Role, offers: list[NeighborOffer]) -> str:
    used = registry.best_neighbors(role, device)
    marks = {True: " (used)", False: ""}
    return ", ".join(f"{offer.name} {offer.rank}{marks[offer is used]}" for offer in offers)


def _described(registry: Registry, device: str, role: Role, offers: list[NeighborOffer]) -> dict[str, Any]:
    listed = [{"name": one.name, "rank": one.rank, "plugin": registry.owner(one).distribution} for one in offers]
    top = [offer.name for offer in offers if offer.rank == offers[0].rank]
    return {"device": device, "role": role, "used": top[0] if len(top) == 1 else None, "ranked": listed}
