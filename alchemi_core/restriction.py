"""Restriction: a model evaluated on a part of each system, as a model of the whole."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.cut_bonds import check_border
from alchemi_core.data.batch import Batch
from alchemi_core.data.choosing import chosen
from alchemi_core.data.view import ModelView
from alchemi_core.errors import DataError, ModelOutputError, UnsupportedElementError
from alchemi_core.models import BaseModelMixin
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.restricting import restrict
from alchemi_core.planning.regional import OF_THE_WHOLE, unsaid_of_part
from alchemi_core.quantities import GEOMETRY, QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import ModelConfig
    from alchemi_core.regions.region import Region


@attrs.frozen(eq=False)
class Restricted(BaseModelMixin):
    """A model on a part of each system.

    It reads the whole, gathers the atoms of the part on the autograd graph, cuts and renumbers the neighbor list, calls
    the model, and puts what it gives for atoms back to their places. Other atoms get 0 where values add up, else NaN.

    Parameters
    ----------
    model : BaseModelMixin
        The model.
    declared : ModelConfig
        What it declares.
    model_config : ModelConfig
        What the restricted model declares.
    regions : tuple of Region
        The part: atoms in all of them.
    zeros : frozenset of str
        Outputs that add up.
    label : str
        Name of the step, for errors.
    """

    model: BaseModelMixin
    declared: ModelConfig
    model_config: ModelConfig
    regions: tuple[Region, ...]
    zeros: frozenset[str]
    label: str

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:
        """Compute the requested outputs of the part, in the shapes of the whole."""
        atoms = self._atoms(view)
        part = self._view(view, atoms)
        self._check_elements(part)
        answer = self.model.compute(part, requested)
        return {
            name: self._spread(name, answer[name], atoms, view) if len(atoms) < view.num_atoms else answer[name]
            for name in requested
            if name in answer
        }

    def _atoms(self, view: ModelView) -> Tensor:
        """Return the numbers of the chosen atoms, over all systems, in rising order: Tensor [n], int64."""
        masks = [chosen(region, view) for region in self.regions]
        for region, inside in zip(self.regions, masks, strict=True):
            if not region.cut_bonds:
                check_border(region, inside, view)
        return reduce(torch.logical_and, masks).nonzero().squeeze(1)

    def _view(self, view: ModelView, atoms: Tensor) -> ModelView:
        batch = Batch(
            positions=view.positions.index_select(0, atoms),
            atomic_numbers=view.atomic_numbers.index_select(0, atoms),
            batch_idx=view.batch_idx.index_select(0, atoms),
            num_systems=view.num_systems,
            cell=view.cell,
            pbc=view.pbc,
        )
        values = {name: batch.get(name) for name in GEOMETRY}
        for name in (self.declared.required_inputs | self.declared.optional_inputs) - GEOMETRY:
            values[name] = self._input(name, view, atoms)
        return ModelView(values, batch, self._neighbors(view, atoms), self.label)

    def _input(self, name: str, view: ModelView, atoms: Tensor) -> Tensor | None:
        given = self.regions[-1].given
        if name in given:
            known: Tensor = view.positions.new_full((view.num_systems, 1), given[name])
            return known
        value: Tensor | None = getattr(view, name)
        if value is not None and name in OF_THE_WHOLE:
            raise unsaid_of_part(name, self.label)
        per_atom = value is not None and self._per_atom(name, value, view.num_atoms, len(atoms), view)
        return value.index_select(0, atoms) if value is not None and per_atom else value

    def _neighbors(self, view: ModelView, atoms: Tensor) -> Any:
        need = self.declared.neighbor_config
        if view.neighbors is None or need is None or len(atoms) == view.num_atoms:
            return view.neighbors
        cut = restrict(view.neighbors, atoms)
        return cut if need.width is None else to_matrix(cut, need.width)

    def _per_atom(self, name: str, value: Tensor, rows: int, chosen_rows: int, view: ModelView) -> bool:
        """Tell whether a value counts atoms; of names that the table does not have, by its length."""
        if name in QUANTITIES:
            return QUANTITIES[name].per_atom
        if value.dim() == 0 or value.shape[0] != rows:
            return False
        if rows == view.num_systems and chosen_rows != view.num_atoms:
            raise DataError(
                f"{name!r} has one value for each of {rows} atoms, or for each of {rows} systems: no one can tell",
                expected="a name of the quantity table, which says so",
                who=self.label,
            )
        return True

    def _check_elements(self, part: ModelView) -> None:
        known = self.declared.elements
        if known is None:
            return
        found = set(torch.unique(part.atomic_numbers).tolist())
        if found <= known:
            return
        from ase.data import chemical_symbols

        strange = ", ".join(chemical_symbols[number] for number in sorted(found - known))
        raise UnsupportedElementError(
            f"the part of the system that it is evaluated on holds {strange}, not known to the model",
            expected=f"elements among the {len(known)} that it knows",
            who=self.label,
            fix="another region, or a model that knows them",
        )

    def _spread(self, name: str, value: Tensor, atoms: Tensor, view: ModelView) -> Tensor:
        """Return a value of the part as one of the whole."""
        quantity = QUANTITIES.get(name)
        if quantity is not None and not quantity.fits(tuple(value.shape), len(atoms), view.num_systems):
            raise ModelOutputError(
                f"returned {name} of shape {list(value.shape)} for a part of {len(atoms)} atoms",
                expected=quantity.written_shape(len(atoms), view.num_systems),
                who=self.label,
            )
        if not self._per_atom(name, value, len(atoms), len(atoms), view):
            return value
        value = value if value.is_floating_point() else value.to(view.positions.dtype)
        elsewhere = 0.0 if name in self.zeros else torch.nan
        return value.new_full((view.num_atoms, *value.shape[1:]), elsewhere).index_copy(0, atoms, value)
