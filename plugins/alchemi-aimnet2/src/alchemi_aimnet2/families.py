"""What is known of the published families of weights beyond their files."""

from __future__ import annotations

import attrs


@attrs.frozen
class Family:
    """One family of published weights.

    Parameters
    ----------
    level : str
        What they were fitted to.
    contains : mapping of str to str
        Physics that the data had in them, beyond what the files say, see `alchemi_core.models.ModelConfig`.
    citations : tuple of str
        Papers beyond that of the method.
    """

    level: str = ""
    contains: dict[str, str] = attrs.field(factory=dict)
    citations: tuple[str, ...] = ()


FAMILIES = {
    "wb97m-d3": Family("wB97M-D3"),
    "b973c-d3": Family("B97-3c"),
    "b973c-2025-d3": Family("B97-3c", citations=("10.1088/2632-2153/aea39f",)),
    "nse": Family("wB97M-D3", citations=("10.1002/anie.202516763",)),
    "pd": Family("B97-3c", {"solvation": "CPCM for THF, in the data"}, ("10.26434/chemrxiv-2025-n36r6",)),
    "rxn": Family("wB97M-D3"),
}
"""By the name that aimnet's registry gives the family.

Levels of theory and citations are those of https://isayevlab.github.io/aimnetcentral/models/guide/.
"""


def family_named(name: str | None) -> Family:
    """Return what is known of a family; of others, or where a file names none, nothing."""
    return FAMILIES.get(name or "", Family())
