"""A model wrapper of nvalchemi-toolkit as a step of a pipeline."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import GeometryError, ModelOutputError
from alchemi_core.models import BaseModelMixin
from alchemi_core.quantities import QUANTITIES
from alchemi_nvalchemi.batches_there import batch_there
from alchemi_nvalchemi.cells import filled_cells, per_volume
from alchemi_nvalchemi.declaring import declare, input_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from alchemi_core.data.view import ModelView


class NvalchemiStep(BaseModelMixin, torch.nn.Module):
    """A model of nvalchemi-toolkit.

    Its config says what is on the graph and what is reported, which list it reads and which inputs; the config here is
    made of it, see `alchemi_nvalchemi.declaring.declare`. The wrapper is not changed: every call works on a copy of
    it that shares its weights, so nothing that it keeps from call to call, such as the waves of a cell, can go stale.

    Parameters
    ----------
    wrapper : nvalchemi.models.base.BaseModelMixin
        The model, such as ``LennardJonesModelWrapper(epsilon=0.0104, sigma=3.4, cutoff=8.5)``.
    name : str, optional
        That plans and errors use; by default made of the wrapper's class.
    order : int
        How often its energy can be differentiated, where that is on the graph; 0 for any number of times. Kernels of
        the toolkit allow it once.
    through : iterable of str, optional
        Inputs through which its energy is on the graph, where its config does not say it all.
    contains : iterable of str, or mapping of str to str, optional
        Physics that it brings, so that nothing is counted twice; known of the toolkit's own D3, Ewald and PME.
    correction : bool, optional
        Whether it is nothing but that physics; likewise.
    elements : iterable of int, optional
        Atomic numbers that it was made for; None for any.
    level_of_theory : str
        What it was fitted to.
    citations : iterable of str
        What to cite.

    Raises
    ------
    DeclarationError
        If the wrapper is none, or its config says what cannot be used in a pipeline.
    """

    def __init__(
        self,
        wrapper: Any,
        *,
        name: str = "",
        order: int = 1,
        through: Iterable[str] | None = None,
        contains: Iterable[str] | Mapping[str, str] | None = None,
        correction: bool | None = None,
        elements: Iterable[int] | None = None,
        level_of_theory: str = "",
        citations: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.wrapper = wrapper
        self.model_config = declare(
            wrapper,
            name=name,
            order=order,
            through=through,
            contains=contains,
            correction=correction,
            elements=elements,
            level_of_theory=level_of_theory,
            citations=citations,
        )
        self._inputs = input_names(wrapper)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute the requested outputs.

        Raises
        ------
        GeometryError
            If a system is not periodic in all directions, and the wrapper knows no others.
        ModelOutputError
            If the wrapper does not give what its config names.
        """
        if self.model_config.needs_pbc and not getattr(self.wrapper, "slab_correction", False):
            _check_periodic(view, self.model_config.name)
        if not view.num_atoms:
            return self._as_declared(_nothing(view, requested))
        if self.model_config.autograd_inputs:
            return self._computed(view, requested)
        with torch.no_grad():
            return self._computed(view, requested)

    def _computed(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        strained = bool(requested & {"stress", "virial"})
        cell = filled_cells(view) if strained else view.cell
        names = {"stress" if name == "virial" else name for name in requested}
        batch = batch_there(view, cell, self._inputs, follow=self.model_config.autograd_inputs)
        found = self._called(names)(batch)
        self._check_given(found, names)
        out = {name: value for name, value in found.items() if name in requested}
        if strained:
            volume = torch.linalg.det(cell.detach()).abs()[:, None, None]
            out["virial"] = -found["stress"] * volume
            out["stress"] = per_volume(-out["virial"], view.cell)
        return self._as_declared(out)

    def _check_given(self, found: Mapping[str, Tensor], names: set[str]) -> None:
        """Refuse less than was asked for: models that are made of others leave out what these do not give."""
        if missing := sorted(name for name in names if found.get(name) is None):
            raise ModelOutputError(
                f"it gave no {' and no '.join(missing)}",
                expected="all outputs that its config names",
                who=self.model_config.name,
                fix=f"wrapper.set_config('active_outputs', {{..., {missing[0]!r}}}) of the models that it is made of",
            )

    def _called(self, names: set[str]) -> Any:
        """Return a copy of the wrapper that computes these outputs."""
        form = copy.copy(self.wrapper)
        config = self.wrapper.model_config
        vars(form)["model_config"] = config.model_copy(update={"active_outputs": set(names)})
        return form

    def _as_declared(self, out: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cut the graph of what was declared without one."""
        graph = self.model_config.autograd_inputs
        return {name: value if name == "energy" and graph else value.detach() for name, value in out.items()}


def _nothing(view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
    """Return outputs of systems without atoms; a stress needs a volume."""
    out = {}
    for name in requested & QUANTITIES.keys():
        quantity = QUANTITIES[name]
        shape = (0 if quantity.per_atom else view.num_systems, *(size or 0 for size in quantity.shape))
        # on the graph of what the energy may depend on
        out[name] = view.positions.new_zeros(shape) + 0.0 * view.positions.sum()
    return out | ({"stress": per_volume(out["stress"], view.cell)} if "stress" in out else {})


def _check_periodic(view: ModelView, who: str) -> None:
    if view.pbc is None or not bool(view.pbc.all()):
        raise GeometryError(
            "a system that is not periodic in all directions",
            expected="crystals: the sum over images goes in all directions",
            who=who,
            fix="a cell with vacuum, periodic in all directions",
        )
