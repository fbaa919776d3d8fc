"""The energy of one coordinate: a spring, perhaps with a flat bottom, perhaps on one side only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_classical.options import check_keys, choice, index, items, number, positive
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

SIDES = ("both", "above", "below")


@attrs.frozen(kw_only=True)
class Coordinate:
    """What kind of coordinate is restrained.

    Parameters
    ----------
    who : str
        The model.
    atoms : int
        How many atoms have it.
    center, unit : str
        What users call its centre, and what they give it in.
    spring_unit : str
        Unit of its spring constant.
    scale : float
        From the user's unit to that of the spring.
    lowest, highest : float
        Ends of its range, in the user's unit.
    extra : tuple of str
        Further keys that a restraint may have.
    """

    who: str
    atoms: int
    center: str
    unit: str
    spring_unit: str
    scale: float
    lowest: float
    highest: float
    extra: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Spring:
    """One restraint, in the unit of its spring.

    Parameters
    ----------
    atoms : tuple of int
        Numbers within the system.
    center, flat, k : float
        Where it rests, how far to either side nothing acts, and the spring constant.
    above, below : bool
        On which sides of the centre it acts.
    """

    atoms: tuple[int, ...]
    center: float
    flat: float
    k: float
    above: bool
    below: bool


def read_springs(given: Any, kind: Coordinate) -> tuple[Spring, ...]:
    """Read the option `restraints`.

    Raises
    ------
    OptionError
        If it is no list of mappings, or an entry cannot be right.
    """
    entries = items(given, "restraints", kind.who, of=f"mappings with atoms, {kind.center} and k")
    return tuple(_read(entry, f"restraints[{n}]", kind) for n, entry in enumerate(entries))


def _read(given: Any, name: str, kind: Coordinate) -> Spring:
    required = ("atoms", kind.center, "k")
    if not isinstance(given, Mapping):
        raise OptionError(f"{name}={given!r}", expected=f"a mapping with {', '.join(required)}", who=kind.who)
    check_keys(given, (*required, "flat", "side", *kind.extra), required, name, kind.who)
    center = number(given[kind.center], f"{name}[{kind.center!r}]", kind.who, unit=kind.unit, least=kind.lowest)
    if center > kind.highest:
        expected = f"{kind.lowest:g} to {kind.highest:g}, {kind.unit}"
        raise OptionError(f"{name}[{kind.center!r}]={center:g}", expected=expected, who=kind.who)
    side = choice(given.get("side", "both"), f"{name}['side']", kind.who, SIDES)
    _check_acts(center, side, name, kind)
    flat = number(given.get("flat", 0.0), f"{name}['flat']", kind.who, unit=kind.unit, least=0.0)
    return Spring(
        atoms=_atoms(given["atoms"], f"{name}['atoms']", kind),
        center=center * kind.scale,
        flat=flat * kind.scale,
        k=positive(given["k"], f"{name}['k']", kind.who, unit=kind.spring_unit),
        # beyond an end of the range there is no other side
        above=side != "below" or (flat == 0.0 and center == kind.highest),
        below=side != "above" or (flat == 0.0 and center == kind.lowest),
    )


def _check_acts(center: float, side: str, name: str, kind: Coordinate) -> None:
    if (center, side) in ((kind.lowest, "below"), (kind.highest, "above")):
        raise OptionError(
            f"{name} acts {side} {center:g} only, where nothing is", expected="a side with room", who=kind.who
        )


def _atoms(given: Any, name: str, kind: Coordinate) -> tuple[int, ...]:
    atoms = tuple(index(one, name, kind.who) for one in items(given, name, kind.who, count=kind.atoms, of="atoms"))
    if len(set(atoms)) < len(atoms):
        raise OptionError(f"{name}={list(atoms)}", expected=f"{kind.atoms} different atoms", who=kind.who)
    return atoms


class Springs(torch.nn.Module):
    """Energies of coordinates.

    ::

        E(x) = ½ k max(0, |x − x0| − w)²

    A side on which the spring does not act has no energy. With w = 0 and both sides it is ½ k (x − x0)².

    Parameters
    ----------
    springs : sequence of Spring
        The restraints.
    """

    center: Tensor
    flat: Tensor
    k: Tensor
    above: Tensor
    below: Tensor

    def __init__(self, springs: Sequence[Spring]) -> None:
        super().__init__()
        for name in ("center", "flat", "k", "above", "below"):
            values = torch.tensor([float(getattr(spring, name)) for spring in springs], dtype=torch.float64)
            self.register_buffer(name, values, persistent=False)

    def forward(self, value: Tensor, pole: Tensor, square: Tensor) -> Tensor:
        """Return energies: Tensor [B, R], eV.

        Parameters
        ----------
        value : Tensor [B, R]
            The coordinates x.
        pole : Tensor [R], bool
            Which centres are at an end of the coordinate's range, where x has no derivative and (x − x0)² has.
        square : Tensor [B, R]
            (x − x0)² of these, by a way that is smooth; any finite number for others.
        """
        center, flat, k, above, below = (
            tensor.to(value) for tensor in (self.center, self.flat, self.k, self.above, self.below)
        )
        off = value - center
        # max(0, x)² has no second derivative at zero, where plain springs rest
        plain = (flat == 0.0) & (above + below == 2.0)
        walls = above * (off - flat).relu() ** 2 + below * (-off - flat).relu() ** 2
        squares = torch.where(plain, torch.where(pole, square, off**2), walls)
        return 0.5 * k * squares
