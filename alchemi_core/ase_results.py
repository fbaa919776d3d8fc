"""From the outputs of a pipeline to what ASE keeps of a calculation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.quantities import is_per_atom

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.outputs import Contribution, Outputs

PROPERTIES = {
    "energy": "energy",
    "free_energy": "energy",
    "forces": "forces",
    "stress": "stress",
    "charges": "charges",
    "magmoms": "magmoms",
    "dipole": "dipole",
}
"""Name in alchemi of each ASE property served."""


def results_of(outputs: Outputs, *, contributions: bool) -> dict[str, Any]:
    """Return the outputs of one structure as numbers and arrays, the energy of each term among them.

    Parameters
    ----------
    outputs : Outputs
        Of a batch of one system, with what the steps contributed.
    contributions : bool
        Whether to keep contributions to other outputs than the energy too.
    """
    results = {name: _plain(name, value) for name, value in outputs.items()}
    results["free_energy"] = results["energy"]
    parts = _added(outputs.contributions)
    results["energies_per_term"] = parts.get("energy", {})
    if contributions:
        results["contributions"] = parts
    return results


def _plain(name: str, value: Tensor) -> Any:
    """Return an output as ASE has it: without the axis that counts systems, stress as six numbers."""
    array = value.detach().cpu().double().numpy()
    if name == "stress":
        return array[0][[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    if is_per_atom(name) or array.shape[:1] != (1,):
        return array
    return float(array[0, 0]) if array.shape == (1, 1) else array[0]


def _added(parts: tuple[Contribution, ...]) -> dict[str, dict[str, Any]]:
    """Return what each step added, by output and label; several parts of one step are one."""
    added: dict[str, dict[str, Any]] = {}
    for part in parts:
        of, value = added.setdefault(part.name, {}), _plain(part.name, part.value)
        of[part.label] = of[part.label] + value if part.label in of else value
    return added
