"""What a checkpoint says of its network."""

from __future__ import annotations

import attrs


@attrs.frozen
class ScreenedCoulomb:
    """Coulomb within a short range, which the network has learned and a sum over all pairs has as well.

    Parameters
    ----------
    cutoff : float, Å
        Its range.
    envelope : str
        ``"exp"`` or ``"cosine"``.
    subtracted : bool
        Whether the network of the file takes it off its energy already.
    """

    cutoff: float
    envelope: str
    subtracted: bool


@attrs.frozen
class Facts:
    """What a checkpoint says of its network.

    Parameters
    ----------
    cutoff : float, Å
        Range of the network.
    elements : frozenset of int
        Atomic numbers it was fitted to.
    open_shell : bool
        Whether it has two channels of charges, for the two spins.
    coulomb : ScreenedCoulomb, optional
        Where the energy is to be completed by a Coulomb sum.
    d3_parameters : mapping of str to float, optional
        Where the energy is to be completed by D3: s6, s8, a1 and a2.
    own_dispersion : bool
        Whether the network has dispersion of its own, learned with it.
    family : str
        Published family, empty for other weights.
    neutral_only : bool
        Whether it was fitted to neutral systems alone.
    """

    cutoff: float
    elements: frozenset[int]
    open_shell: bool = False
    coulomb: ScreenedCoulomb | None = None
    d3_parameters: dict[str, float] | None = None
    own_dispersion: bool = False
    family: str = ""
    neutral_only: bool = False
