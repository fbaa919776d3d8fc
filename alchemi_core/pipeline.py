"""PipelineModelWrapper: declares a composition, keeps its plans, and runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.data.atomic_data import AtomicData
from alchemi_core.data.batch import Batch
from alchemi_core.derivatives.base import Derivative
from alchemi_core.finishing import contributions_of, output_values
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.verlet import ListKeeper
from alchemi_core.offers import load_target
from alchemi_core.outputs import Outputs
from alchemi_core.planning.flat import FlatGroup, flatten
from alchemi_core.planning.plan import ExecutionPlan
from alchemi_core.planning.planner import make_plan
from alchemi_core.planning.requests import default_outputs
from alchemi_core.planning.synthesis import synthesize
from alchemi_core.planning.wiring import check_wires
from alchemi_core.provision import Provision
from alchemi_core.registry import Registry, default_registry
from alchemi_core.requirements import check_batch_serves
from alchemi_core.runtime import Run
from alchemi_core.strategies import as_strategy
from alchemi_core.toolkits import toolkit_for
from alchemi_core.topology import NeighborAdaptation, PipelineGroup, PipelineSettings, Topology

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ase.calculators.calculator import Calculator
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.reductions import Reduction

DEFAULT_SKIN = 0.5
"""Å. A list kept in dynamics at room temperature then serves some ten steps for a third more pairs."""


class PipelineModelWrapper(torch.nn.Module, BaseModelMixin):
    """A composition of models, itself a model.

    A new pipeline is in evaluation mode: its outputs are detached. After ``pipe.train()``, and where grad is enabled,
    they stay on the graph, so that ``loss.backward()`` reaches the parameters through forces too.

    Parameters
    ----------
    groups : sequence of PipelineGroup
        Run in order; their outputs are summed.
    additive_keys : iterable of str, optional
        Exactly these outputs are summed over steps; by default those the quantity table calls additive.
    neighbor_adaptation : {"auto", "always", "never"}, optional
        Whether smaller neighbor lists are cut out of larger ones; ``auto`` by default.
    max_cutoff_ratio : float, optional
        Largest ratio of cutoffs at which ``auto`` shares; 1.5 by default.
    active_outputs : iterable of str, optional
        Outputs computed when a call does not say; by default all that the parts give.
    skin : float, Å, optional
        How much further lists kept between calls reach. By default the largest skin a model declares, else 0.5;
        0 builds at every call.
    reductions : mapping of str to str, optional
        Offered rules for outputs that several steps produce and that are not summed, such as ``{"charges": "mean"}``.
    registry : Registry, optional
        Where neighbor backends and named strategies come from; by default the installed plugins.

    Raises
    ------
    PlanningError
        If the wiring cannot be right; what depends on the request surfaces when it is planned.

    Examples
    --------
    >>> pipe = PipelineModelWrapper(groups=[PipelineGroup(steps=[aimnet2, ewald], use_autograd=True),
    ...                                     PipelineGroup(steps=[dftd3])])          # doctest: +SKIP
    >>> out = pipe(batch, requested={"energy", "forces"})                           # doctest: +SKIP
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
        reductions: Mapping[str, str] | None = None,
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
        )
        self.topology = Topology(groups, settings)
        check_wires(self.topology)
        self._registry = registry
        modules = {id(model): model for model in self.topology.models if isinstance(model, torch.nn.Module)}
        self.models = torch.nn.ModuleList(modules.values())
        self.training = False
        self._forget()
        self._declared = self._declare()

    @property
    def model_config(self) -> ModelConfig:  # type: ignore[override]
        """Config of the whole, made of the parts'."""
        return self._current().config

    @property
    def active_outputs(self) -> frozenset[str]:
        """Outputs computed when a call does not say."""
        return self._current().active

    @property
    def plan(self) -> ExecutionPlan:
        """The plan of the default request."""
        return self.plan_for(self.active_outputs)

    def plan_for(self, requested: Iterable[str], *, differentiable: bool = False) -> ExecutionPlan:
        """Return the plan of a request; plans are made once and kept.

        Raises
        ------
        PlanningError
            If the request cannot be served whole and right.
        """
        names = frozenset([requested] if isinstance(requested, str) else requested)
        declared = self._current()
        key = (names, differentiable)
        if key not in self._plans:
            settings = self.topology.settings
            self._plans[key] = make_plan(declared.groups, settings, names, differentiable=differentiable)
        return self._plans[key]

    def forward(
        self, data: Batch | AtomicData, requested: Iterable[str] | None = None, *, contributions: bool = False
    ) -> Outputs:
        """Evaluate the pipeline.

        Parameters
        ----------
        data : Batch or AtomicData
            Systems; neither they nor any model is changed.
        requested : iterable of str, optional
            Outputs wanted; by default `active_outputs`, without the stress where no system has a cell.
        contributions : bool
            Whether to return what each step added as well.

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
        declared = self._current()
        names, notes = declared.request(requested, batch)
        differentiable = self.training and torch.is_grad_enabled()
        plan = self.plan_for(names, differentiable=differentiable)
        check_batch_serves(plan, declared.groups, declared.config, batch, notes)
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(mode=False):
                return self._run(plan, declared, _plain(batch), contributions=contributions, notes=notes)
        base = batch if differentiable else _off_graph(batch)
        return self._run(plan, declared, base, contributions=contributions, notes=notes, differentiable=differentiable)

    def _run(
        self,
        plan: ExecutionPlan,
        declared: _Declared,
        batch: Batch,
        *,
        contributions: bool,
        notes: Mapping[str, str],
        differentiable: bool = False,
    ) -> Outputs:
        kept, fresh = self._provisions(batch.device.type, declared)
        run = Run(
            plan=plan,
            models=declared.models,
            strategies=declared.strategies,
            batch=batch,
            lists=kept.lists(plan, batch),
            lists_for=lambda other: fresh.lists(plan, other),
            differentiable=differentiable,
        )
        slots = run.execute()
        values = output_values(plan, slots, batch, declared.reductions, differentiable=differentiable)
        parts = contributions_of(plan, slots, differentiable=differentiable) if contributions else ()
        return Outputs(values, parts, notes)

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:
        """Evaluate on a view, as any model; inside another pipeline the steps are inlined instead."""
        return self(view.as_batch(), requested)

    def make_neighbor_hooks(self, requested: Iterable[str] | None = None) -> tuple[Callable[[Batch], Batch], ...]:
        """Return callables that put the planned neighbor lists on a batch, for engines that drive the pipeline.

        Parameters
        ----------
        requested : iterable of str, optional
            The request whose plan is served; by default the active outputs.
        """
        plan = self.plan_for(self.active_outputs if requested is None else requested)

        def add_lists(batch: Batch) -> Batch:
            kept, _ = self._provisions(batch.device.type, self._current())
            bare = batch.with_neighbors()
            return bare.with_neighbors(*kept.lists(plan, bare))

        return (add_lists,) if plan.lists else ()

    def with_settings(self, **changes: Any) -> PipelineModelWrapper:
        """Return a pipeline of the same models with other settings, such as ``active_outputs={"energy"}``."""
        return self.from_topology(attrs.evolve(self.topology, settings=attrs.evolve(self.topology.settings, **changes)))

    @classmethod
    def from_topology(cls, topology: Topology, registry: Registry | None = None) -> PipelineModelWrapper:
        """Make a pipeline of a declared topology."""
        settings = attrs.asdict(topology.settings, recurse=False)
        return cls(topology.groups, registry=registry, **settings)

    def as_ase(self, **options: Any) -> Calculator:
        """Return an ASE calculator of this pipeline; see `alchemi_core.ase.AlchemiCalculator`."""
        return load_target("alchemi_core.ase:AlchemiCalculator")(self, **options)

    def save(self, path: str | Path) -> None:
        """Write the pipeline to a file from which `load_pipeline` rebuilds it; see `alchemi_core.serialization`."""
        load_target("alchemi_core.serialization.pipelines:save_pipeline")(self, path, self._registry)

    @classmethod
    def load(
        cls,
        path: str | Path,
        models: Sequence[BaseModelMixin] | None = None,
        derivative_fns: Mapping[int, Any] | None = None,
    ) -> PipelineModelWrapper:
        """Rebuild a pipeline from a file, handing over models and functions that no plugin offers.

        Parameters
        ----------
        path : str or Path
            Written by `save`.
        models : sequence of BaseModelMixin, optional
            In the order their steps were declared, each once.
        derivative_fns : mapping of int to callable, optional
            Functions by group number.
        """
        loader = load_target("alchemi_core.serialization.pipelines:load_pipeline")
        loaded: PipelineModelWrapper = loader(path, models=models, derivative_fns=derivative_fns)
        return loaded

    def extra_repr(self) -> str:
        """Show groups and steps in the representation."""
        rows = []
        for group in self._current().groups:
            kind = "autograd" if group.use_autograd else "direct"
            rows.append(f"group {group.index} ({kind}): " + ", ".join(step.label for step in group.steps))
        return "\n".join(rows)

    def _current(self) -> _Declared:
        """Return the flattened declaration, made anew where a model's config was replaced since."""
        if self._declared.is_stale():
            self._forget()
            self._declared = self._declare()
        return self._declared

    def _declare(self) -> _Declared:
        groups = tuple(self._with_strategy(group) for group in flatten(self.topology))
        settings = self.topology.settings
        return _Declared(
            groups=groups,
            models=tuple(step.model for group in groups for step in group.steps),
            config=synthesize(groups, settings),
            active=default_outputs(groups) if settings.active_outputs is None else settings.active_outputs,
            chosen=settings.active_outputs is not None,
            reductions={rule: self._plugins.load(self._plugins.find("reduction", rule)) for rule in _rules(settings)},
            strategies={g.index: as_strategy(g.derivative_fn, self._find_strategy) for g in groups},
        )

    def _with_strategy(self, group: FlatGroup) -> FlatGroup:
        if group.derivative_fn is None:
            return group
        return attrs.evolve(group, derivative_fn=as_strategy(group.derivative_fn, self._find_strategy))

    def _find_strategy(self, name: str) -> Any:
        return load_target(self._plugins.find("derivative", name).target)

    @property
    def _plugins(self) -> Registry:
        return self._registry or default_registry()

    def _provisions(self, device: str, declared: _Declared) -> tuple[Provision, Provision]:
        """Return provisions that keep lists between calls, and that do not."""
        made = self._provision_for.get(device)
        if made is None:
            toolkit = toolkit_for(device, self._plugins)
            skin = _skin(self.topology.settings, declared.config)
            made = Provision(toolkit, self._keeper, skin), Provision(toolkit, None, 0.0)
            self._provision_for[device] = made
        return made

    def _forget(self) -> None:
        """Drop everything that is derived from the declaration."""
        self._plans: dict[tuple[frozenset[str], bool], ExecutionPlan] = {}
        self._provision_for: dict[str, tuple[Provision, Provision]] = {}
        self._keeper = ListKeeper()

    def __getstate__(self) -> dict[str, Any]:
        derived = ("_plans", "_provision_for", "_keeper", "_declared", "_registry")
        return {name: value for name, value in self.__dict__.items() if name not in derived}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._registry = None
        self._forget()
        self._declared = self._declare()


