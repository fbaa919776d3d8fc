"""TorchSimStep: a model of TorchSim as a step of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import Analytic, OutputKind
from alchemi_core.errors import DataError, DeclarationError, OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_torchsim.engine import LennardJonesModel, ModelInterface, MorseModel, SoftSphereModel, SoftSphereMultiModel
from alchemi_torchsim.hooks import CITATIONS
from alchemi_torchsim.numerics import is_positive
from alchemi_torchsim.running import run_by_periodicity, run_padded

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

REPORTED = ("forces", "stress")

WRONG = (LennardJonesModel, MorseModel, SoftSphereModel, SoftSphereMultiModel)
"""In TorchSim 0.3.0 these report forces and stress twice as large as the derivatives of their energies, a full list
being summed as a half one, and place images by the transposed cell."""


class TorchSimStep(BaseModelMixin, torch.nn.Module):
    """Any model of TorchSim, as it is: its energy, forces and stress are taken as it reports them.

    Nothing of it is on the autograd graph, so charges that depend on positions cannot go into it, and no second
    derivatives come out but by differences. It makes its own neighbor lists.

    Parameters
    ----------
    model : ModelInterface
        On the device where the pipeline runs. Where batches are of another floating type, it gets its own.
    name : str
        What plans and errors call it.
    cutoff : float, Å, optional
        Its range, if it has one: systems that are periodic in some directions only are then computed with open
        directions as periods beyond it. Without it they are refused, since TorchSim has one flag for all directions.

    Raises
    ------
    DeclarationError
        If it is no model of TorchSim, or one of its own pair potentials, whose forces and stress TorchSim 0.3.0
        reports twice as large as they are: ``create_model("torchsim", model="lennard-jones", ...)`` has the right ones.
    OptionError
        If the cutoff is no length.
    """

    def __init__(self, model: ModelInterface, *, name: str = "", cutoff: float | None = None) -> None:
        super().__init__()
        if not isinstance(model, ModelInterface):
            found = f"{type(model).__name__} is no model of TorchSim"
            raise DeclarationError(found, expected="a ModelInterface", who="TorchSimStep")
        if isinstance(model, WRONG):
            raise _doubled(model)
        _check_cutoff(cutoff)
        self.model, self.cutoff = model, cutoff
        given = (model.compute_forces, model.compute_stress)
        reported = [name for name, computed in zip(REPORTED, given, strict=True) if computed]
        kinds: dict[str, OutputKind] = dict.fromkeys(("energy", *reported), Analytic())
        self.model_config = _config(name or type(model).__name__, kinds)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Run the model on detached inputs.

        Raises
        ------
        DataError
            If the batch is on another device than the model.
        GeometryError
            If a system is periodic in some directions only and no cutoff was given.
        """
        if view.positions.device.type != torch.device(self.model.device).type:
            raise DataError(
                f"a batch on {view.positions.device}, and the model is on {self.model.device}",
                expected="one device",
                who=self.model_config.name,
                fix="make the model of TorchSim on the device of the batch",
            )
        names = requested & self.model_config.outputs
        if self.cutoff is None:
            results = run_by_periodicity(self.model, view, names)
        else:
            results = run_padded(self.model, view, names, self.cutoff)
        return {name: value.detach() for name, value in results.items()}


def _doubled(model: ModelInterface) -> DeclarationError:
    return DeclarationError(
        f"{type(model).__name__} of TorchSim 0.3 reports forces and stress twice as large as they are",
        expected="forces and stress that are derivatives of the energy",
        who="TorchSimStep",
        fix="create_model('torchsim', model='lennard-jones', sigma=..., epsilon=...), likewise 'morse', 'soft-sphere'",
    )


def _check_cutoff(cutoff: float | None) -> None:
    if cutoff is not None and not is_positive(cutoff):
        raise OptionError(f"cutoff={cutoff!r}", expected="a positive length, Å", who="TorchSimStep")


def _config(name: str, kinds: dict[str, OutputKind]) -> ModelConfig:
    return ModelConfig(name=name, outputs=kinds, supports_pbc=True, citations=CITATIONS)
