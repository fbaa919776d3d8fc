"""Facts of a checkpoint as plain values, as they stand in pipeline files, and read from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_aimnet2.checkpoints import WHO
from alchemi_aimnet2.checks import entries, flag, listed, number, one_of, optional, positive, text, whole
from alchemi_aimnet2.facts import Facts, ScreenedCoulomb
from alchemi_aimnet2.upstream import D3TS
from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from alchemi_aimnet2.upstream import AIMNet2

_read = entries(
    {
        "cutoff": positive,
        "elements": listed(whole(1, 118)),
        "open_shell": flag,
        "coulomb": optional(entries({"cutoff": positive, "envelope": one_of("exp", "cosine"), "subtracted": flag})),
        "d3_parameters": optional(entries(dict.fromkeys(("s6", "s8", "a1", "a2"), number))),
        "own_dispersion": flag,
        "family": text,
        "neutral_only": flag,
    }
)


def plain_facts(facts: Facts) -> dict[str, Any]:
    """Return facts as numbers, texts, lists and mappings."""
    return {**attrs.asdict(facts), "elements": sorted(facts.elements)}


def read_facts(value: Any, name: str) -> Facts:
    """Return the facts that plain values stand for; `name` is that of their place.

    Raises
    ------
    SerializationError
        If they are not what `plain_facts` gives.
    """
    found = _read(value, name)
    coulomb = found["coulomb"] and ScreenedCoulomb(**found["coulomb"])
    return Facts(**{**found, "elements": frozenset(found["elements"]), "coulomb": coulomb})


def check_facts(network: AIMNet2, facts: Facts) -> None:
    """Check that a network is what facts from a file say.

    Raises
    ------
    SerializationError
        If it is not.
    """
    own_dispersion = any(isinstance(module, D3TS) for module in network.modules())
    said = {
        "open_shell": (facts.open_shell, network.num_charge_channels == 2),
        "own_dispersion": (facts.own_dispersion, own_dispersion),
    }
    for name, (in_file, right) in said.items():
        if in_file != right:
            raise SerializationError(f"about.{name} is {in_file}", expected=f"{right}, as in the network", who=WHO)
