"""`evaluate`: any number of structures through a pipeline, as many at once as pays and fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from ase import Atoms

from alchemi_core.batching.allowance import Allowance
from alchemi_core.batching.candidate import Sorter
from alchemi_core.batching.cost import Estimator
from alchemi_core.batching.evaluator import Evaluator
from alchemi_core.batching.memory import memory_of
from alchemi_core.batching.place import checked_device, checked_dtype, device_of
from alchemi_core.batching.stream import Stream
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_core.batching.budget import Budget
    from alchemi_core.batching.evaluated import Evaluated
    from alchemi_core.pipeline import PipelineModelWrapper

Failures: TypeAlias = Literal["raise", "keep"]
"""What becomes of an error: it is raised in its turn, or kept with the structure that it is of."""


def evaluate(
    pipe: PipelineModelWrapper,
    structures: Iterable[Atoms],
    *,
    requested: Iterable[str] | None = None,
    contributions: bool | Literal["energy"] = False,
    budget: Budget | int | Allowance | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    failures: Failures = "raise",
) -> Iterator[Evaluated]:
    """Evaluate structures in batches, and yield one result for each, in order.

    Structures are read a bounded number ahead, packed by their estimated cost, and let go once their result is taken,
    so memory stays flat however many there are. What comes out is what the pipeline gives of each structure alone, to
    rounding. Beside the geometry, a batch carries what an ASE calculator of the pipeline reads: initial charges,
    ``info["charge"]`` and ``info["spin"]``, and the arrays and coupling parameters that the models ask for.

    Parameters
    ----------
    pipe : PipelineModelWrapper
        What to evaluate.
    structures : iterable of ase.Atoms
        Any mix of crystals and molecules, also an endless generator.
    requested : iterable of str, optional
        Outputs wanted; by default the active ones of the pipeline, without the stress where there is no cell.
    contributions : bool or "energy"
        Whether to return what each step added as well, as in a call of the pipeline.
    budget : Budget, int or Allowance, optional
        Most atoms, or atoms, pairs and structures, of one batch. By default the largest that pays and fits into
        memory; either is halved where memory does not suffice after all. An `alchemi_core.batching.allowance.Allowance`
        goes on with what earlier calls with it found, for the same pipeline, outputs and device.
    dtype : torch.dtype, optional
        Floating type of positions and cells; float64 by default.
    device : torch.device or str, optional
        Where to compute; by default where the parameters of the pipeline are.
    failures : {"raise", "keep"}
        Whether the first error, in the order of the input, is raised, or each is kept in the result of its structure
        while all others go on.

    Returns
    -------
    iterator of Evaluated
        With the structure, its place in the input, and its outputs or its error.

    Raises
    ------
    PlanningError
        At once, if the request cannot be served whole and right.
    OptionError
        At once, if an argument cannot be right.

    Examples
    --------
    >>> from ase.build import molecule
    >>> from alchemi_core import BaseModelMixin, ModelConfig, OnGraph, PipelineGroup, PipelineModelWrapper
    >>> class Well(BaseModelMixin):
    ...     model_config = ModelConfig(name="well", outputs={"energy": OnGraph("positions")})
    ...
    ...     def compute(self, view, requested):
    ...         each = 0.5 * view.positions.square().sum(1)
    ...         return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}
    >>> pipe = PipelineModelWrapper(groups=[PipelineGroup(steps=[Well()], use_autograd=True)])
    >>> for one in evaluate(pipe, map(molecule, ["H2O", "CO2"]), requested=["energy"]):
    ...     print(one.index, one.structure.symbols, f"{float(one.outputs['energy']):.4f}")
    0 OH2 0.8172
    1 CO2 1.3892
    """
    _check(pipe, structures, contributions, failures)
    names = None if requested is None else frozenset([requested] if isinstance(requested, str) else requested)
    place = device_of(pipe) if device is None else checked_device(device, "evaluate")
    wanted = pipe.active_outputs if names is None else names
    estimator = Estimator.of(pipe.plan_for(wanted, device=place.type))
    evaluator = Evaluator(
        pipe=pipe,
        config=pipe.model_config,
        requested=names,
        contributions=contributions,
        dtype=torch.float64 if dtype is None else checked_dtype(dtype, "evaluate"),
        device=place,
        memory=memory_of(place),
        allowance=Allowance.of(budget, place.type),
    )
    sorter = Sorter.of(pipe.model_config, estimator, wanted)
    return _in_turn(Stream(structures, sorter, evaluator), failures)


def _in_turn(stream: Stream, failures: Failures) -> Iterator[Evaluated]:
    for one in stream.results():
        if one.error is not None and failures == "raise":
            one.error.add_note(f"This is structure {one.index} of the input of evaluate().")
            raise one.error
        yield one


def _check(pipe: object, structures: object, contributions: object, failures: object) -> None:
    if not hasattr(pipe, "plan_for"):
        fix = "PipelineModelWrapper(groups=[PipelineGroup(steps=[model], use_autograd=True)])"
        raise OptionError(f"a {type(pipe).__name__}", expected="a pipeline", who="evaluate", fix=fix)
    if isinstance(structures, Atoms):
        fix = "evaluate(pipe, [atoms])"
        raise OptionError("one structure", expected="several, one after the other", who="evaluate", fix=fix)
    if not isinstance(structures, Iterable) or isinstance(structures, str | bytes | Mapping):
        fix = f"evaluate(pipe, ase.io.iread({structures!r}))" if isinstance(structures, str) else ""
        found = f"a {type(structures).__name__} as structures"
        raise OptionError(found, expected="an iterable of ase.Atoms", who="evaluate", fix=fix)
    if contributions not in (True, False, "energy"):
        expected = "True, False or 'energy'"
        raise OptionError(f"contributions={contributions!r}", expected=expected, who="evaluate")
    if failures not in ("raise", "keep"):
        raise OptionError(f"failures={failures!r}", expected="'raise' or 'keep'", who="evaluate")
