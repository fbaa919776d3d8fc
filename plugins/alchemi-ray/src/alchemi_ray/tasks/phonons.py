"""Phonons of crystals, structure by structure, as ``alchemi phonons`` of alchemi-derivatives takes them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from alchemi_core.cli.composing import DTYPES
from alchemi_core.errors import PluginError
from alchemi_ray.tasks.answer import Answer, check_finite
from alchemi_ray.tasks.singlepoint import SinglePoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ase import Atoms

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_ray.tasks.settings import Settings

POINTS = 60
"""On the path of the bands, which is looked at for imaginary modes only."""

PER_MOLE = (
    "zero_point_energy_kJ_per_mol",
    "free_energy_300K_kJ_per_mol",
    "entropy_300K_J_per_K_mol",
    "heat_capacity_300K_J_per_K_mol",
)


def check_installed() -> None:
    """Refuse the task where the plugin that does it is missing.

    Raises
    ------
    PluginError
        If alchemi-derivatives is not installed.
    """
    if find_spec("alchemi_derivatives") is None:
        raise PluginError(
            "phonons are taken by alchemi-derivatives, which is not installed",
            expected="alchemi-derivatives beside alchemi-ray",
            who="--task phonons",
            fix="pip install alchemi-derivatives",
        )


@attrs.frozen(eq=False)
class Phonons:
    """Takes phonons of crystals, one after the other.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        On its device.
    settings : Settings
        With the options ``supercell`` (a length in Å, or multiples), ``displacement`` and ``mesh``.
    """

    pipeline: PipelineModelWrapper
    settings: Settings

    def answers(self, structures: Sequence[Atoms]) -> Iterator[Answer]:
        """Yield one answer for each structure, in order: its results as it is, and its phonons."""
        for answer in SinglePoint(self.pipeline, self.settings).answers(structures):
            if answer.error is not None:
                yield answer
                continue
            try:
                found = self._phonons(answer.atoms)
                check_finite(found)
            except Exception as error:  # noqa: BLE001 - the error of this structure; the others go on
                yield Answer(answer.atoms, error=error)
            else:
                yield attrs.evolve(answer, columns={**answer.columns, **found})

    def _phonons(self, atoms: Atoms) -> dict[str, Any]:
        from alchemi_derivatives.band_path import BandPath
        from alchemi_derivatives.cli.phonons_run import DENSE
        from alchemi_derivatives.cli.phonons_summary import describe
        from alchemi_derivatives.lattice_dynamics import as_phonopy
        from alchemi_derivatives.phonon_spectrum import PhononSpectrum, mesh_for

        options = dict(self.settings.options)
        mesh = options.pop("mesh")
        how: dict[str, Any] = {"dtype": DTYPES[self.settings.dtype], "device": self.settings.device}
        phonon = as_phonopy(self.pipeline, atoms, **how, **options)
        primitive = np.asarray(phonon.primitive.cell)
        path = BandPath.of(primitive, atoms.pbc, POINTS)
        spectrum = PhononSpectrum.of(phonon, path, tuple(mesh) if mesh else mesh_for(primitive, atoms.pbc, DENSE))
        found = describe(phonon, spectrum)
        return {
            "frequencies_at_gamma_THz": np.asarray(found["frequencies_at_gamma_THz"]),
            "lowest_frequency_THz": float(found["lowest_frequency_THz"]),
            "imaginary_modes": bool(found["imaginary_modes"]),
            "supercell_atoms": int(found["supercell_atoms"]),
            "primitive_atoms": len(phonon.primitive),
            **{name: float(found[name]) for name in PER_MOLE},
        }
