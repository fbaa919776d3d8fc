"""The Born-Mayer(-Huggins) potential."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, final

from alchemi_classical.collapse import Collapse, born, check_collapse, check_walls
from alchemi_classical.elements import Parameter
from alchemi_classical.hooks import BORN_MAYER
from alchemi_classical.pair_model import Columns, PairModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from alchemi_classical.elements import PairOptions
    from alchemi_classical.sums import Edges
    from alchemi_core.data.view import ModelView


@final
class BornMayer(PairModel):
    """Born-Mayer pair potential, with the two further terms of Huggins and Mayer.

    ::

        u(r) = A exp((σ − r)/ρ) − C/r⁶ + D/r⁸

    M. Born and J. E. Mayer, Z. Phys. 75, 1 (1932), doi:10.1007/BF01340511; M. L. Huggins and J. E. Mayer, J. Chem.
    Phys. 1, 643 (1933), doi:10.1063/1.1749344. It is LAMMPS's ``pair_style born``, whose sign of D it shares: the
    attractive r⁻⁸ term of Tosi and Fumi has a negative D here. Charges are not part of it: add a Coulomb model. Inside
    its maximum the curve may fall to minus infinity (the Buckingham catastrophe); by default atoms that come so close
    are an error. Parameters can be trained.

    Parameters
    ----------
    pairs : mapping of str to mapping of str to float
        ``A`` in eV and ``rho`` in Å of each pair of elements, and where they are not zero ``sigma`` in Å, ``C`` in
        eV Å⁶ and ``D`` in eV Å⁸; a pair may have a ``cutoff`` and a ``switch_on`` of its own, Å.
    cutoff, switch_on, shift, non_interacting
        As for `alchemi_classical.morse.Morse`.
    collapse : {"error", "allow"}
        As for `alchemi_classical.buckingham.Buckingham`.

    Raises
    ------
    OptionError
        If an option cannot be right, or a pair attracts at every distance.

    Examples
    --------
    >>> wall = BornMayer(pairs={"Na-Cl": {"A": 1256.31, "rho": 0.3164}}, cutoff=8.0, non_interacting="rest")
    >>> sorted(wall.model_config.elements)
    [11, 17]
    """

    who: ClassVar[str] = "born-mayer"
    rules: ClassVar[tuple[Parameter, ...]] = (
        Parameter("A", "eV", open_end=False),
        Parameter("rho", "Å"),
        Parameter("sigma", "Å", open_end=False, default=0.0),
        Parameter("C", "eV Å⁶", least=-math.inf, open_end=False, default=0.0),
        Parameter("D", "eV Å⁸", least=-math.inf, open_end=False, default=0.0),
    )
    sources: ClassVar[tuple[str, ...]] = BORN_MAYER

    def __init__(
        self,
        *,
        pairs: PairOptions,
        cutoff: float | None = None,
        switch_on: float | None = None,
        shift: bool | None = None,
        non_interacting: str | Sequence[str] = (),
        collapse: Collapse = "error",
    ) -> None:
        super().__init__(pairs, non_interacting, cutoff=cutoff, switch_on=switch_on, shift=shift)
        check_walls(self.kinds.table, collapse, self.who)
        self.collapse = collapse

    @staticmethod
    def curve(distance: Tensor, columns: Columns) -> Tensor:
        """Return u(r) in eV."""
        return born(distance, columns)

    @staticmethod
    def physics(columns: Mapping[str, tuple[float, ...]]) -> dict[str, str]:
        """Dispersion, where some C or D attracts: C above zero, or D below."""
        attracts = any(c > 0.0 for c in columns["C"]) or any(d < 0.0 for d in columns["D"])
        return {"dispersion": "−C/r⁶ + D/r⁸"} if attracts else {}

    def check(self, view: ModelView, edges: Edges, columns: Columns) -> None:
        """Refuse atoms inside the maximum of their curve, unless that is allowed."""
        if self.collapse == "error":
            check_collapse(view, edges, columns, self.who)
