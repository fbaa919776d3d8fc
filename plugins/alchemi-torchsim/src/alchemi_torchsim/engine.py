"""What is used of TorchSim, imported in one place.

TorchSim 0.3.0 says at import that it uses what torch and vesin have deprecated. That concerns its authors, and would
end every program that takes warnings for errors.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=DeprecationWarning)
    warnings.filterwarnings("ignore", message=r".*vesin\.torch", category=DeprecationWarning)
    from torch_sim.autobatching import InFlightAutoBatcher, calculate_memory_scaler
    from torch_sim.integrators import nve, nvt_langevin
    from torch_sim.models.interface import ModelInterface
    from torch_sim.models.lennard_jones import LennardJonesModel, lennard_jones_pair
    from torch_sim.models.morse import MorseModel, morse_pair
    from torch_sim.models.soft_sphere import SoftSphereModel, SoftSphereMultiModel, soft_sphere_pair
    from torch_sim.optimizers import fire, frechet_cell_fire, unit_cell_fire
    from torch_sim.quantities import calc_kinetic_energy, systemwise_max_force
    from torch_sim.state import SimState, concatenate_states
    from torch_sim.units import MetalUnits

__all__ = [
    "InFlightAutoBatcher",
    "LennardJonesModel",
    "MetalUnits",
    "ModelInterface",
    "MorseModel",
    "SimState",
    "SoftSphereModel",
    "SoftSphereMultiModel",
    "calc_kinetic_energy",
    "calculate_memory_scaler",
    "concatenate_states",
    "fire",
    "frechet_cell_fire",
    "lennard_jones_pair",
    "morse_pair",
    "nve",
    "nvt_langevin",
    "soft_sphere_pair",
    "systemwise_max_force",
    "unit_cell_fire",
]
