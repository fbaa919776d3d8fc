"""Settings of a thermodynamic integration: made of options, checked once, kept in the checkpoint."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import attrs
from ase.constraints import FixAtoms

from alchemi_core.cli.ti_pieces import extra_windows, pieces_on_nodes, spaced_pieces
from alchemi_core.cli.ti_quadrature import GAUSS
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ase import Atoms

    from alchemi_core.cli.ti_quadrature import Quadrature

DEFAULTS = {
    "coupling": "coupling",
    "windows": 11,
    "lambdas": None,
    "rule": None,
    "at_once": 1,
    "steps": 10_000,
    "interval": 5,
    "checkpoint": 1000,
    "fix_com": False,
    "timestep": 1.0,
    "friction": 0.01,
}
LEAST = 8
"""Values of dE/dλ that a window has to give for its scatter to be told at all."""

MOST, MOST_GAUSS = 1000, 100
"""Windows that are taken; with Gauss-Legendre fewer are as exact as numbers are."""


@attrs.frozen(kw_only=True)
class TISettings:
    """How to integrate.

    Parameters
    ----------
    temperature : float, K
        Of the bath.
    coupling : str
        Name of the coupling parameter.
    windows : int
        How many values of it.
    lambdas : str or None
        These values, as given, in place of those that the rule places.
    rule : str or None
        Of the quadrature; None for the default of the windows.
    at_once : int
        How many windows run side by side.
    steps, equilibration, interval, checkpoint : int
        Steps of a window that count and those before; between values of dE/dλ; between checkpoints.
    fix_com : bool
        Whether the centre of mass is held.
    timestep, friction : float, fs and 1/fs
        Of the Langevin dynamics.
    seed : int
        Of velocities and of the bath.
    ramps : sequence of (float, float)
        Start and end of each ramp in the weights, where dE/dλ jumps.
    """

    temperature: float
    coupling: str
    windows: int
    lambdas: str | None
    rule: str | None
    at_once: int
    steps: int
    equilibration: int
    interval: int
    checkpoint: int
    fix_com: bool
    timestep: float
    friction: float
    seed: int
    ramps: Sequence[Sequence[float]] = ()

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> TISettings:
        """Read the options of ``alchemi ti``; what was not given gets its default, the seed a random one.

        Raises
        ------
        OptionError
            If there is no temperature, the rule does not fit the windows or they are too many, or one is too short.
        """
        given = {name: value for name in cls.names() if (value := getattr(arguments, name)) is not None}
        if "temperature" not in given:
            raise OptionError("the bath has no temperature", who="ti", fix="--temperature 300")
        values: dict[str, Any] = {**DEFAULTS, "seed": secrets.randbits(32), **given}
        values.setdefault("equilibration", values["steps"] // 5)
        settings = cls(**values)
        settings = settings.counted()
        if settings.samples < LEAST:
            found = f"{settings.steps} steps with a value every {settings.interval} give {settings.samples} values"
            fix = f"--steps {LEAST * settings.interval}, or far more"
            raise OptionError(found, expected=f"{LEAST} or more in each window", who="--steps", fix=fix)
        return settings

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the settings that are options."""
        return tuple(field.name for field in attrs.fields(cls) if field.name != "ramps")

    def counted(self) -> TISettings:
        """Return them with as many windows as the rule has.

        Raises
        ------
        OptionError
            If the rule does not fit the windows, or they are too many.
        """
        self._check_number()
        return attrs.evolve(self, windows=len(self.quadrature().nodes))

    def between(self, ramps: Sequence[Sequence[float]]) -> TISettings:
        """Return them for weights with these ramps, a window on each side of a corner.

        Raises
        ------
        OptionError
            If a piece between corners has too few windows.
        """
        windows = self.windows + extra_windows(ramps, self.rule)
        return attrs.evolve(self, ramps=ramps, windows=windows).counted()

    def _check_number(self) -> None:
        number = self.windows if self.lambdas is None else self.lambdas.count(",") + 1
        most = MOST_GAUSS if self.rule == GAUSS else MOST
        if number > most + len(self.ramps) * 2:
            who = "--windows" if self.lambdas is None else "--lambdas"
            raise OptionError(f"{number} windows", expected=f"{most} at most", who=who)

    @property
    def samples(self) -> int:
        """Values of dE/dλ that each window gives."""
        return self.steps // self.interval

    @property
    def length(self) -> int:
        """Steps of a window in all."""
        return self.equilibration + self.steps

    def quadrature(self) -> Quadrature:
        """Return windows and weights.

        Raises
        ------
        OptionError
            If the rule does not fit the windows.
        """
        if self.lambdas is not None:
            return pieces_on_nodes(_numbers(self.lambdas), self.rule, self.ramps)
        return spaced_pieces(self.windows, self.rule, self.ramps)

    def check_structure(self, atoms: Atoms) -> None:
        """Refuse structures that cannot be sampled as asked.

        Raises
        ------
        OptionError
            If atoms are held otherwise than in place, or held and the centre of mass too.
        """
        if any(not isinstance(one, FixAtoms) for one in atoms.constraints):
            raise OptionError("a constraint other than on whole atoms", expected="atoms fixed or free", who="ti")
        held = len(free_atoms(atoms)) < len(atoms)
        if held and self.fix_com:
            found = "the structure holds atoms in place, which holds the centre of mass as well"
            raise OptionError(found, expected="one of the two", who="--fix-com")
        if len(free_atoms(atoms)) <= int(self.fix_com):
            raise OptionError("nothing can move", expected="more atoms that are free", who="ti")


def free_atoms(atoms: Atoms) -> list[int]:
    """Numbers of the atoms that no constraint holds in place."""
    held = {int(i) for one in atoms.constraints if isinstance(one, FixAtoms) for i in one.get_indices()}
    return [i for i in range(len(atoms)) if i not in held]


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise OptionError(f"{text!r}", expected="numbers, such as 0,0.1,0.4,1", who="--lambdas") from None
