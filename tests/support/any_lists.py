"""Models that read lists of any layout and look at what they get, and their energies by hand."""

import torch
from support import byhand
from support.pipelines import autograd, pipeline
from support.toys import per_system, window

from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.formats import to_matrix
from alchemi_core.neighbors.geometry import filled, pair_vectors
from alchemi_core.neighbors.halves import to_half
from alchemi_core.testing.list_promises import read

LAYOUTS = [(format_, half) for format_ in ("coo", "matrix") for half in (False, True)]


class AnyList(BaseModelMixin):
    """The energy of `Gaussians` from a list of any layout; it looks at what it gets."""

    def __init__(self, format_, half, cutoff=4.0, strength=1.0, **need):
        self.cutoff, self.strength = cutoff, strength
        need = NeighborConfig(cutoff, format=format_, half_list=half, **need)
        self.model_config = ModelConfig(
            name=f"{format_}-{'half' if half else 'full'}",
            outputs={"energy": OnGraph()},
            supports_pbc=True,
            neighbor_config=need,
        )

    def compute(self, view, requested):
        need, got = self.model_config.neighbor_config, view.neighbors
        read(got, need, view.num_atoms, view.positions.device, self.model_config.name)
        r = pair_vectors(view.positions, view.cell, got, view.batch_idx).norm(dim=-1)
        if need.format.value == "matrix":
            mask = filled(got)
            i = torch.arange(view.num_atoms)[:, None].expand_as(r)[mask]
            r = r[mask]
        else:
            i = got.neighbor_list[:, 0].long()
        assert r.numel() == 0 or r.max() < self.cutoff
        factor = (1.0 if need.half_list else 0.5) * self.strength
        pair = factor * torch.exp(-((r / 2.0) ** 2)) * window(r, self.cutoff)
        return {"energy": per_system(view, (view.positions.sum(1) * 0.0).index_add(0, i, pair))}


def all_layouts(policy=None, **settings):
    models = [AnyList(format_, half, cutoff) for cutoff in (3.0, 4.0, 5.5) for format_, half in LAYOUTS]
    return pipeline(autograd(*models), neighbor_adaptation=policy, **settings)


def energy_of_all(batch):
    return 4 * sum(byhand.gaussians(batch, cutoff=cutoff) for cutoff in (3.0, 4.0, 5.5))


def own_list(batch, cutoff, layout, half):
    made = brute_force.build(batch, cutoff, 0.0)
    made = to_half(made) if half else made
    return to_matrix(made) if layout == "matrix" else made
