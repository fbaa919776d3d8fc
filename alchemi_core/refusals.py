"""Errors of looking an offer up, with all that is known about who might have offered it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.distributions import CORE
from alchemi_core.errors import DuplicateOfferError, PluginError, UnknownOfferError, nearest
from alchemi_core.offers import KINDS
from alchemi_core.selection import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alchemi_core.offers import NeighborOffer, Offer
    from alchemi_core.plugin_records import PluginFailure, PluginRecord

REPORT = "full report: alchemi plugins"


@attrs.frozen
class Duplicate:
    """One name offered more than once.

    Parameters
    ----------
    kind, name : str
        What is offered.
    owners : tuple of PluginRecord
        Who offers it; one plugin stands twice when it offers the name twice.
    """

    kind: str
    name: str
    owners: tuple[PluginRecord, ...]

    def __str__(self) -> str:
        owners = " and ".join(f"{owner.label} (plugin {owner.name})" for owner in self.owners)
        return f"{KINDS[self.kind].noun} {self.name!r} is offered by {owners}"

    def error(self) -> DuplicateOfferError:
        """Refuse to choose."""
        return DuplicateOfferError(str(self), expected="one", fix=_block_one(self.owners))


def tie(role: str, device: str, claims: Sequence[tuple[PluginRecord, NeighborOffer]]) -> DuplicateOfferError:
    """Refuse to choose between neighbor backends of one rank."""
    names = " and ".join(f"{offer.name!r} of {owner.label}" for owner, offer in claims)
    return DuplicateOfferError(
        f"role {role!r} on {device!r} is claimed at rank {claims[0][1].rank} by {names}",
        expected="one of the highest rank",
        fix=_block_one([owner for owner, _ in claims]),
    )


def _block_one(owners: Iterable[PluginRecord]) -> str:
    """Name a plugin to keep out; never the core, which stays."""
    others = [owner.distribution for owner in owners if owner.distribution != CORE]
    return f"{BLOCK}={others[-1]}" if others else ""


def unknown(kind: type[Offer], name: str, known: Sequence[str], lost: str) -> UnknownOfferError:
    """Say that nobody offers a name, what there is, and what did not load."""
    near = nearest(name, known)
    found = f"no {kind.noun} named {name!r}. Available: {', '.join(known) or 'none'}."
    return UnknownOfferError(found + lost, fix=f"did you mean {near!r}?" if near else "")


def quote(failures: Sequence[PluginFailure], blocked: Sequence[PluginFailure]) -> str:
    """Quote what might have offered a name, had it loaded: lines to add to an error."""
    lines = [str(failure) for failure in failures]
    if blocked:
        lines.append("kept out: " + ", ".join(f"{one.label} ({one.reason})" for one in blocked))
    return "".join(f"\n  {line}" for line in [*lines, *([REPORT] if lines else [])])


def unloadable(offer: Offer, owner: PluginRecord, error: PluginError) -> PluginError:
    """Say whose target it is that does not import."""
    who = f"{offer.noun} {offer.name!r} of {owner.label}"
    return PluginError(error.found, expected=error.expected, who=who, fix=remedy(owner, error.__cause__))


def remedy(owner: PluginRecord, cause: BaseException | None) -> str:
    """Say what to type when code of a plugin does not import.

    A module's name is not always that of the package to install, so no command is made of it.
    """
    lacks = cause.name if isinstance(cause, ModuleNotFoundError) else None
    return f"pip install --upgrade {owner.distribution}, or " + (f"install {lacks!r}" if lacks else "tell its author")
