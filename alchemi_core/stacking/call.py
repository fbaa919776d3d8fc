"""Call: one evaluation of a stack, from a batch to outputs with an axis of members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch.func import functional_call, vmap

from alchemi_core.data.view import ModelView
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.base import GroupState
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import ModelOutputError, UnknownOutputError, WiringError, nearest
from alchemi_core.quantities import GEOMETRY, QUANTITIES
from alchemi_core.sampling import refuse_samples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.models import ModelConfig
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.stacking.form import Form, Runner

_STRAINED = frozenset({"stress", "virial"})


@attrs.frozen(eq=False)
class Call:
    """One evaluation of a stack.

    Parameters
    ----------
    form : Form
        What is evaluated.
    batch : Batch
        The systems.
    neighbors : CooList or MatrixList, or None
        Their list.
    given : frozenset of str
        Outputs wanted of the members, the energy where it is differentiated.
    derived : frozenset of str
        Derivatives wanted of it.
    names : frozenset of str
        All that was asked.
    differentiable : bool
        Whether outputs stay on the graph.
    """

    form: Form
    batch: Batch
    neighbors: NeighborList | None
    given: frozenset[str]
    derived: frozenset[str]
    names: frozenset[str]
    differentiable: bool

    @classmethod
    def of(
        cls,
        form: Form,
        batch: Batch,
        neighbors: NeighborList | None,
        names: frozenset[str],
        *,
        differentiable: bool,
    ) -> Call:
        """Sort out what is asked.

        Raises
        ------
        UnknownOutputError
            If the members cannot give it.
        WiringError
            If they lack an input.
        """
        config = form.config
        derived = names - config.outputs
        if unknown := sorted(derived - config.autograd_outputs):
            raise _unknown(unknown[0], config)
        _check_inputs(config, batch, neighbors)
        given = (names & config.outputs) | ({"energy"} if derived else frozenset())
        return cls(form, batch, neighbors, given, derived, names, differentiable)

    @property
    def count(self) -> int:
        """Number of members K."""
        return len(self.form.marks.models)

    def run(self) -> dict[str, Tensor]:
        """Evaluate, and differentiate the sum of all energies once: every member has positions and cells of its own."""
        copies = self._copies()
        values = self._members(copies)
        if copies is not None:
            energy = values["energy"].reshape(-1, 1)
            found = energy_derivatives(energy, copies, self.derived, create_graph=self.differentiable)
            values |= {name: value.unflatten(0, (self.count, -1)) for name, value in found.items()}
        return {name: value for name, value in values.items() if name in self.names}

    def _copies(self) -> Batch | None:
        """Return the systems of all members one after the other on leaves; None where nothing is differentiated."""
        if not self.derived:
            return None
        several = self.batch.repeated(self.count)
        return with_leaves(GroupState(several, refuse_samples("stack"), self.differentiable))

    def _members(self, copies: Batch | None) -> dict[str, Tensor]:
        """Run the members side by side."""
        own = self.form.stacked()
        geometry = {} if copies is None else self._geometry(copies)
        inputs = self._inputs()
        numbers = torch.arange(self.count, device=self.batch.device)  # so that there is something to map in any case
        with self.form.runner() as runner:

            def member(_: Tensor, own: Mapping[str, Tensor], geometry: Mapping[str, Tensor]) -> dict[str, Tensor]:
                return self._compute(runner, own, {**inputs, **geometry})

            values: dict[str, Tensor] = vmap(member)(numbers, own, geometry)
        return {name: self._checked(name, value) for name, value in values.items()}

    def _geometry(self, copies: Batch) -> dict[str, Tensor]:
        """Return what each member has for itself: positions [K, N, 3], cells [K, B, 3, 3] where stress is asked."""
        apart = {"positions": copies.positions}
        if self.derived & _STRAINED and copies.cell is not None and "cell" in self.form.config.autograd_inputs:
            apart["cell"] = copies.cell
        sizes = {"positions": self.batch.num_atoms, "cell": self.batch.num_systems}
        return {name: value.view(self.count, sizes[name], *value.shape[1:]) for name, value in apart.items()}

    def _inputs(self) -> dict[str, Tensor | None]:
        """Return what all members see alike."""
        config = self.form.config
        known = GEOMETRY | config.required_inputs | config.optional_inputs
        found = {name: self.batch.get(name) for name in known}
        if self.differentiable:
            return found
        return {name: None if value is None else value.detach() for name, value in found.items()}

    def _compute(self, runner: Runner, own: Mapping[str, Tensor], inputs: Any) -> dict[str, Tensor]:
        form = self.form
        view = ModelView(inputs, self.batch, self.neighbors, form.config.name)
        answer = functional_call(runner, {**own, **form.shared}, (view, self.given))
        if missing := sorted(self.given - answer.keys()):
            raise ModelOutputError(
                f"was asked for {missing[0]!r} and returned {sorted(answer)}",
                expected="every requested output, as its config declares",
                who=form.config.name,
            )
        return {name: answer[name] for name in self.given}

    def _checked(self, name: str, value: Tensor) -> Tensor:
        quantity, batch = QUANTITIES.get(name), self.batch
        if quantity is not None and not quantity.fits(tuple(value.shape[1:]), batch.num_atoms, batch.num_systems):
            raise ModelOutputError(
                f"returned {name} of shape {list(value.shape[1:])}",
                expected=f"{quantity.written_shape(batch.num_atoms, batch.num_systems)}",
                who=self.form.config.name,
            )
        return value.to(batch.dtype) if value.is_floating_point() else value


def _check_inputs(config: ModelConfig, batch: Batch, neighbors: NeighborList | None) -> None:
    lacking = sorted(name for name in config.required_inputs if batch.get(name) is None)
    if config.needs_neighborlist and neighbors is None:
        lacking.append("a neighbor list")
    if lacking:
        raise WiringError(
            f"the batch comes without {lacking[0]}", expected="all that the members read", who=f"stack of {config.name}"
        )


def _unknown(name: str, config: ModelConfig) -> UnknownOutputError:
    known = config.outputs | config.autograd_outputs
    close = nearest(name, known)
    return UnknownOutputError(
        f"was asked for {name!r}",
        expected=f"some of {', '.join(sorted(known))}",
        who=f"stack of {config.name}",
        fix=f"ask for {close!r}" if close else "",
    )
