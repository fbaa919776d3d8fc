"""What reading a checkpoint gives, whichever its format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from alchemi_aimnet2.facts import Facts
    from alchemi_aimnet2.legacy import Program
    from alchemi_aimnet2.network import Network
    from alchemi_aimnet2.recipe import Recipe
    from alchemi_aimnet2.terms import Terms


@attrs.frozen(eq=False)
class Loaded:
    """A network and what is known of it.

    Parameters
    ----------
    network : Network or Program
        To be called with what `alchemi_aimnet2.inputs` makes.
    facts : Facts
        What the checkpoint says.
    terms : Terms
        What is added to the energy of the network.
    contains : mapping of str to str
        Physics in the energy, see `alchemi_core.models.ModelConfig`.
    recipe : Recipe, optional
        What the network was built from; None for a program.
    """

    network: Network | Program
    facts: Facts
    terms: Terms
    contains: dict[str, str]
    recipe: Recipe | None = None