@attrs.frozen(eq=False)
class _Declared:
    """The declaration, flattened: what all plans of the pipeline start from."""

    groups: tuple[FlatGroup, ...]
    models: tuple[BaseModelMixin, ...]
    config: ModelConfig
    active: frozenset[str]
    chosen: bool
    reductions: Mapping[str, Reduction]
    strategies: Mapping[int, Derivative]

    def is_stale(self) -> bool:
        """Tell whether some model has replaced its config."""
        return any(step.model.model_config is not step.config for group in self.groups for step in group.steps)

    def request(self, requested: Iterable[str] | None, batch: Batch) -> tuple[frozenset[str], Mapping[str, str]]:
        """Return the outputs to compute, and why some of the default ones are not among them."""
        if requested is not None:
            return frozenset([requested] if isinstance(requested, str) else requested), {}
        if batch.cell is None and "stress" in self.active and not self.chosen:
            return self.active - {"stress"}, {"stress": "no system of this batch has a cell, so none has a stress"}
        return self.active, {}


def _rules(settings: PipelineSettings) -> frozenset[str]:
    return frozenset({"sum", *(settings.reductions or {}).values()})


def _skin(settings: PipelineSettings, config: ModelConfig) -> float:
    if settings.skin is not None:
        return settings.skin
    declared = config.neighbor_config.skin if config.neighbor_config is not None else 0.0
    return declared or DEFAULT_SKIN


def _off_graph(batch: Batch) -> Batch:
    """Return the batch with its geometry detached; the caller's tensors stay as they are."""
    cell = batch.cell
    if not batch.positions.requires_grad and (cell is None or not cell.requires_grad):
        return batch
    return batch.with_leaves(batch.positions.detach(), None if cell is None else cell.detach())


def _plain(batch: Batch) -> Batch:
    """Return a copy without inference tensors, which autograd cannot use."""
    return Batch(
        positions=batch.positions.clone(),
        atomic_numbers=batch.atomic_numbers.clone(),
        batch_idx=batch.batch_idx.clone(),
        num_systems=batch.num_systems,
        cell=None if batch.cell is None else batch.cell.clone(),
        pbc=None if batch.pbc is None else batch.pbc.clone(),
        fields={name: value.clone() for name, value in batch.fields.items()},
        neighbors=batch.neighbors,
    )
