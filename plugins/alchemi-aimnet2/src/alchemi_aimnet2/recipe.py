"""What a model was made from, in plain values: with the tensors, enough to make it again without its file."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class Recipe:
    """What a model was made from, beside its tensors and what `alchemi_aimnet2.facts.Facts` tells.

    Parameters
    ----------
    description : mapping
        Names and arguments of aimnet's building blocks, as the checkpoint has them.
    choices : mapping of str to str, float or bool
        Those of the options coulomb, dispersion, dsf_cutoff and dsf_alpha that were given.
    checkpoint : str
        Full name of published weights, empty for others.
    source : str
        Name of the file, without its folder, for people to read.
    """

    description: dict[str, Any]
    choices: dict[str, Any]
    checkpoint: str = ""
    source: str = ""
