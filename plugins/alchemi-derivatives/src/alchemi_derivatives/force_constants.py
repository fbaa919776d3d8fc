"""ForceConstants: a strategy that displaces atoms of supercells as phonopy says, and its result as phonopy has it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch

from alchemi_core.errors import DerivativeError, OptionError
from alchemi_derivatives.repeated_fields import check_fields
from alchemi_derivatives.supercell_forces import force_sets
from alchemi_derivatives.supercell_size import Size, read_size
from alchemi_derivatives.supercells import WHO, Displacing, Supercell

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

LENGTH = 10.0
"""Default distance of opposite faces of a supercell, Å."""

MAX_ATOMS = 512


@attrs.frozen(kw_only=True)
class ForceConstants:
    """Force constants of a supercell by differences of forces, with the displacements and the symmetry of phonopy.

    ::

        Φ[i, j] = d²E / dr_i dr_j = −dF_j / dr_i      i an atom of the cell, j one of the supercell

    Atoms are displaced one at a time; where symmetry does not do it, also backwards, so that the error is of second
    order in the displacement. What forces the crystal has at rest is subtracted. Translations (Σ_j Φ[i, j] = 0) and
    permutation (Φ[i, j] = Φ[j, i]ᵀ) are imposed on the result. Only forces are asked of the models, so black boxes and
    energies that can be differentiated once will do. See A. Togo, L. Chaput, T. Tadano and I. Tanaka, J. Phys.:
    Condens. Matter 35, 353001 (2023), doi:10.1088/1361-648X/acd831.

    The result is [N, M, 3, 3] in eV/Å², in the compact form of phonopy with the cell given as primitive cell: rows are
    the atoms of the batch in their order; columns are those of the supercell, all images of the first atom of the
    crystal, itself first, then all of the second, in the order of ``phonopy.Phonopy(...).supercell``. Beyond the
    supercell of a smaller crystal in the batch there are zeros.

    Parameters
    ----------
    supercell : float, sequence of int, or sequence of such sequences
        A length in Å that opposite faces are to be apart, three multiples, or three rows of supercell vectors in terms
        of the lattice vectors.
    displacement : float, Å
        How far atoms are moved.
    symmetry : bool
        Leave out displacements that follow from others by the symmetry of the crystal. Atoms whose charges or other
        fields differ are different atoms.
    tolerance : float, Å, optional
        Within which atoms that symmetry relates coincide; by default 1e-5, and 1e-4 in float32.
    max_atoms : int
        Atoms evaluated at once; a single supercell may have more.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> ForceConstants(supercell=(2, 2, 2)).supercell
    (2, 2, 2)
    """

    name: ClassVar[str] = "force-constants"
    serves: ClassVar[frozenset[str]] = frozenset({"force_constants", "forces"})
    samples: ClassVar[frozenset[str]] = frozenset({"forces"})

    supercell: Size = attrs.field(default=LENGTH, converter=read_size)
    displacement: float = 0.01
    symmetry: bool = True
    tolerance: float | None = None
    max_atoms: int = MAX_ATOMS

    def __attrs_post_init__(self) -> None:
        _check("displacement", self.displacement, "a finite number above zero", _is_positive)
        _check("symmetry", self.symmetry, "True or False", lambda value: isinstance(value, bool))
        if self.tolerance is not None:
            _check("tolerance", self.tolerance, "a finite number above zero", _is_positive)
        _check("max_atoms", self.max_atoms, "a whole number above zero", lambda value: _is_whole(value) and value > 0)

    def prepare(self, state: GroupState) -> tuple[Batch, GroupState]:
        """Leave the batch as it is.

        Raises
        ------
        DerivativeError
            If the result would have to be on the graph.
        """
        if state.differentiable:
            raise DerivativeError(
                "force constants by differences cannot be differentiated",
                expected="a pipeline in evaluation mode",
                who=WHO,
                fix="pipe.eval(), or derivative 'hessian' of a supercell to train on",
            )
        return state.data, state

    def finish(self, energy: Tensor | None, tape: GroupState, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - part of every strategy
        """Evaluate supercells; `energy` itself is not needed.

        Raises
        ------
        DerivativeError
            If a system is not periodic, or the batch carries what cannot be repeated.
        """
        out: dict[str, Tensor] = {}
        if "forces" in requested:
            out["forces"] = tape.sample(tape.data, {"forces"})["forces"]
        if "force_constants" in requested:
            out["force_constants"] = self._constants(tape)
        return out

    def displacing(self, *, primitive: bool = False) -> Displacing:
        """Return how supercells are made."""
        return Displacing(self.supercell, self.displacement, self.symmetry, self.tolerance, primitive)

    def _constants(self, tape: GroupState) -> Tensor:
        data = tape.data
        check_fields(data, symmetry=self.symmetry)
        filled = [system for system in range(data.num_systems) if data.ptr[system + 1] > data.ptr[system]]
        supercells = [Supercell.of(data, system, self.displacing()) for system in filled]
        widest = max((one.num_atoms for one in supercells), default=0)
        out = data.positions.new_zeros(data.num_atoms, widest, 3, 3)
        for one, forces in zip(supercells, force_sets(supercells, tape.sample, data, self.max_atoms), strict=True):
            found = torch.from_numpy(one.force_constants(forces.changes)).to(out)
            out[one.rows, : one.num_atoms] = found
        return out


def _check(name: str, value: Any, expected: str, fits: Callable[[Any], bool]) -> None:
    if not fits(value):
        raise OptionError(f"{name}={value!r}", expected=expected, who=WHO)


def _is_positive(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0.0 < value < math.inf


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
