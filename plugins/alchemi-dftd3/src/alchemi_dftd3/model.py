"""The model: D3 dispersion, detached and complete, from whichever backend serves the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch

from alchemi_core.contract import Analytic
from alchemi_core.errors import OptionError, nearest
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_dftd3 import sdftd3, warp
from alchemi_dftd3.cutoffs import read_cutoffs
from alchemi_dftd3.damping import FORMS, WHO, read_damping
from alchemi_dftd3.hooks import D3, S_DFTD3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_dftd3.cutoffs import Cutoffs
    from alchemi_dftd3.damping import Damping
    from alchemi_dftd3.kernels import Kernels

Backend: TypeAlias = Literal["auto", "s-dftd3", "warp"]
BACKENDS = ("auto", "s-dftd3", "warp")
DERIVATIVES = frozenset({"forces", "stress", "virial"})


class DFTD3(BaseModelMixin, torch.nn.Module):
    """D3 dispersion correction.

    Defaults are s-dftd3's: two-body terms up to 60 Bohr, no three-body term. All outputs are detached and complete, and
    the gradient is computed only when one of forces, stress and virial is asked for.

    Parameters
    ----------
    functional : str, optional
        Density functional whose parameters to take, by any name s-dftd3 knows; case and hyphens do not matter.
    damping : {"bj", "zero", "mbj", "mzero", "op", "cso"}
        Damping function: rational (Becke-Johnson), zero, their reparametrizations, optimized power, or C6 only.
    atm : bool, optional
        Add the three-body term; off by default, but a given ``s9`` decides.
    parameters : mapping of str to float, optional
        Damping parameters instead of a functional, such as ``{"s8": 0.7875, "a1": 0.4289, "a2": 4.4407}``.
    cutoffs : mapping of str to float, Å, optional
        Other ranges of the sums: disp2, disp3, cn, width2, width3 as s-dftd3 names them. Shorter ones are cheaper and
        less accurate.
    backend : {"auto", "s-dftd3", "warp"}
        s-dftd3 computes in double precision on the CPU, for batches on any device. Warp computes in single precision
        where the batch is: rational damping and two-body terms only. "auto" takes Warp for a batch on CUDA when it is
        installed and can do what is asked, else s-dftd3.

    Raises
    ------
    OptionError
        If an option is unknown, or Warp is asked for what it cannot do.

    Examples
    --------
    >>> dispersion = DFTD3(functional="pbe")
    >>> sorted(dispersion.model_config.outputs)
    ['energy', 'forces', 'stress', 'virial']
    """

    def __init__(
        self,
        *,
        functional: str | None = None,
        damping: str = "bj",
        atm: bool | None = None,
        parameters: Mapping[str, float] | None = None,
        cutoffs: Mapping[str, float] | None = None,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        _check_backend(backend)
        self.damping = read_damping(functional, damping, parameters, atm=atm)
        self.cutoffs = read_cutoffs(cutoffs)
        self.backend = backend
        self.kernels = _kernels(backend, self.damping, self.cutoffs)
        self.model_config = ModelConfig(
            name=WHO,
            outputs=dict.fromkeys(("energy", "forces", "stress", "virial"), Analytic()),
            active_outputs={"energy", "forces", "stress"},
            supports_pbc=True,
            elements=sdftd3.ELEMENTS if self.kernels is None or backend == "auto" else self.kernels.elements,
            contains={"dispersion": f"D3({self.damping.form.upper()})"},
            correction=True,
            level_of_theory=self.damping.functional.upper(),
            citations=dict.fromkeys((D3, FORMS[self.damping.form].doi, S_DFTD3)),
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute energy; forces, stress and virial when asked.

        Raises
        ------
        UnsupportedElementError
            If there is no D3 reference data for an element.
        GeometryError
            If two atoms are at one place, a coordinate is not finite or a cell is singular.
        """
        derivatives = bool(requested & DERIVATIVES)
        if self.kernels is not None and (self.backend == "warp" or view.positions.is_cuda):
            return self.kernels.evaluate(view, derivatives=derivatives).outputs(view, requested)
        return sdftd3.evaluate(view, self.damping, self.cutoffs, derivatives=derivatives).outputs(view, requested)


def _check_backend(backend: str) -> None:
    if backend not in BACKENDS:
        close = nearest(str(backend), BACKENDS)
        raise OptionError(
            f"backend={backend!r}",
            expected="one of " + ", ".join(repr(name) for name in BACKENDS),
            who=WHO,
            fix=f"backend={close!r}" if close else "",
        )


def _kernels(backend: Backend, damping: Damping, cutoffs: Cutoffs) -> Kernels | None:
    """Make the Warp backend if it is wanted by name, or if it may serve a CUDA batch and can do what is asked."""
    if backend == "warp":
        return warp.make_kernels(damping, cutoffs)
    if backend == "s-dftd3" or not torch.cuda.is_available():
        return None
    try:
        return warp.make_kernels(damping, cutoffs)
    except OptionError:
        return None
