"""Settings of a molecular dynamics run: made of options, checked once, kept in the checkpoint."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    import argparse

    from ase import Atoms

DEFAULTS = {
    "ensemble": "nve",
    "timestep": 1.0,
    "steps": 1000,
    "interval": 10,
    "checkpoint": 100,
    "friction": 0.01,
    "pressure": 0.0,
    "barostat": "isotropic",
}
NEVER = "never"
"""What ``--stop-if`` says to go on without a condition."""

ONLY_OF = {"friction": "nvt", "pressure": "npt", "barostat": "npt"}


@attrs.frozen(kw_only=True)
class MDSettings:
    """How to run.

    Parameters
    ----------
    ensemble : {"nve", "nvt", "npt"}
        Velocity Verlet; Langevin; Martyna-Tobias-Klein.
    temperature : float, K, or None
        Of the initial velocities, exactly so in nve; and of the bath.
    pressure : float, GPa
        Of the barostat.
    barostat : {"isotropic", "full"}
        Whether the cell keeps its shape.
    friction : float, 1/fs
        Of the Langevin bath.
    timestep : float, fs
        Length of a step.
    steps, interval, checkpoint : int
        In all; between frames; between checkpoints.
    seed : int
        Of initial velocities and of the Langevin bath.
    stop_if : str or None
        The condition that ends the run early.
    """

    ensemble: str
    temperature: float | None
    pressure: float
    barostat: str
    friction: float
    timestep: float
    steps: int
    interval: int
    checkpoint: int
    seed: int
    stop_if: str | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> MDSettings:
        """Read the options of ``alchemi md``; what was not given gets its default, the seed a random one.

        Raises
        ------
        OptionError
            If an option belongs to another ensemble, or a bath has no temperature.
        """
        given = {name: value for name in cls.names() if (value := getattr(arguments, name)) is not None}
        values: dict[str, Any] = {**DEFAULTS, "temperature": None, "seed": secrets.randbits(32), **given}
        ensemble = values["ensemble"]
        for name, owner in ONLY_OF.items():
            if name in given and ensemble != owner:
                raise OptionError(f"--{name} is an option of {owner}", who=ensemble, fix=f"--ensemble {owner}")
        if ensemble != "nve" and values["temperature"] is None:
            raise OptionError("the bath has no temperature", who=ensemble, fix="--temperature 300")
        if values.get("stop_if") == NEVER:
            values["stop_if"] = None
        return cls(**values)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all settings, which are those of the options too."""
        return tuple(field.name for field in attrs.fields(cls))

    def check_structure(self, atoms: Atoms) -> None:
        """Refuse structures that the ensemble is not made for.

        Raises
        ------
        OptionError
            If there is nothing to move, no velocity to start with, or no cell to change.
        """
        if self.temperature is None and not atoms.get_momenta().any():
            raise OptionError("nothing moves: the structure has no velocities", who="md", fix="--temperature 300")
        if self.ensemble == "npt" and not atoms.pbc.all():
            raise OptionError(
                f"the structure is periodic along {int(atoms.pbc.sum())} of 3 directions",
                expected="a crystal or liquid, periodic along all",
                who="npt",
                fix="--ensemble nvt",
            )
        if self.ensemble == "npt" and atoms.constraints:
            raise OptionError("the structure holds atoms fixed", expected="no constraints", who="npt")
