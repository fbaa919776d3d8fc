"""AtomicVirials: the virial as a sum over atoms, such as heat fluxes are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from alchemi_core.errors import OptionError
from alchemi_derivatives.first_derivatives import FIRST
from alchemi_derivatives.partition import ROUNDING
from alchemi_derivatives.trial import Trial, rounding_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

WHO = "atomic-virials"

_REACHES = (6.0, 9.0, 13.5, 20.0, 30.0, 45.0)
"""Å. Tried one after the other; the last is for message passing through ever so many layers."""


def _positive(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type, operator]  # a number by now
        unit = " in Å" if attribute.name == "reach" else ""
        raise OptionError(f"{attribute.name}={value!r}", expected=f"a number above zero{unit}, or None", who=WHO)


@attrs.frozen(kw_only=True)
class AtomicVirials:
    """Atomic virials W_j [N, 3, 3] in eV, which over the atoms of a system add up to its virial, −V·stress.

    For an energy Σ_i U_i of atomic energies, each of which depends on its surroundings only,

        W_j,ab = Σ_i (r_i − r_j)_a ∂U_i/∂r_j,b

    where i are atoms of the cell and j goes over all its images, which are added up. The potential part of the heat
    flux of Green and Kubo is J_a = Σ_j W_j,ab v_j,b: of one atom W is not symmetric, the second index is the velocity's
    (Langer et al., Phys. Rev. B 108, L100302 (2023), doi:10.1103/PhysRevB.108.L100302; Fan et al., Phys.
    Rev. B 92, 094301 (2015), doi:10.1103/PhysRevB.92.094301). Pair potentials have ½ Σ_i r_ij ⊗ f_ij. The stress per
    atom that LAMMPS prints is −W, where it uses the same partition ("centroid").

    The derivatives are taken on the unfolded system, all images within reach around it and none periodic: four
    backward passes, whatever the number of atoms. What comes out is compared with the atomic energies and the virial of
    the periodic system, so that it is right or refused.

    Parameters
    ----------
    reach : float, Å, optional
        How far from the atoms images are taken: the cutoff, for message passing times the number of layers. By
        default it is enlarged until all agrees, from 6 Å on to 45 Å.
    tolerance : float, optional
        Largest difference, relative to the largest atomic energy and to the sum of absolute virials. By default 1e-10
        in float64 and 1e-5 in float32; in float64 up to 1e-6 where the model itself rounds more, and ten times more
        (1e-4 in float32) where nothing depends on the outermost images.

    Raises
    ------
    OptionError
        If a number is not positive.

    Examples
    --------
    >>> AtomicVirials(reach=8.5)
    AtomicVirials(reach=8.5, tolerance=None)
    """

    name: ClassVar[str] = WHO
    serves: ClassVar[frozenset[str]] = frozenset({*FIRST, "atomic_virials"})
    samples: ClassVar[frozenset[str]] = frozenset({*FIRST, "node_energies"})

    reach: float | None = attrs.field(default=None, validator=_positive)
    tolerance: float | None = attrs.field(default=None, validator=_positive)

    def prepare(self, state: GroupState) -> tuple[Batch, GroupState]:
        """Leave the batch as it is."""
        return state.data, state

    def finish(self, energy: Tensor, tape: GroupState, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002
        """Differentiate the atomic energies of the unfolded system; `energy` itself is not needed.

        Raises
        ------
        DerivativeError
            If the atomic virials do not add up to the virial.
        """
        first = requested - {"atomic_virials"}
        if "atomic_virials" not in requested:
            return dict(tape.sample(tape.data, first))
        whole = tape.sample(tape.data, {"node_energies", "virial"} | first)
        out = {name: whole[name] for name in first}
        return {**out, "atomic_virials": self._search(tape, whole)}

    def _search(self, tape: GroupState, whole: Mapping[str, Tensor]) -> Tensor:
        """Return the virials of the first reach at which all agrees."""
        tolerance = self.tolerance or rounding_of(tape, whole)
        rounding = self.tolerance or ROUNDING[tape.data.dtype]
        trials: list[Trial] = []
        for reach in self._reaches(tape.data):
            trials.append(Trial.of(tape, whole, reach, tolerance, rounding))
            found = trials[-1].accepted(tolerance)
            if found is not None:
                return found
            if _is_hopeless(trials):
                break
        raise trials[-1].refusal(tolerance)

    def _reaches(self, data: Batch) -> tuple[float, ...]:
        if self.reach is not None:
            return (float(self.reach),)
        periodic = data.pbc is not None and bool(data.pbc.any())
        return _REACHES if periodic else _REACHES[:1]


def _is_hopeless(trials: list[Trial]) -> bool:
    """Tell whether more images would change nothing, or two enlargements did not halve the difference."""
    if trials[-1].is_closed:
        return True
    errors = [trial.worst for trial in trials if trial.images]
    return len(errors) > 2 and errors[-1] > 0.5 * errors[-3]
