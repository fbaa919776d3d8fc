"""The Buckingham potential."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import torch

from alchemi_classical.collapse import Collapse, born, check_collapse, check_walls
from alchemi_classical.elements import Parameter
from alchemi_classical.hooks import BUCKINGHAM
from alchemi_classical.pair_model import Columns, PairModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from alchemi_classical.elements import PairOptions
    from alchemi_classical.sums import Edges
    from alchemi_core.data.view import ModelView


@final
class Buckingham(PairModel):
    """Buckingham's exp-6 pair potential.

    ::

        u(r) = A exp(−r/ρ) − C/r⁶

    R. A. Buckingham, Proc. R. Soc. A 168, 264 (1938), doi:10.1098/rspa.1938.0173; LAMMPS's ``pair_style buck``. Charges
    are not part of it: add a Coulomb model. Inside its maximum the curve falls to minus infinity, and two atoms that
    come so close fall onto each other, the Buckingham catastrophe; by default that is an error. Parameters can be
    trained.

    Parameters
    ----------
    pairs : mapping of str to mapping of str to float
        ``A`` in eV, ``rho`` in Å and ``C`` in eV Å⁶ (0 by default) of each pair of elements; a pair may have a
        ``cutoff`` and a ``switch_on`` of its own, Å.
    cutoff, switch_on, shift, non_interacting
        As for `alchemi_classical.morse.Morse`.
    collapse : {"error", "allow"}
        Whether two atoms inside the maximum of their curve are an error, or attract each other as the formula says.

    Raises
    ------
    OptionError
        If an option cannot be right, or a pair attracts at every distance.

    Examples
    --------
    >>> oxygen = {"A": 22764.3, "rho": 0.149, "C": 27.88}
    >>> sorted(Buckingham(pairs={"O-O": oxygen}, cutoff=12.0).model_config.contains)
    ['dispersion']
    """

    who: ClassVar[str] = "buckingham"
    rules: ClassVar[tuple[Parameter, ...]] = (
        Parameter("A", "eV", open_end=False),
        Parameter("rho", "Å"),
        Parameter("C", "eV Å⁶", open_end=False, default=0.0),
    )
    sources: ClassVar[tuple[str, ...]] = BUCKINGHAM

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
        return born(distance, _with_zeros(columns))

    @staticmethod
    def physics(columns: Mapping[str, tuple[float, ...]]) -> dict[str, str]:
        """Dispersion, where some C is above zero."""
        return {"dispersion": "−C/r⁶"} if any(columns["C"]) else {}

    def check(self, view: ModelView, edges: Edges, columns: Columns) -> None:
        """Refuse atoms inside the maximum of their curve, unless that is allowed."""
        if self.collapse == "error":
            check_collapse(view, edges, _with_zeros(columns), self.who)


def _with_zeros(columns: Columns) -> Columns:
    zero = torch.zeros_like(columns["A"])
    return {"A": columns["A"], "rho": columns["rho"], "C": columns["C"], "sigma": zero, "D": zero}
