"""What all potentials with parameters by pair of elements share; each adds its curve."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import attrs
import torch
from torch import Tensor

from alchemi_classical.elements import Parameter, read_table
from alchemi_classical.hooks import SWITCH
from alchemi_classical.kinds import PairKinds
from alchemi_classical.scripting import ScriptedPairs
from alchemi_classical.sums import Edges, per_system
from alchemi_classical.truncation import RANGES, Truncation, switch
from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.scripting import ScriptableEnergy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alchemi_classical.elements import PairOptions
    from alchemi_core.data.view import ModelView

Columns: TypeAlias = dict[str, Tensor]
"""Parameters by name: [P] pair by pair of elements, [E] pair by pair of atoms, or [1] where one serves all."""


def pair_config(who: str, reach: float, elements: Sequence[int], citations: tuple[str, ...]) -> ModelConfig:
    """Return the config of a sum over pairs, its energy on the graph any number of times."""
    return ModelConfig(
        name=who,
        outputs=dict.fromkeys(("energy", "node_energies"), OnGraph({"positions", "cell"})),
        active_outputs={"energy", "forces", "stress"},
        supports_pbc=True,
        neighbor_config=NeighborConfig(reach, half_list=True),
        elements=elements,
        citations=citations,
    )


class PairModel(BaseModelMixin, torch.nn.Module):
    """A sum over pairs of atoms, with parameters by pair of elements that can be trained.

    A final class names its parameters and gives its curve.

    Parameters
    ----------
    pairs, non_interacting, cutoff, switch_on, shift
        As the final classes document them.
    """

    who: ClassVar[str]
    rules: ClassVar[tuple[Parameter, ...]]
    sources: ClassVar[tuple[str, ...]]

    _cutoff: Tensor
    _switch: Tensor | None

    def __init__(
        self,
        pairs: PairOptions,
        non_interacting: str | Sequence[str],
        *,
        cutoff: float | None,
        switch_on: float | None,
        shift: bool | None,
    ) -> None:
        super().__init__()
        table = read_table(pairs, non_interacting, self.rules, RANGES, self.who)
        self.truncation = end = Truncation.read(table, cutoff, switch_on, shift, self.who)
        self.kinds = PairKinds(table, self.who)
        self.coefficients = torch.nn.ParameterDict(
            {rule.name: torch.tensor(table.columns[rule.name], dtype=torch.float64) for rule in self.rules}
        )
        self.register_buffer("_cutoff", torch.tensor(end.cutoffs, dtype=torch.float64), persistent=False)
        begins = None if end.switches is None else torch.tensor(end.switches, dtype=torch.float64)
        self.register_buffer("_switch", begins, persistent=False)
        citations = self.sources if begins is None else (*self.sources, *SWITCH)
        config = pair_config(self.who, end.reach, table.numbers, citations)
        self.model_config = attrs.evolve(config, contains=self.physics(table.columns))

    @staticmethod
    @abc.abstractmethod
    def curve(distance: Tensor, columns: Columns) -> Tensor:
        """Return u(r) in eV, before it is truncated: Tensor [E].

        Parameters
        ----------
        distance : Tensor [E], Å
            r.
        columns : dict of str to Tensor [E] or [1]
            Parameters of each pair.
        """

    @staticmethod
    def physics(columns: Mapping[str, tuple[float, ...]]) -> dict[str, str]:  # noqa: ARG004 - for final classes
        """Return what the potential contains that another model might bring too, as `ModelConfig` takes it."""
        return {}

    def check(self, view: ModelView, edges: Edges, columns: Columns) -> None:
        """Refuse distances at which the curve makes no sense; by default there are none."""

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - all is cheap
        """Compute energy and node energies.

        Raises
        ------
        UnsupportedElementError
            If two elements meet for which no parameters were given.
        GeometryError
            If two atoms are at one place, or closer than the potential can bear.
        """
        edges, columns = self._inside(view, Edges.of(view, self.who))
        self.check(view, edges, columns)
        atoms = edges.per_atom(self._truncated(edges.distance, columns), view.num_atoms)
        return {"node_energies": atoms, "energy": per_system(atoms, view.batch_idx, view)}

    def scriptable_energy(self) -> ScriptableEnergy:
        """Return the energy in TorchScript; see `alchemi_core.scripting`.

        Two atoms without parameters for each other stop it when they come within the cutoff, not before.
        """
        collapses = getattr(self, "collapse", "allow") == "error"
        columns = self._columns(torch.zeros((), dtype=torch.float64, device=self._cutoff.device))
        if collapses:  # what looks for it reads the terms of all such potentials
            zero = torch.zeros_like(columns["A"])
            columns = {"sigma": zero, "D": zero} | columns
        module = ScriptedPairs(self.curve, self.kinds, columns, who=self.who, guarded=collapses)
        return ScriptableEnergy(module, self.truncation.reach)

    def _inside(self, view: ModelView, edges: Edges) -> tuple[Edges, Columns]:
        """Return the pairs that interact, with the parameters of each."""
        rows, columns = self.kinds(view, edges), self._columns(view.positions)
        if self.kinds.has_silent or self.truncation.differ:
            reach = columns["cutoff"].index_select(0, rows.clamp(min=0))
            keep = (rows >= 0) & (edges.distance < reach)
            edges, rows = edges.where(keep), rows[keep]
        if len(self.truncation.cutoffs) == 1:
            return edges, columns
        return edges, {name: column.index_select(0, rows) for name, column in columns.items()}

    def _columns(self, like: Tensor) -> Columns:
        """Return parameters, lengths and shifts by pair of elements, each Tensor [P], in the type of `like`."""
        columns = {name: value.to(like) for name, value in self.coefficients.items()}
        columns["cutoff"] = self._cutoff.to(like)
        if self._switch is not None:
            columns["switch_on"] = self._switch.to(like)
        if self.truncation.shift:
            columns["shift"] = self.curve(columns["cutoff"], columns)
        return columns

    def _truncated(self, distance: Tensor, columns: Columns) -> Tensor:
        energy = self.curve(distance, columns)
        if self.truncation.shift:
            energy = energy - columns["shift"]
        if self._switch is None:
            return energy
        return energy * switch(distance, columns["switch_on"], columns["cutoff"])
