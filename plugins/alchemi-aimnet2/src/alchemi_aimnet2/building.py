"""From a description and tensors to aimnet's network, wherever they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_aimnet2.upstream import AEVSV, DFTD3, AIMNet2, LRCoulomb, SRCoulomb, assemble_v2_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

UNBUILDABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""How torch and aimnet fail at a description that they do not understand."""


def build_network(description: Mapping[str, Any], tensors: Mapping[str, Tensor], policy: Any, source: str) -> Any:
    """Return what a description describes, with its tensors.

    Parameters
    ----------
    description : mapping
        Names and arguments of building blocks.
    tensors : mapping of str to Tensor
        By the names that the network has for them.
    policy : ModelImportPolicy
        Names that aimnet may look up.
    source : str
        Name of the file, for errors.

    Raises
    ------
    Exception
        One of `UNBUILDABLE`.
    """
    about: Any = {}  # aimnet keeps it for its calculator
    return assemble_v2_model(
        description, tensors, about, policy=policy, device="cpu", source=source, unexpected="error"
    )


def complaint(network: Any, *, subtracts: bool) -> str:
    """Return why the energy of a network is not what is said of it, so that a term would be missing or counted twice.

    Parameters
    ----------
    network : Module
        As built.
    subtracts : bool
        Whether it is said to take Coulomb at short range off its energy.

    Returns
    -------
    str
        Empty where there is nothing to complain of.
    """
    if not isinstance(network, AIMNet2):
        return f"describes a {type(network).__name__}"
    kinds = [type(module) for module in network.modules()]
    if LRCoulomb in kinds or DFTD3 in kinds:
        return "has a Coulomb or D3 module inside its network, where it cannot be switched"
    if type(network.aev) is not AEVSV:
        return f"has neighborhoods of a kind of its own, {type(network.aev).__name__}"
    if (SRCoulomb in kinds) is subtracts:
        return ""
    has = "does not subtract" if subtracts else "subtracts"
    return f"{has} Coulomb at short range, but its coulomb_mode says otherwise"
