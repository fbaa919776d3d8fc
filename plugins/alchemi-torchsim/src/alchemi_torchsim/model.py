"""TorchSimModel: a pipeline as a model of TorchSim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.batching.place import checked_device, checked_dtype, device_of
from alchemi_core.errors import DataError, PlanningError
from alchemi_core.quantities import GEOMETRY, is_per_atom
from alchemi_torchsim.conversion import batch_of
from alchemi_torchsim.engine import ModelInterface

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import Tensor
    from torch_sim.typing import MemoryScaling

    from alchemi_core.outputs import Outputs
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_torchsim.engine import SimState


class CannotServeError(PlanningError, NotImplementedError):
    """TorchSim asks for forces or stress that a pipeline cannot give; TorchSim's own code expects the second class."""


class TorchSimModel(ModelInterface):  # type: ignore[misc]  # torch-sim has no type hints that mypy reads
    """Model of TorchSim that evaluates a pipeline.

    Plans, neighbor lists and models are those of the pipeline: nothing is computed twice, and a call copies nothing to
    the CPU. TorchSim's states have one flag of periodicity; those that `alchemi_torchsim.state_of` makes carry that of
    each system and direction.

    Parameters
    ----------
    pipe : PipelineModelWrapper
        What to compute with.
    device : torch.device or str, optional
        Where states live; the pipeline is moved there. By default where its weights are, else the CPU.
    dtype : torch.dtype
        Floating type of states.
    compute_forces, compute_stress : bool
        What TorchSim's optimisers and integrators find in a result; can be set later too.
    memory_scales_with : {"n_atoms", "n_atoms_x_density"}, optional
        How TorchSim's batchers estimate memory; by density where the pipeline reads a neighbor list.
    outputs : collection of str
        Further outputs of the pipeline, such as ``charges`` or ``energy_std``, in each result.
    contributions : bool
        Whether results hold what each step added: ``"energy/1/dftd3"`` of the step with number 1, and likewise forces
        and stress.

    Raises
    ------
    OptionError
        If there is no such device here, or no such floating type.
    CannotServeError
        If the pipeline cannot give forces or stress and they are to be computed.
    PlanningError
        If it cannot give one of `outputs`.

    Examples
    --------
    >>> from alchemi_core import create_model
    >>> from alchemi_torchsim import TorchSimModel, state_of
    >>> from ase.build import bulk
    >>> model = TorchSimModel(create_model("lennard-jones") + create_model("dftd3", functional="pbe"))
    >>> result = model(state_of(bulk("Ar", "fcc", a=5.26)))
    >>> {name: list(value.shape) for name, value in result.items()}
    {'energy': [1], 'forces': [1, 3]}
    """

    def __init__(
        self,
        pipe: PipelineModelWrapper,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype = torch.float64,
        compute_forces: bool = True,
        compute_stress: bool = False,
        memory_scales_with: MemoryScaling | None = None,
        outputs: Collection[str] = (),
        contributions: bool = False,
    ) -> None:
        super().__init__()
        home = device_of(pipe)
        self._device = home if device is None else checked_device(device, "TorchSimModel")
        self.pipe = pipe if _same(self._device, home) else pipe.to(self._device)
        self._dtype = checked_dtype(dtype, "TorchSimModel")
        self.contributions, self.outputs = contributions, frozenset(outputs)
        self._compute_forces, self._compute_stress = compute_forces, compute_stress
        scaling = "n_atoms_x_density" if pipe.model_config.needs_neighborlist else "n_atoms"
        self._memory_scales_with = memory_scales_with or scaling
        self._check({"forces"} if compute_forces else set())
        self._check({"stress"} if compute_stress else set())
        pipe.plan_for(self.requested, device=self._device.type)

    @property
    def compute_forces(self) -> bool:
        """Whether results hold forces."""
        return self._compute_forces

    @compute_forces.setter
    def compute_forces(self, compute_forces: bool) -> None:
        self._check({"forces"} if compute_forces else set())
        self._compute_forces = compute_forces

    @property
    def compute_stress(self) -> bool:
        """Whether results hold the stress."""
        return self._compute_stress

    @compute_stress.setter
    def compute_stress(self, compute_stress: bool) -> None:
        self._check({"stress"} if compute_stress else set())
        self._compute_stress = compute_stress

    @property
    def requested(self) -> frozenset[str]:
        """Outputs asked of the pipeline at every call."""
        derivatives = {"forces": self._compute_forces, "stress": self._compute_stress}
        return self.outputs | {"energy"} | {name for name, wanted in derivatives.items() if wanted}

    @property
    def inputs(self) -> frozenset[str]:
        """Inputs of the pipeline beside the geometry."""
        config = self.pipe.model_config
        return (config.required_inputs | config.optional_inputs) - GEOMETRY

    def forward(self, state: SimState | Mapping[str, Any], **_: object) -> dict[str, Tensor]:
        """Evaluate the pipeline.

        Parameters
        ----------
        state : SimState or mapping
            Any of TorchSim's states.

        Returns
        -------
        dict of str to Tensor
            ``energy`` [B] eV, ``forces`` [N, 3] eV/Å, ``stress`` [B, 3, 3] eV/Å³, positive where the cell is under
            tension, and further outputs; one number for each system has the shape [B].

        Raises
        ------
        DataError
            If the state is on another device or in another type, or lacks an input of the pipeline.
        """
        batch = batch_of(state, self.inputs)
        if batch.dtype != self._dtype or not _same(batch.device, self._device):
            raise _elsewhere(batch.dtype, batch.device, self._dtype, self._device)
        outputs = self.pipe(batch, self.requested, contributions=self.contributions)
        results = {name: _flat(name, value) for name, value in outputs.items()}
        return results | self._parts(outputs)

    def _parts(self, outputs: Outputs) -> dict[str, Tensor]:
        parts = outputs.contributions if self.contributions else ()
        return {f"{one.name}/{one.step}/{one.label}": _flat(one.name, one.value) for one in parts}

    def _check(self, names: set[str]) -> None:
        """Refuse what the pipeline cannot give, in the class that TorchSim's validation expects."""
        try:
            self.pipe.plan_for({"energy", *names}, device=self._device.type)
        except PlanningError as error:
            who = f"compute_{next(iter(names), 'energy')}=True, {error.who}"
            raise CannotServeError(error.found, expected=error.expected, who=who, fix=error.fix) from error


def as_torchsim(pipe: PipelineModelWrapper, **options: Any) -> TorchSimModel:
    """Return a model of TorchSim that evaluates a pipeline; options are those of `TorchSimModel`."""
    return TorchSimModel(pipe, **options)


def _same(one: torch.device, other: torch.device) -> bool:
    """Tell whether two devices are one; without a number, the first of its type is meant."""
    return one.type == other.type and (one.index or 0) == (other.index or 0)


def _flat(name: str, value: Tensor) -> Tensor:
    """Leave out the second axis of one number for each system, which TorchSim does not have."""
    return value.squeeze(1) if value.dim() == 2 and value.shape[1] == 1 and not is_per_atom(name) else value


def _elsewhere(dtype: torch.dtype, device: torch.device, own: torch.dtype, home: torch.device) -> DataError:
    return DataError(
        f"a state in {dtype} on {device}",
        expected=f"{own} on {home}",
        who="TorchSimModel",
        fix="state.to(model.device, model.dtype), or TorchSimModel(pipe, device=..., dtype=...)",
    )
