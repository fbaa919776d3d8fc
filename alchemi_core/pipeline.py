"""PipelineModelWrapper: declares a composition, keeps its plans, and runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs
import torch

from alchemi_core.data.atomic_data import AtomicData
from alchemi_core.data.detaching import off_graph, outside_inference
from alchemi_core.data.held import keep_held, with_held
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.offers import load_target
from alchemi_core.planning.wiring import check_wires
from alchemi_core.prepared import Prepared
from alchemi_core.provision import check_fixed_widths
from alchemi_core.registry import Registry, default_registry
from alchemi_core.requirements import check_batch_serves, check_geometry_gradient
from alchemi_core.topology import NeighborAdaptation, PipelineGroup, PipelineSettings, ReductionRule, Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ase.calculators.calculator import Calculator
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.data.view import ModelView
    from alchemi_core.outputs import Outputs
    from alchemi_core.planning.plan import ExecutionPlan


class PipelineModelWrapper(torch.nn.Module, BaseModelMixin):
    """A composition of models, itself a model.

    A new pipeline is in evaluation mode: its outputs are detached. After ``pipe.train()``, and where grad is enabled,
    they stay on the graph, so that ``loss.backward()`` reaches the parameters through forces too. Making a pipeline
    leaves the mode of its models as it is, dropout and batch norms included; ``pipe.eval()`` and ``pipe.train()`` set
    both, as for any module.

    Parameters
    ----------
    groups : sequence of PipelineGroup
        Run in order; their outputs are summed.
    additive_keys : iterable of str, optional
        Exactly these outputs are summed over steps; by default those the quantity table calls additive.
    neighbor_adaptation : {"auto", "always", "never"}, optional
        Whether smaller neighbor lists are cut out of larger ones; ``auto`` by default.
    max_cutoff_ratio : float, optional
        Largest ratio of cutoffs at which ``auto`` shares; by default it shares where filtering is cheaper than
        building, by the measured cost of the installed backends.
    active_outputs : iterable of str, optional
        Outputs computed when a call does not say; by default all that the parts give.
    skin : float, Å, optional
        How much further lists kept between calls reach. By default the largest skin a model declares, else 0.5;
        0 uses lists again for unchanged positions only.
    reductions : mapping of str to str or callable, optional
        Rules for outputs that several steps produce and that are not summed, such as ``{"charges": "mean"}``: names of
        offered ones, or functions of values and weights.
    accept : iterable of str, optional
        Physics that may be counted twice, such as ``{"dispersion"}``, or ``"level_of_theory"`` for corrections made for
        another level of theory; planning refuses both otherwise.
    registry : Registry, optional
        Where neighbor backends and named strategies come from; by default the installed plugins.

    Raises
    ------
    PlanningError
        If the wiring cannot be right; what depends on the request surfaces when it is planned.

    Examples
    --------
    >>> from ase import Atoms
    >>> from alchemi_core import BaseModelMixin, Batch, ModelConfig, OnGraph, PipelineGroup
    >>> class Well(BaseModelMixin):
    ...     model_config = ModelConfig(name="well", outputs={"energy": OnGraph("positions")})
    ...
    ...     def compute(self, view, requested):
    ...         each = 0.5 * view.positions.square().sum(1)
    ...         return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}
    >>> pipe = PipelineModelWrapper(groups=[PipelineGroup(steps=[Well()], use_autograd=True)])
    >>> pipe(Batch.from_ase(Atoms("Ar", positions=[(1, 2, 3)])), requested={"forces"})["forces"].tolist()
    [[-1.0, -2.0, -3.0]]
    """

    def __init__(
        self,
        groups: Sequence[PipelineGroup],
        additive_keys: Iterable[str] | None = None,
        *,
        neighbor_adaptation: NeighborAdaptation | None = None,
        max_cutoff_ratio: float | None = None,
        active_outputs: Iterable[str] | None = None,
        skin: float | None = None,
        reductions: Mapping[str, ReductionRule] | None = None,
        accept: Iterable[str] | None = None,
        registry: Registry | None = None,
    ) -> None:
        super().__init__()
        settings = PipelineSettings(
            additive_keys=additive_keys,
            neighbor_adaptation=neighbor_adaptation,
            max_cutoff_ratio=max_cutoff_ratio,
            active_outputs=active_outputs,
            skin=skin,
            reductions=reductions,
            accept=accept,
        )
        self.topology = Topology(groups, settings)
        check_wires(self.topology)
        self._registry = registry
        modules = {id(model): model for model in self.topology.models if isinstance(model, torch.nn.Module)}
        self.models = torch.nn.ModuleList(modules.values())
        keep_held(self, self.topology)
        self.training = False
        self._prepared = Prepared.of(self.topology, self._plugins)

    @property
    def model_config(self) -> ModelConfig:  # type: ignore[override]
        """Config of the whole, made of the parts'."""
        return self._current().declaration.config

    @property
    def active_outputs(self) -> frozenset[str]:
        """Outputs computed when a call does not say."""
        return self._current().declaration.active

    @property
    def plan(self) -> ExecutionPlan:
        """The plan of the default request."""
        return self.plan_for(self.active_outputs)

    def plan_for(self, requested: Iterable[str], *, differentiable: bool = False, device: str = "cpu") -> ExecutionPlan:
        """Return the plan of a request; plans are made once and kept.

        Parameters
        ----------
        requested : iterable of str
            Outputs wanted.
        differentiable : bool
            Whether outputs stay on the graph, as in training.
        device : str
            Device type: which neighbor lists are shared depends on how fast its backends are.

        Raises
        ------
        PlanningError
            If the request cannot be served whole and right.
        """
        names = frozenset([requested] if isinstance(requested, str) else requested)
        return self._current().plan(names, differentiable=differentiable, device=device)

    def forward(
        self,
        data: Batch | AtomicData,
        requested: Iterable[str] | None = None,
        *,
        contributions: bool | Literal["energy"] = False,
    ) -> Outputs:
        """Evaluate the pipeline.

        Parameters
        ----------
        data : Batch or AtomicData
            Systems; neither they nor any model is changed.
        requested : iterable of str, optional
            Outputs wanted; by default `active_outputs`, without the stress where no system has a cell.
        contributions : bool or "energy"
            Whether to return what each step added as well: to all outputs that are sums, for which steps are
            differentiated one by one, or to the energy at least, which takes no further evaluation.

        Returns
        -------
        Outputs
            Mapping such as energy [B, 1] eV, forces [N, 3] eV/Å, stress [B, 3, 3] eV/Å³.

        Raises
        ------
        PlanningError
            If the request cannot be served whole and right.
        DataError
            If the batch lacks an input, or describes no structure.
        """
        batch = data.to_batch() if isinstance(data, AtomicData) else data
        current = self._current()
        declared = current.declaration
        names, notes = declared.request(requested, batch)
        differentiable = self.training and torch.is_grad_enabled()
        plan = current.plan(names, differentiable=differentiable, device=batch.device.type)
        batch = with_held(batch, plan.held, declared.held, differentiable=differentiable)
        check_batch_serves(plan, declared.steps, declared.config, batch)
        if differentiable:
            check_geometry_gradient(plan, declared.steps, batch)
        how: dict[str, Any] = {"contributions": contributions, "differentiable": differentiable}
        if torch.is_inference_mode_enabled() or batch.positions.is_inference():
            with torch.inference_mode(mode=False):
                return current.outputs(plan, names, outside_inference(batch), notes, **how)
        return current.outputs(plan, names, batch if differentiable else off_graph(batch), notes, **how)

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:
        """Evaluate on a view, as any model; inside another pipeline the steps are inlined instead."""
        outputs: Outputs = self(view.as_batch(), requested)
        return outputs

    def make_neighbor_hooks(self, requested: Iterable[str] | None = None) -> tuple[Callable[[Batch], Batch], ...]:
        """Return callables that put the planned neighbor lists on a batch, for engines that drive the pipeline.

        Parameters
        ----------
        requested : iterable of str, optional
            The request whose plan is served; by default the active outputs.
        """
        names = self.active_outputs if requested is None else requested

        def add_lists(batch: Batch) -> Batch:
            plan = self.plan_for(names, device=batch.device.type)
            kept, _ = self._current().provisions(batch.device)
            with torch.inference_mode(mode=False):
                lists = kept.lists(plan, outside_inference(batch.with_neighbors()))
            check_fixed_widths(plan, lists)
            return batch.with_neighbors(*lists)

        return (add_lists,) if self.plan_for(names).lists else ()

    def with_settings(self, **changes: Any) -> PipelineModelWrapper:
        """Return a pipeline of the same models, in the same mode, with other settings such as ``skin=1.0``."""
        settings = attrs.evolve(self.topology.settings, **changes)
        changed = self.from_topology(attrs.evolve(self.topology, settings=settings), self.registry)
        changed.training = self.training
        return changed

    @classmethod
    def from_topology(cls, topology: Topology, registry: Registry | None = None) -> PipelineModelWrapper:
        """Make a pipeline of a declared topology."""
        settings = attrs.asdict(topology.settings, recurse=False)
        return cls(topology.groups, registry=registry, **settings)

    def as_ase(self, **options: Any) -> Calculator:
        """Return an ASE calculator of this pipeline; see `alchemi_core.ase.AlchemiCalculator`."""
        calculator: Calculator = load_target("alchemi_core.ase:AlchemiCalculator")(self, **options)
        return calculator

    def save(self, path: str | Path, *, reference_weights: bool = False) -> None:
        """Write the pipeline to a file, whole or not at all, from which `load_pipeline` rebuilds it.

        With `reference_weights`, weights that a plugin makes again by itself are named by their checksums instead.

        Raises
        ------
        SerializationError
            If an option of a model, or a tensor, is nothing that a file can hold.
        """
        save = load_target("alchemi_core.serialization.saving:save_pipeline")
        save(self, path, self._registry, reference_weights=reference_weights)

    @classmethod
    def load(
        cls,
        path: str | Path,
        models: Sequence[BaseModelMixin] | Mapping[int, BaseModelMixin] | None = None,
        derivative_fns: Mapping[int, Any] | None = None,
        **options: Any,
    ) -> PipelineModelWrapper:
        """Rebuild a pipeline from a file; all arguments are those of `load_pipeline`, where they are explained."""
        loader = load_target("alchemi_core.serialization.loading:load_pipeline")
        loaded: PipelineModelWrapper = loader(path, models=models, derivative_fns=derivative_fns, **options)
        return loaded

    def extra_repr(self) -> str:
        """Show groups and steps in the representation."""
        kinds = {True: "autograd", False: "direct"}
        groups = self._current().declaration.groups
        return "\n".join(
            f"group {g.index} ({kinds[g.use_autograd]}): {', '.join(s.label for s in g.steps)}" for g in groups
        )

    def _current(self) -> Prepared:
        """Return what is derived from the declaration, made anew where a model's config was replaced since."""
        prepared = self._prepared
        if prepared.declaration.is_stale():
            prepared = self._prepared = Prepared.of(self.topology, self._plugins)
        return prepared

    @property
    def registry(self) -> Registry | None:
        """Where offers come from, if not from the installed plugins."""
        return self._registry

    @property
    def _plugins(self) -> Registry:
        return self._registry or default_registry()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_prepared"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        self._prepared = Prepared.of(self.topology, self._plugins)
