"""A pipeline as a model of nvalchemi-toolkit, for its dynamics, its optimizers and its own pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from nvalchemi.models.base import BaseModelMixin as ModelThere
from nvalchemi.models.base import ModelConfig as ConfigThere

from alchemi_core.errors import DataError, UnknownOutputError, nearest
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup
from alchemi_nvalchemi.batches_here import batch_here
from alchemi_nvalchemi.names import OUTPUTS, THERE

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.models import ModelConfig as ConfigHere


class AlchemiPipelineWrapper(torch.nn.Module, ModelThere):  # type: ignore[misc]  # it has no types
    """A pipeline of alchemi as nvalchemi-toolkit sees a model.

    Nothing of the batch is changed. Neighbor lists are alchemi's: built where they are needed, kept between steps and
    shared among the pipeline's models, so the batch needs none and no neighbor hook. Systems of a batch may be
    crystals and molecules.

    Where positions require grad, and after ``train()``, outputs stay on the graph, so that the wrapper can be a step of
    an autograd group of nvalchemi-toolkit; a pipeline with parts that are detached is refused there. Elsewhere they are
    detached.

    Parameters
    ----------
    pipe : PipelineModelWrapper or BaseModelMixin
        The pipeline, or a model.

    Attributes
    ----------
    model_config : nvalchemi.models.base.ModelConfig
        What can be computed, and in ``active_outputs`` what is: energy and forces at first.

    Raises
    ------
    PlanningError
        If the pipeline cannot be right.
    """

    def __init__(self, pipe: PipelineModelWrapper | BaseModelMixin) -> None:
        super().__init__()
        whole = pipe if isinstance(pipe, PipelineModelWrapper) else _alone(pipe)
        self.pipe = whole
        # The same models, declared once more: a pipeline keeps outputs on the graph in training only.
        self._on_graph = [PipelineModelWrapper.from_topology(whole.topology, whole.registry)]
        self._on_graph[0].training = True
        self.training = False  # as a new pipeline is; `train()` keeps all outputs on the graph
        self.model_config = _config(whole.model_config)

    @property
    def embedding_shapes(self) -> dict[str, tuple[int, ...]]:
        """None: a pipeline has no embeddings."""
        return {}

    def compute_embeddings(self, data: Any, **kwargs: Any) -> Any:
        """Refuse: a pipeline has no embeddings.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError("a pipeline has no embeddings: ask its models")

    def adapt_input(self, data: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - its signature
        """Return the batch as alchemi has it; no tensor of `data` is made to require grad."""
        return {"batch": batch_here(data, self.pipe.model_config)}

    def adapt_output(self, model_output: Any, data: Any) -> dict[str, Tensor]:  # noqa: ARG002 - its signature
        """Return the active outputs."""
        return {name: model_output[name] for name in sorted(self.output_data())}

    def output_data(self) -> set[str]:
        """Return the active outputs.

        Raises
        ------
        UnknownOutputError
            If one of them is none that the pipeline has.
        """
        known = self.model_config.outputs
        for name in sorted(self.model_config.active_outputs - known):
            close = nearest(name, known)
            raise UnknownOutputError(
                f"active_outputs names {name!r}",
                expected="some of " + ", ".join(sorted(known)),
                who="AlchemiPipelineWrapper",
                fix=f"write {close!r}" if close else "",
            )
        return set(self.model_config.active_outputs)

    def forward(self, data: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Evaluate the pipeline.

        Parameters
        ----------
        data : nvalchemi.data.Batch or AtomicData
            Systems.
        **kwargs
            Not used.

        Returns
        -------
        dict of str to Tensor
            The active outputs: energy [B, 1] eV, forces [N, 3] eV/Å, stress [B, 3, 3] eV/Å³.

        Raises
        ------
        DataError
            If stress is asked of a batch without cells.
        """
        batch = self.adapt_input(data, **kwargs)["batch"]
        names = self.output_data()
        if "stress" in names and batch.cell is None:
            raise DataError("stress of systems without a cell", expected="cells", who="AlchemiPipelineWrapper")
        follow = torch.is_grad_enabled() and (self.training or batch.positions.requires_grad)
        pipe = self._on_graph[0] if follow else self.pipe
        return self.adapt_output(pipe(batch, names), data)


def _alone(model: BaseModelMixin) -> PipelineModelWrapper:
    return PipelineModelWrapper([PipelineGroup([model], use_autograd=bool(model.model_config.autograd_inputs))])


def _config(config: ConfigHere) -> Any:
    given = config.outputs | config.autograd_outputs
    outputs = frozenset(name for name in OUTPUTS if name in given)
    return ConfigThere(
        outputs=outputs,
        active_outputs=set(outputs & {"energy", "forces"}),
        autograd_outputs=outputs & config.autograd_outputs,
        autograd_inputs=frozenset({"positions"}),
        required_inputs=frozenset(THERE.get(name, name) for name in config.required_inputs),
        optional_inputs=frozenset(THERE.get(name, name) for name in config.optional_inputs),
        supports_pbc=config.supports_pbc,
        needs_pbc=config.needs_pbc,
        neighbor_config=None,
    )
