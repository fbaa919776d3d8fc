"""Elastic: elastic constants of crystals, ions clamped and relaxed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch

from alchemi_core.derivatives.strain import per_volume
from alchemi_core.errors import OptionError, nearest
from alchemi_core.quantities import DERIVATIVES
from alchemi_derivatives.strain_expansion import StrainExpansion, check_crystals, crystal_sizes
from alchemi_derivatives.strain_products import StrainTape
from alchemi_derivatives.strain_samples import SAMPLED, StrainSamples

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

METHODS = ("graph", "differences")
TENSORS = frozenset({"elastic_tensor", "clamped_elastic_tensor"})
STEP = {torch.float64: 1e-3, torch.float32: 5e-3}
MAX_ATOMS = 1000


@attrs.frozen(kw_only=True)
class Elastic:
    """Elastic constants [B, 6, 6] in GPa, Voigt order xx yy zz yz xz xy, shear strains as engineers count them.

    ``elastic_tensor``: ions find their places in the strained cell; ``clamped_elastic_tensor``: they move with it. Both
    are Brugger's, C = (1/V) d²E/dη dη with the Lagrangian strain η (Phys. Rev. 133, A1611 (1964),
    doi:10.1103/PhysRev.133.A1611), which have all symmetries of indices under any load. In a structure with residual
    stress σ other definitions, such as the slope of stress by strain (F. Birch, Phys. Rev. 71, 809 (1947),
    doi:10.1103/PhysRev.71.809), differ from them by terms of the size of σ. Constants of relaxed ions have a meaning
    where there are no forces.

    Rows of a batch that are not periodic in all three directions are NaN, as the stress is without a volume.

    Parameters
    ----------
    method : {"graph", "differences"}
        "graph": second derivatives by automatic differentiation, 6 vector products, and 3 more for each atom of the
        largest system to relax ions. "differences": central differences of forces and virials, for models that can be
        differentiated once only and for black boxes; 12 evaluations, and 6 more for each atom.
    step : float, optional
        Of differences: strain to either side, and displacement in Å. By default 1e-3 in float64, 5e-3 in float32. The
        error is of second order; about 40 step² of the constants for a pair potential.
    max_atoms : int, optional
        Of differences: atoms evaluated at once, at most, 1000 by default. 1 evaluates geometries one by one, as
        compositions need in which a step reads a detached value of another.

    Raises
    ------
    OptionError
        If an option cannot be right.
    """

    name: ClassVar[str] = "elastic"
    serves: ClassVar[frozenset[str]] = TENSORS | DERIVATIVES

    method: str = "graph"
    step: float | None = None
    max_atoms: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.method not in METHODS:
            close = nearest(str(self.method), METHODS)
            expected = "one of " + ", ".join(map(repr, METHODS))
            fix = f"method={close!r}" if close else ""
            raise OptionError(f"method={self.method!r}", expected=expected, who=self.name, fix=fix)
        _check("step", self.step, "a finite number above zero", lambda value: 0.0 < value < math.inf)
        _check("max_atoms", self.max_atoms, "an int above zero", lambda value: isinstance(value, int) and value > 0)
        for name in ("step", "max_atoms"):
            if self.method == "graph" and getattr(self, name) is not None:
                found, expected = f"{name}={getattr(self, name)!r}", "an option of method='differences' there only"
                raise OptionError(found, expected=expected, who=self.name, fix="method='differences'")

    @property
    def samples(self) -> frozenset[str]:
        """Forces and virials, for differences."""
        return SAMPLED if self.method == "differences" else frozenset()

    def prepare(self, state: GroupState) -> tuple[Batch, StrainTape | GroupState]:
        """Put the batch on leaves, or leave it as it is for differences."""
        if self.method == "differences":
            return state.data, state
        tape = StrainTape.of(state)
        return tape.strained, tape

    def finish(self, energy: Tensor, tape: StrainTape | GroupState, requested: frozenset[str]) -> dict[str, Tensor]:
        """Return what is requested.

        Parameters
        ----------
        energy : Tensor [B, 1], eV
            On the graph of the tape's leaves; not needed for differences.
        tape : StrainTape or GroupState
            From `prepare`.
        requested : frozenset of str
            Any of elastic_tensor, clamped_elastic_tensor, forces, stress, virial.

        Raises
        ------
        DataError
            If elastic constants are asked, and no system is a crystal.
        DerivativeError
            If ions are to be relaxed that have no minimum to relax to.
        """
        if requested & TENSORS:
            check_crystals(tape.data)
        sizes = crystal_sizes(tape.data) if "elastic_tensor" in requested else [0] * tape.data.num_systems
        if isinstance(tape, StrainTape):
            return self._by_products(energy, tape, requested, sizes)
        return self._by_samples(tape, requested, sizes)

    def _by_products(
        self, energy: Tensor, tape: StrainTape, requested: frozenset[str], sizes: list[int]
    ) -> dict[str, Tensor]:
        second = bool(requested & TENSORS)
        slopes = tape.slopes(energy, again=second)
        expansion = tape.expand(slopes, _relaxable(sizes)) if second else None
        return _answer(tape.data, -slopes[0], slopes[1], expansion, requested)

    def _by_samples(self, state: GroupState, requested: frozenset[str], sizes: list[int]) -> dict[str, Tensor]:
        now = state.sample(state.data, SAMPLED)
        expansion = None
        if requested & TENSORS:
            samples = StrainSamples(state, self.step or STEP[state.data.dtype], self.max_atoms or MAX_ATOMS)
            expansion = samples.expand(-now["virial"], _relaxable(sizes))
        return _answer(state.data, now["forces"], -now["virial"], expansion, requested)


def _check(name: str, value: Any, expected: str, fits: Callable[[Any], bool]) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and fits(value)):
        raise OptionError(f"{name}={value!r}", expected=expected, who=Elastic.name)


def _relaxable(sizes: list[int]) -> list[int]:
    """How many atoms of each system have something to relax: a single one moves with the crystal as a whole."""
    return [size if size > 1 else 0 for size in sizes]


def _answer(
    data: Batch, forces: Tensor, slope: Tensor, expansion: StrainExpansion | None, requested: frozenset[str]
) -> dict[str, Tensor]:
    out = {"forces": forces, "virial": -slope}
    if "stress" in requested and data.cell is not None:
        out["stress"] = per_volume(slope, data.cell)
    if expansion is not None and "clamped_elastic_tensor" in requested:
        out["clamped_elastic_tensor"] = expansion.clamped(data)
    if expansion is not None and "elastic_tensor" in requested:
        out["elastic_tensor"] = expansion.relaxed(data)
    return {name: value for name, value in out.items() if name in requested}
