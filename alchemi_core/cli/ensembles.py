"""The integrators of ASE behind ``alchemi md``, and the state in each that a checkpoint has to keep."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from ase import units
from ase.md.langevin import Langevin
from ase.md.nose_hoover_chain import MTKNPT, IsotropicMTKNPT
from ase.md.verlet import VelocityVerlet

from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

    from alchemi_core.cli.md_settings import MDSettings

THERMOSTAT_STEPS, BAROSTAT_STEPS = 100, 1000
"""Time constants in steps, as ASE's documentation of these integrators advises."""

_CHAINS = ("_thermostat._eta", "_thermostat._p_eta", "_barostat._xi", "_barostat._p_xi")
_STATE: dict[type, tuple[str, ...]] = {
    VelocityVerlet: (),
    Langevin: (),
    IsotropicMTKNPT: ("_cell0", "_volume0", "_eps", "_p_eps", *_CHAINS),
    MTKNPT: ("_p_g", *_CHAINS),
}
"""Variables of each integrator beyond positions, momenta and cell."""


class Integrator(Protocol):
    """What a run needs of ASE's integrators."""

    atoms: Atoms

    def step(self) -> object:
        """Take one step."""


def temperature_of(atoms: Atoms) -> float:
    """Temperature in K, of all degrees of freedom that are not held fixed."""
    return float(2.0 * atoms.get_kinetic_energy() / (units.kB * atoms.get_number_of_degrees_of_freedom()))


def thermalize(atoms: Atoms, temperature: float, rng: np.random.Generator, *, exact: bool) -> None:
    """Draw momenta of the Maxwell-Boltzmann distribution; the centre of mass of several free atoms rests.

    Parameters
    ----------
    atoms : ase.Atoms
        Gets the momenta.
    temperature : float, K
        Of the distribution.
    rng : numpy.random.Generator
        Source of the numbers.
    exact : bool
        Scale what was drawn to this temperature: without a bath nothing would correct a small system's scatter.
    """
    masses = atoms.get_masses()[:, None]
    momenta = np.sqrt(masses * units.kB * temperature) * rng.standard_normal((len(atoms), 3))
    if len(atoms) > 1 and not atoms.constraints:
        momenta -= masses * (momenta.sum(0) / masses.sum())
    atoms.set_momenta(momenta)
    if exact and atoms.get_momenta().any():
        atoms.set_momenta(atoms.get_momenta() * np.sqrt(temperature / temperature_of(atoms)))


def make_dynamics(settings: MDSettings, atoms: Atoms, rng: np.random.Generator) -> Integrator:
    """Make the integrator of an ensemble."""
    timestep = settings.timestep * units.fs
    if settings.ensemble == "nve":
        return VelocityVerlet(atoms, timestep=timestep)
    if settings.ensemble == "nvt":
        friction = settings.friction / units.fs
        return Langevin(atoms, timestep, temperature_K=settings.temperature, friction=friction, fixcm=False, rng=rng)
    integrator: Callable[..., Integrator] = IsotropicMTKNPT if settings.barostat == "isotropic" else MTKNPT
    return integrator(
        atoms,
        timestep=timestep,
        temperature_K=settings.temperature,
        pressure_au=settings.pressure / EV_PER_CUBIC_ANGSTROM_IN_GPA,
        tdamp=THERMOSTAT_STEPS * timestep,
        pdamp=BAROSTAT_STEPS * timestep,
    )


def conserved_energy(dynamics: Integrator, total: float) -> float | None:
    """Return the energy that exact integration would conserve, eV; None for a random bath."""
    if isinstance(dynamics, VelocityVerlet):
        return total
    return float(dynamics.get_conserved_energy()) if hasattr(dynamics, "get_conserved_energy") else None


def state_of(dynamics: Integrator, rng: np.random.Generator) -> dict[str, Any]:
    """Return everything beside the structure that the next step depends on."""
    variables = {name: np.copy(attrgetter(name)(dynamics)) for name in _STATE[type(dynamics)]}
    return {"variables": variables, "rng": rng.bit_generator.state}


def restore_state(dynamics: Integrator, rng: np.random.Generator, state: dict[str, Any]) -> None:
    """Put back what `state_of` returned."""
    rng.bit_generator.state = state["rng"]
    for name, value in state["variables"].items():
        owner, _, last = name.rpartition(".")
        array = np.asarray(value)
        setattr(attrgetter(owner)(dynamics) if owner else dynamics, last, array if array.ndim else float(array))
