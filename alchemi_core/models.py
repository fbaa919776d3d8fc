"""All that the author of a model must read: one frozen config and one call.

A model declares in `ModelConfig` what it consumes and produces, and is called with a view holding exactly that and
with the outputs asked of it. It neither keeps nor changes anything it is given. It need not differentiate: an energy
on the autograd graph is enough for forces and stress.
"""

from __future__ import annotations

import abc
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import attrs

from alchemi_core.contract import Analytic, Constant, OnGraph, OutputKind, Partial
from alchemi_core.errors import DeclarationError, nearest
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.offers import load_target
from alchemi_core.quantities import DERIVATIVES, PHYSICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.neighbors.config import NeighborConfig
    from alchemi_core.pipeline import PipelineModelWrapper


def _names(value: Any) -> frozenset[str]:
    return frozenset([value]) if isinstance(value, str) else frozenset(value)


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _numbers(value: Any) -> frozenset[int] | None:
    return None if value is None else frozenset(value)


def _physics(value: Any) -> FrozenMap[str, str]:
    """Accept names, or names with a note on what stands for each."""
    notes = value if isinstance(value, FrozenMap | dict) else dict.fromkeys(sorted(_names(value)), "")
    return FrozenMap(notes)


def _kinds(value: Any) -> FrozenMap[str, OutputKind]:
    """Accept kinds by name, or bare names: then the energy is on the graph and all else as reported."""
    if isinstance(value, FrozenMap | dict):
        return FrozenMap(value)
    return FrozenMap({name: OnGraph() if name == "energy" else Analytic() for name in sorted(_names(value))})


@attrs.frozen(kw_only=True)
class ModelConfig:
    """What a model consumes and produces. Frozen: what to compute is an argument of the call, not kept here.

    Parameters
    ----------
    name : str
        Short name that plans and errors use.
    outputs : mapping of str to OutputKind, or iterable of str
        Every output and how it relates to the autograd graph; see `alchemi_core.contract`. Leave out forces and
        stress that come from differentiating the energy: the pipeline takes them. Kept as `kinds`. Bare names mean
        an energy on the graph and all else as reported.
    required_inputs, optional_inputs : iterable of str
        Inputs beyond positions, atomic numbers, batch index, cell and pbc.
    supports_pbc, needs_pbc : bool
        Whether periodic systems are understood, and whether others are refused.
    neighbor_config : NeighborConfig, optional
        The list the model reads; None when it needs none.
    active_outputs : iterable of str, optional
        Outputs computed when the caller does not say; all of them by default.
    elements : iterable of int, optional
        Atomic numbers the model was made for; None for any.
    contains : iterable of str, or mapping of str to str
        Physics the model already has in it, names of `alchemi_core.quantities.PHYSICS`, each with a note that errors
        quote: ``{"dispersion": "D3(BJ); dispersion=False leaves it out"}``. Planning counts each once.
    correction : bool
        True when the model is nothing but the physics it contains, made to be added to others: a dispersion
        correction, a Coulomb sum.
    level_of_theory : str
        What the model was fitted to, such as ``"PBE"``, alternatives apart by ``" / "``; of a correction, what it goes
        with. Planning refuses a correction beside models that were fitted to something else.
    citations : iterable of str
        DOIs or references to cite when the model is used.
    stackable : bool
        Whether several models of this class that differ in their weights only can be evaluated in one call, as
        committees are: `compute` is a function of parameters, buffers and view alone and runs under
        ``torch.func.vmap``, so it calls no ``.item()`` and makes no decision on what depends on positions or weights,
        and writes into no tensor that does not depend on them too. See `BaseModelMixin.stack_form`.

    Raises
    ------
    DeclarationError
        If the fields contradict each other.

    Examples
    --------
    >>> config = ModelConfig(name="springs", outputs={"energy": OnGraph("positions")})
    >>> sorted(config.outputs), sorted(config.autograd_outputs)
    (['energy'], ['forces', 'virial'])
    """

    name: str
    kinds: FrozenMap[str, OutputKind] = attrs.field(converter=_kinds, alias="outputs")
    required_inputs: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    optional_inputs: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    supports_pbc: bool = False
    needs_pbc: bool = False
    neighbor_config: NeighborConfig | None = None
    active_outputs: frozenset[str] | None = attrs.field(default=None, converter=attrs.converters.optional(_names))
    elements: frozenset[int] | None = attrs.field(default=None, converter=_numbers)
    contains: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=_physics)
    correction: bool = False
    level_of_theory: str = ""
    citations: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    stackable: bool = False

    def __attrs_post_init__(self) -> None:
        for name, kind in self.kinds.items():
            if isinstance(kind, Partial):
                self._check_partial(name, kind)
        for name in self.contains:
            self._check_physics(name)
        if self.correction and not self.contains:
            raise DeclarationError("a correction that contains nothing", expected="contains=...", who=self.name)
        if self.needs_pbc and not self.supports_pbc:
            raise DeclarationError("needs_pbc without supports_pbc", expected="both", who=self.name)

    def _check_physics(self, name: str) -> None:
        if name not in PHYSICS:
            close = nearest(name, PHYSICS)
            raise DeclarationError(
                f"contains {name!r}",
                expected="some of " + ", ".join(PHYSICS),
                who=self.name,
                fix=f"write {close!r}" if close else "",
            )

    def _check_partial(self, name: str, kind: Partial) -> None:
        energy = self.kinds.get("energy")
        through = energy.through if isinstance(energy, OnGraph) else frozenset()
        if missing := kind.at_fixed - through:
            raise DeclarationError(
                f"{name} is taken at fixed {', '.join(sorted(missing))}, but the energy is not on the graph through it",
                expected=f"energy OnGraph through {', '.join(sorted(kind.at_fixed))}",
                who=self.name,
                fix=f"outputs={{'energy': OnGraph({sorted(kind.at_fixed)}), {name!r}: {kind}}}",
            )

    @property
    def outputs(self) -> frozenset[str]:
        """Outputs the model itself returns."""
        return frozenset(self.kinds)

    @property
    def autograd_outputs(self) -> frozenset[str]:
        """Derivatives that come from differentiating the energy."""
        through = self.autograd_inputs
        if "positions" not in through:
            return frozenset()
        strain = not self.supports_pbc or "cell" in through
        wanted = DERIVATIVES if strain else {"forces"}
        return frozenset(wanted) - (frozenset() if self.supports_pbc else {"stress"}) - self.outputs

    @property
    def autograd_inputs(self) -> frozenset[str]:
        """Inputs through which the energy is differentiable."""
        energy = self.kinds.get("energy")
        return energy.through if isinstance(energy, OnGraph) else frozenset()

    @property
    def needs_neighborlist(self) -> bool:
        """Whether the model reads a neighbor list."""
        return self.neighbor_config is not None


