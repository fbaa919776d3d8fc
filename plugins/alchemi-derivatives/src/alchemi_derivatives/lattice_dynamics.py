"""From a model and a crystal to a `phonopy.Phonopy`, for whoever goes on with phonopy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.data.batch import Batch
from alchemi_core.errors import DataError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup
from alchemi_derivatives.force_constants import ForceConstants
from alchemi_derivatives.repeated_fields import check_fields
from alchemi_derivatives.supercell_forces import force_sets
from alchemi_derivatives.supercells import WHO, Supercell

if TYPE_CHECKING:
    from ase import Atoms
    from phonopy import Phonopy

    from alchemi_core.models import BaseModelMixin
    from alchemi_derivatives.supercell_forces import Report


def as_phonopy(
    model: BaseModelMixin,
    atoms: Atoms,
    *,
    primitive: bool = True,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    report: Report | None = None,
    **options: Any,
) -> Phonopy:
    """Return a crystal as phonopy knows it, with displacements, forces and force constants.

    Parameters
    ----------
    model : BaseModelMixin
        Model or pipeline.
    atoms : ase.Atoms
        The crystal. Its masses count; atoms of one element whose masses or charges differ are different atoms.
    primitive : bool
        Whether phonopy finds the primitive cell, which q-points then refer to; otherwise the cell given is taken.
    dtype : torch.dtype
        Of positions and forces.
    device : torch.device or str
        Where forces are computed.
    report : callable, optional
        Called as ``report(done, all)`` after each batch, counted in supercells.
    **options
        As of `ForceConstants`.

    Returns
    -------
    phonopy.Phonopy
        Units eV and Å, frequencies in THz. No non-analytical term: longitudinal and transverse optical modes of polar
        crystals meet at Γ until ``nac_params`` are set.

    Raises
    ------
    OptionError
        If an option cannot be right.
    DerivativeError
        If the crystal is not periodic, or carries what cannot be repeated.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from alchemi_core import create_model
    >>> argon = bulk("Ar", "fcc", a=5.26)
    >>> phonon = as_phonopy(create_model("lennard-jones"), argon, supercell=(3, 3, 3))
    >>> phonon.force_constants.shape
    (1, 27, 3, 3)
    """
    strategy = ForceConstants(**options)
    data = Batch.from_ase(atoms, dtype=dtype, device=device)
    if data.num_atoms == 0:
        raise DataError("a structure without atoms", expected="a crystal", who=WHO)
    check_fields(data, symmetry=strategy.symmetry)
    supercell = Supercell.of(data, 0, strategy.displacing(primitive=primitive), atoms.get_masses().tolist())
    pipe = _pipeline(model)

    def sample(batch: Batch, names: Any) -> Any:
        return pipe(batch, requested=names)

    (forces,) = force_sets([supercell], sample, data, strategy.max_atoms, report)
    supercell.force_constants(forces.changes)
    return supercell.phonon


def _pipeline(model: BaseModelMixin) -> PipelineModelWrapper:
    if isinstance(model, PipelineModelWrapper):
        return model
    return PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])
