"""Weights of steps: numbers, or functions of parameters λ that a batch brings for each system or the pipeline holds."""

from __future__ import annotations

import keyword
import unicodedata
from typing import Any

from alchemi_core.errors import DeclarationError
from alchemi_core.quantities import GEOMETRY
from alchemi_core.weight_algebra import Weight, as_weight, hold, is_weight
from alchemi_core.weight_factors import Affine, Inside, Sum


def Coupling(name: str = "coupling", *, value: Any = None) -> Weight:  # noqa: N802 - reads as the class of what it makes
    """Return the weight that is a coupling parameter λ, for ``lam * a + (1 - lam) * b``.

    Its value comes with the batch, one for each system: ``batch.with_fields(coupling=...)`` [B, 1]. Or it is held by
    the pipeline, among whose parameters it then is; a batch that brings a field of that name too is refused.

    Parameters
    ----------
    name : str
        Name of the batch's field, an identifier.
    value : Tensor, optional
        What the pipeline holds: a number [], or one for each system [B] or [B, 1]; learnable as `torch.nn.Parameter`.

    Raises
    ------
    DeclarationError
        If it cannot be the name of a field, or the tensor cannot be held.

    Examples
    --------
    >>> lam = Coupling()
    >>> print(lam, "|", 1 - lam, "|", 0.5 * lam * (2 - lam), "|", 1 - lam**2, "|", lam.ramp(0, 0.5))
    coupling | (1 − coupling) | 0.5·coupling·(2 − coupling) | (1 − coupling²) | coupling.ramp(0, 0.5)
    """
    if (
        not name.isidentifier()
        or unicodedata.normalize("NFKC", name) != name
        or keyword.iskeyword(name)
        or name in GEOMETRY
    ):
        expected = "letters, digits and underscores, and neither a word of Python nor an input such as positions"
        raise DeclarationError(f"{name!r} is no name", expected=expected, who="Coupling")
    return Weight(1.0, (Affine(name, held=None if value is None else hold(value, name)),))


__all__ = ["Affine", "Coupling", "Inside", "Sum", "Weight", "as_weight", "is_weight"]
