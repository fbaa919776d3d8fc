"""The Morse potential."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import torch

from alchemi_classical.elements import Parameter
from alchemi_classical.hooks import MORSE
from alchemi_classical.pair_model import Columns, PairModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_classical.elements import PairOptions


@final
class Morse(PairModel):
    """Morse pair potential.

    ::

        u(r) = D (exp(−2 a (r − r0)) − 2 exp(−a (r − r0)))

    A pair is bound by D at r0, with the curvature 2 D a² (P. M. Morse, Phys. Rev. 34, 57 (1929),
    doi:10.1103/PhysRev.34.57). It is LAMMPS's ``pair_style morse``. Parameters can be trained.

    Parameters
    ----------
    pairs : mapping of str to mapping of str to float
        ``D`` in eV, ``a`` in 1/Å and ``r0`` in Å of each pair of elements; a pair may have a ``cutoff`` and a
        ``switch_on`` of its own, Å.
    cutoff : float, Å, optional
        Range of pairs without their own.
    switch_on : float, Å, optional
        Distance at which the pair energy begins to be switched to zero at the cutoff, smooth to second order.
    shift : bool, optional
        Subtract the pair energy at the cutoff. By default done when nothing is switched.
    non_interacting : str or sequence of str
        Pairs that are meant to have no energy; ``"rest"`` for all those of the elements named that have no parameters.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> copper = Morse(pairs={"Cu-Cu": {"D": 0.3429, "a": 1.3588, "r0": 2.866}}, cutoff=9.0, switch_on=7.0)
    >>> copper.model_config.elements
    frozenset({29})
    """

    who: ClassVar[str] = "morse"
    rules: ClassVar[tuple[Parameter, ...]] = (Parameter("D", "eV"), Parameter("a", "1/Å"), Parameter("r0", "Å"))
    sources: ClassVar[tuple[str, ...]] = MORSE

    def __init__(
        self,
        *,
        pairs: PairOptions,
        cutoff: float | None = None,
        switch_on: float | None = None,
        shift: bool | None = None,
        non_interacting: str | Sequence[str] = (),
    ) -> None:
        super().__init__(pairs, non_interacting, cutoff=cutoff, switch_on=switch_on, shift=shift)

    @staticmethod
    def curve(distance: Tensor, columns: Columns) -> Tensor:
        """Return u(r) in eV."""
        fall = torch.exp(-columns["a"] * (distance - columns["r0"]))
        return columns["D"] * fall * (fall - 2.0)
