"""PhononSpectrum: bands, density of states and thermal properties that phonopy makes of force constants."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from phonopy import Phonopy

    from alchemi_derivatives.band_path import BandPath

    Array = NDArray[np.float64]

T = TypeVar("T")

PER_CM = 33.3564095198152
"""1 THz in 1/cm: 10¹² Hz / c, c exact since 1983."""

NOISE = 0.02
"""THz by which a frequency may be below zero before it is called imaginary."""

TEMPERATURES = np.arange(0.0, 1000.1, 10.0)


@attrs.frozen(eq=False)
class PhononSpectrum:
    """Frequencies in THz, imaginary ones as negative numbers.

    Parameters
    ----------
    path : BandPath
        Of the bands.
    bands : list of ndarray [n, 3P]
        Along its lines.
    gamma : ndarray [3P]
        At Γ, in order.
    mesh : tuple of int
        q-points along the reciprocal lattice vectors, centred at Γ.
    lowest : float
        Of all frequencies of mesh and path but the three acoustic ones at Γ.
    lowest_at : ndarray [3]
        q-point of that.
    points, density : ndarray
        Density of states [1/THz] per primitive cell at frequencies [THz], by the tetrahedron method.
    temperatures : ndarray [T], K
        Of the following.
    free_energy, entropy, heat_capacity : ndarray [T]
        kJ/mol, J/(K mol) and J/(K mol), per mole of primitive cells at constant volume; modes with imaginary
        frequencies and the acoustic ones at Γ are left out.
    zero_point_energy : float, kJ/mol
        Per mole of primitive cells.
    """

    path: BandPath
    bands: list[Array]
    gamma: Array
    mesh: tuple[int, int, int]
    lowest: float
    lowest_at: Array
    points: Array
    density: Array
    temperatures: Array
    free_energy: Array
    entropy: Array
    heat_capacity: Array
    zero_point_energy: float

    @classmethod
    def of(cls, phonon: Phonopy, path: BandPath, mesh: Sequence[int]) -> PhononSpectrum:
        """Have phonopy diagonalize dynamical matrices on a path and on a mesh."""
        bands = phonon.run_band_structure(path.qpoints).frequencies
        gamma = phonon.run_qpoints([[0.0, 0.0, 0.0]]).frequencies[0]
        grid = phonon.run_mesh(list(mesh), is_gamma_center=True)
        states = phonon.run_total_dos()
        thermal = phonon.run_thermal_properties(temperatures=TEMPERATURES, exclude_gamma_acoustic=True)
        lowest, at = _lowest([*path.qpoints, grid.qpoints], [*bands, grid.frequencies])
        return cls(
            path=path,
            bands=list(bands),
            gamma=gamma,
            mesh=(mesh[0], mesh[1], mesh[2]),
            lowest=lowest,
            lowest_at=at,
            points=states.frequency_points,
            density=_there(states.dos),
            temperatures=TEMPERATURES,
            free_energy=_there(thermal.free_energy),
            entropy=_there(thermal.entropy),
            heat_capacity=_there(thermal.heat_capacity),
            zero_point_energy=float(_there(thermal.zero_point_energy)),
        )

    @property
    def is_stable(self) -> bool:
        """Whether no frequency is imaginary beyond noise."""
        return self.lowest > -NOISE


def mesh_for(cell: Array, pbc: Sequence[bool], length: float) -> tuple[int, int, int]:
    """Return the numbers of q-points with which their mesh is as dense as that of a supercell of this length in Å."""
    spans = np.linalg.norm(np.linalg.inv(cell), axis=0)
    counts = [max(1, round(length * float(span))) if periodic else 1 for span, periodic in zip(spans, pbc, strict=True)]
    return counts[0], counts[1], counts[2]


def _there(result: T | None) -> T:
    """Return what phonopy has computed, which is None only before."""
    assert result is not None
    return result


def _lowest(qpoints: Sequence[Array], frequencies: Sequence[Array]) -> tuple[float, Array]:
    at, values = np.concatenate(qpoints), np.concatenate(frequencies).copy()
    whole = np.flatnonzero(np.all(np.abs(at - np.rint(at)) < 1e-8, axis=1))
    for q in whole:
        values[q, np.argsort(np.abs(values[q]))[:3]] = np.inf
    each = values.min(axis=1)
    return float(each.min()), at[int(each.argmin())]
