"""From a name or path and the options to a network that can be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_aimnet2.artifacts import holds_program, read_artifact
from alchemi_aimnet2.checkpoints import find_checkpoint, read_registry
from alchemi_aimnet2.legacy import load_archive
from alchemi_aimnet2.loaded import Loaded
from alchemi_aimnet2.network import Network
from alchemi_aimnet2.recipe import Recipe
from alchemi_aimnet2.terms import choose_terms, contained
from alchemi_core.serialization.portability import leads_elsewhere

if TYPE_CHECKING:
    from pathlib import Path

    from alchemi_aimnet2.facts import Facts
    from alchemi_aimnet2.upstream import AIMNet2


def load(given: str | Path, wanted: dict[str, Any], *, dtype: str, trusted: bool) -> Loaded:
    """Load weights and add the terms that are wanted.

    Parameters
    ----------
    given : str or Path
        Name or path of the checkpoint.
    wanted : dict
        The options coulomb, dispersion, dsf_cutoff and dsf_alpha, None where the checkpoint decides.
    dtype : str
        Floating type that is asked for.
    trusted : bool
        Whether the file may hold code.
    """
    registry = read_registry()
    checkpoint = find_checkpoint(given, registry)
    if holds_program(checkpoint.path):
        return load_archive(checkpoint.path, trusted=trusted, options={**wanted, "dtype": dtype})
    network, facts, description = read_artifact(checkpoint, registry, trusted=trusted)
    published = checkpoint.registered.name if checkpoint.registered else ""
    choices = {name: value for name, value in wanted.items() if value is not None}
    source = "" if leads_elsewhere(checkpoint.path.name) else checkpoint.path.name
    return complete(network, facts, Recipe(description, choices, published, source))


def complete(network: AIMNet2, facts: Facts, recipe: Recipe) -> Loaded:
    """Add the terms that were chosen to a network.

    Raises
    ------
    OptionError
        If a choice does not fit the facts.
    """
    chosen = {name: recipe.choices.get(name) for name in ("coulomb", "dispersion", "dsf_cutoff", "dsf_alpha")}
    terms = choose_terms(facts, **chosen)
    return Loaded(Network(network, facts, terms), facts, terms, contained(facts, terms), recipe)
