"""d²E/ds² along the unit vector of a system's forces."""

from typing import ClassVar

import attrs
import torch

from alchemi_core import DerivativeOf
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import OptionError

METHODS = ("graph", "differences")


@attrs.frozen(kw_only=True)
class Curvature:
    """The curvature [B, 1], eV/Å²: from the graph, or from forces at two displaced geometries.

    Parameters
    ----------
    method : {"graph", "differences"}
        How it is taken.
    step : float, Å
        Displacement of the differences.
    """

    name: ClassVar[str] = "curvature"
    serves: ClassVar[dict[str, DerivativeOf]] = {"curvature": DerivativeOf(order=2)}

    method: str = attrs.field(default="graph")
    step: float = 1e-4

    @method.validator
    def _known(self, attribute, value):
        if value not in METHODS:
            raise OptionError(f"method={value!r}", expected=f"one of {METHODS}", who="curvature", fix="method='graph'")

    @property
    def samples(self):
        """Forces elsewhere, where the graph is not used."""
        return frozenset({"forces"}) if self.method == "differences" else frozenset()

    def prepare(self, state):
        """Put the batch on leaves, where the graph is used."""
        return (state.data, state) if self.samples else (with_leaves(state),) * 2

    def finish(self, energy, tape, requested):
        """Return uᵀHu for the unit vector u of the forces."""
        return {"curvature": self._sampled(tape) if self.samples else self._on_graph(energy, tape)}

    def _on_graph(self, energy, data):
        (gradient,) = torch.autograd.grad(energy.sum(), data.positions, create_graph=True)
        along = unit(gradient.detach(), data)
        (product,) = torch.autograd.grad((gradient * along).sum(), data.positions)
        return per_system(product * along, data)

    def _sampled(self, state):
        along = unit(state.sample(state.data, {"forces"})["forces"], state.data)
        moved = [state.data.positions + sign * self.step * along for sign in (1.0, -1.0)]
        ahead, behind = (state.sample(state.data.with_fields(positions=x), {"forces"})["forces"] for x in moved)
        return per_system((behind - ahead) * along, state.data) / (2.0 * self.step)


def per_system(vectors, data):
    """Sum [N, 3] over the atoms and axes of each system: [B, 1]."""
    return vectors.new_zeros(data.num_systems).index_add(0, data.batch_idx, vectors.sum(1)).unsqueeze(1)


def unit(vectors, data):
    """Scale [N, 3] so that it is a unit vector of each system."""
    return vectors / per_system(vectors.square(), data).sqrt()[data.batch_idx]