@attrs.frozen
class ModelOrigin:
    """Where a model came from: enough to make it again.

    Parameters
    ----------
    offer : str
        Name under which a plugin offers the model.
    options : FrozenMap
        Arguments it was created with.
    """

    offer: str
    options: FrozenMap[str, Any] = attrs.field(converter=freeze)


class BaseModelMixin(abc.ABC):
    """Base of every model, beside ``torch.nn.Module`` where there are weights.

    A subclass sets ``model_config`` in its ``__init__`` and implements `compute`.

    Attributes
    ----------
    model_config : ModelConfig
        What the model consumes and produces.
    origin : ModelOrigin or None
        Set by `create_model`, so that a pipeline can be saved and rebuilt.
    """

    model_config: ModelConfig
    origin: ModelOrigin | None = None

    __array_ufunc__ = None  # numbers of numpy leave arithmetic with models to the models, arrays are refused

    @abc.abstractmethod
    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:
        """Compute the requested outputs.

        Parameters
        ----------
        view : ModelView
            The declared inputs; not to be changed or kept.
        requested : frozenset of str
            Outputs wanted now, a part of the declared ones. More may be returned and is ignored.

        Returns
        -------
        mapping of str to Tensor
            Each requested output in the shape and unit of `alchemi_core.quantities`; a detached one carries no graph.
        """

    def stack_form(self) -> BaseModelMixin:
        """Return a copy of this model, a module, through which all members of a stack can run.

        Only called where the config says ``stackable``; overridden by models that need other code under vmap than on
        their own, or that keep notes that enter no result, such as the file they came from. Members of a stack must
        have forms that are the same in everything but the values of parameters and buffers, which have the names that
        they have here. The model itself is not to be changed.

        Returns
        -------
        BaseModelMixin
            A deep copy.
        """
        return deepcopy(self)

    def __add__(self, other: object) -> PipelineModelWrapper:
        return cast("PipelineModelWrapper", _algebra("add", self, other))

    def __radd__(self, other: object) -> PipelineModelWrapper:
        return cast("PipelineModelWrapper", _algebra("add", other, self))

    def __sub__(self, other: object) -> PipelineModelWrapper:
        return cast("PipelineModelWrapper", _algebra("subtract", self, other))

    def __mul__(self, weight: object) -> PipelineModelWrapper:
        return cast("PipelineModelWrapper", _algebra("scale", self, weight))

    __rmul__ = __mul__

    def __truediv__(self, number: object) -> PipelineModelWrapper:
        return cast("PipelineModelWrapper", _algebra("divide", self, number))

    def __neg__(self) -> PipelineModelWrapper:
        return cast("PipelineModelWrapper", _algebra("scale", self, -1.0))


def _algebra(operation: str, left: object, right: object) -> Any:
    """Sum or scale models.

    The result is a pipeline, a layer above this file: the target is looked up when the operator is used, as targets of
    offers are, so that reading a model needs no pipeline.
    """
    return load_target(f"alchemi_core.algebra:{operation}")(left, right)


__all__ = ["Analytic", "BaseModelMixin", "Constant", "ModelConfig", "ModelOrigin", "OnGraph", "Partial"]
