"""Snapshot: the state of a structure at one step of a run, in the units that tables and plots show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

from alchemi_core.errors import ModelOutputError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA, is_per_atom

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ase import Atoms

    from alchemi_core.ase import AlchemiCalculator

PARTS = ("energies_per_term", "contributions")
"""Results that tell what the steps added."""

STORED = ("energy", "free_energy", "forces", "stress", "charges", "magmoms", "dipole")

DOUBT = {"energy_std": "energy_std_eV", "forces_std": "max_forces_std_eV_per_A"}
"""Standard deviations of committees, and their names in records: that of the forces where it is largest."""


@attrs.frozen(eq=False, kw_only=True)
class Snapshot:
    """One step.

    Parameters
    ----------
    step : int
        Number of the step, 0 for the start.
    elapsed : float, s
        Wall-clock time since the run began.
    energy : float, eV
        Potential energy.
    terms : mapping of str to float, eV
        Weighted energy of each step of the pipeline.
    max_force : float, eV/Å
        Longest force on an atom, constraints applied.
    stress : array [6], eV/Å³, or None
        In ASE's order; None without a volume, or when it was not asked.
    cell : array [6], or None
        a, b, c in Å and α, β, γ in degrees; None without a cell.
    volume : float, Å³, or None
        None without a cell.
    atoms : ase.Atoms
        A copy that carries the results, ready to be written.
    contributions : mapping
        For each output that is a sum, what each step added to it; empty where the calculator does not keep that.
    doubt : mapping of str to float
        Standard deviations over the members of a committee that the calculator keeps, of atoms the largest.
    """

    step: int
    elapsed: float
    energy: float
    terms: Mapping[str, float]
    max_force: float
    stress: np.ndarray | None
    cell: np.ndarray | None
    volume: float | None
    atoms: Atoms
    contributions: Mapping[str, Mapping[str, Any]] = FrozenMap()
    doubt: Mapping[str, float] = FrozenMap()

    @property
    def max_stress(self) -> float | None:
        """Largest component of the stress by size, GPa."""
        return None if self.stress is None else float(np.abs(self.stress).max()) * EV_PER_CUBIC_ANGSTROM_IN_GPA

    @property
    def pressure(self) -> float | None:
        """Minus a third of the trace of the stress, GPa; the motion of atoms not included."""
        return None if self.stress is None else -float(self.stress[:3].mean()) * EV_PER_CUBIC_ANGSTROM_IN_GPA

    def summary(self) -> dict[str, Any]:
        """Return the figures, without the structure, in a form that JSON can hold."""
        names = ("a", "b", "c", "alpha", "beta", "gamma")
        return {
            "step": self.step,
            "energy_eV": self.energy,
            "energy_per_term_eV": dict(self.terms),
            "max_force_eV_per_A": self.max_force,
            "max_stress_GPa": self.max_stress,
            "pressure_GPa": self.pressure,
            "cell": None if self.cell is None else dict(zip(names, map(float, self.cell), strict=True)),
            "volume_A3": self.volume,
            **{DOUBT[name]: value for name, value in self.doubt.items()},
        }


def take_snapshot(atoms: Atoms, calculator: AlchemiCalculator, *, step: int, elapsed: float, stress: bool) -> Snapshot:
    """Evaluate a structure once and keep what matters.

    Parameters
    ----------
    atoms : ase.Atoms
        With `calculator` attached; unchanged.
    calculator : AlchemiCalculator
        Evaluated only where the structure changed since its last evaluation.
    step, elapsed
        As for `Snapshot`.
    stress : bool
        Whether to ask for it.

    Raises
    ------
    ModelOutputError
        If energy, a force or the stress is not a finite number.
    """
    wanted = ["energy", "forces", *(["stress"] if stress else [])]
    results = results_now(atoms, calculator, wanted)
    _check_finite({name: results[name] for name in wanted}, step)
    has_cell = atoms.cell.rank == 3
    return Snapshot(
        step=step,
        elapsed=elapsed,
        energy=results["energy"],
        terms=FrozenMap(results["energies_per_term"]),
        max_force=float(np.linalg.norm(atoms.get_forces(), axis=1).max()),
        stress=results["stress"].copy() if stress else None,
        cell=atoms.cell.cellpar() if has_cell else None,
        volume=float(atoms.cell.volume) if has_cell else None,
        atoms=frozen_copy(atoms, results),
        contributions=FrozenMap(results.get("contributions", {})),
        doubt=FrozenMap({name: float(np.max(results[name])) for name in DOUBT if name in results}),
    )


def results_now(atoms: Atoms, calculator: AlchemiCalculator, wanted: Collection[str]) -> Mapping[str, Any]:
    """Return what the calculator has of a structure; it computes only where something is missing or has changed."""
    changes = calculator.check_state(atoms)
    if changes or not calculator.results.keys() >= set(wanted):
        calculator.calculate(atoms, wanted, changes)
    return calculator.results


def frozen_copy(atoms: Atoms, results: Mapping[str, Any]) -> Atoms:
    """Copy a structure with all results attached, ready to be written and read back.

    What ASE knows is what the copy's calculator has. Other outputs, and what each step of the pipeline added
    (``energy_dftd3``, ``forces_dftd3``), are arrays of the copy where they count atoms, else entries of its info.
    """
    copy: Atoms = atoms.copy()
    copy.calc = SinglePointCalculator(copy, **{name: results[name] for name in STORED if name in results})
    parts = {"energy": results["energies_per_term"], **results.get("contributions", {})}
    keys = _keys([label for of in parts.values() for label in of])
    _attach(copy, {name: {name: value} for name, value in results.items() if name not in (*STORED, *PARTS)})
    _attach(copy, {name: {f"{name}_{keys[label]}": value for label, value in of.items()} for name, of in parts.items()})
    return copy


def _attach(atoms: Atoms, values: Mapping[str, Mapping[str, Any]]) -> None:
    """Put values of quantities into a structure, each under its own name."""
    for quantity, named in values.items():
        (atoms.arrays if is_per_atom(quantity) else atoms.info).update(named)


def _keys(labels: Iterable[str]) -> dict[str, str]:
    """Return a part of a name for each label: letters, digits and underscores, all different."""
    keys: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        key = "".join(letter if letter.isalnum() else "_" for letter in label).strip("_")
        while key in keys.values():
            key += "_"
        keys[label] = key
    return keys


def _check_finite(values: Mapping[str, Any], step: int) -> None:
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise ModelOutputError(
                f"{name} is not finite at step {step}",
                expected="finite numbers",
                who="the models",
                fix="look for atoms that are too close or a structure far from what the models know",
            )
