"""Models with the kinds of tensors and options that files are to bring back."""

import torch
from support.toys import GEOMETRY, pair_distances, per_system, window

from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig


def config(name, cutoff=None, **more):
    lists = None if cutoff is None else NeighborConfig(cutoff)
    return ModelConfig(
        name=name, outputs={"energy": OnGraph(GEOMETRY)}, supports_pbc=True, neighbor_config=lists, **more
    )


def nothing(view):
    return {"energy": per_system(view, view.positions.sum(1) * 0.0)}


class Network(torch.nn.Module, BaseModelMixin):
    """E = ½ Σ f(r)·w(r): a small network of distances, whose centres are worked out and not part of its state."""

    def __init__(self, width=4, seed=0, name="network", cutoff=4.0, tied=False):
        super().__init__()
        self.cutoff = cutoff
        self.register_buffer("centres", torch.linspace(0.5, 3.5, width, dtype=torch.float64) / 3.0, persistent=False)
        self.register_buffer("shift", torch.tensor(0.125, dtype=torch.float64))
        source = torch.Generator().manual_seed(seed)
        self.first = torch.nn.Parameter(torch.rand(width, width, generator=source, dtype=torch.float64))
        self.second = self.first if tied else torch.nn.Parameter(self.first.detach().flip(0).clone())
        self.model_config = config(name, cutoff)

    def compute(self, view, requested):
        i, _, r = pair_distances(view)
        features = torch.exp(-((r.unsqueeze(1) / 3.0 - self.centres.to(r.dtype)) ** 2))
        hidden = torch.tanh(features @ self.first.to(r.dtype)) @ self.second.to(r.dtype)
        pair = 0.5 * (hidden.sum(1) + self.shift.to(r.dtype)) * window(r, self.cutoff)
        return {"energy": per_system(view, (view.positions.sum(1) * 0.0).index_add(0, i, pair))}


class Layered(torch.nn.Module, BaseModelMixin):
    """A network of layers, as many are; its energy is that of a place."""

    def __init__(self):
        super().__init__()
        sizes = {"dtype": torch.float64}
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(1, 4, **sizes), torch.nn.ReLU(), torch.nn.Linear(4, 1, **sizes)
        )
        self.model_config = config("layered")

    def compute(self, view, requested):
        return {"energy": per_system(view, self.layers(view.positions[:, :1].to(torch.float64)).flatten())}


class Anything(BaseModelMixin):
    """Keeps whatever options it is given; its energy is zero."""

    def __init__(self, **options):
        self.options = options
        self.model_config = config("anything")

    def compute(self, view, requested):
        return nothing(view)


class Holder(torch.nn.Module, BaseModelMixin):
    """Has one tensor of any shape and type as a buffer; its energy is zero."""

    def __init__(self, shape=(2,), dtype=torch.float64):
        super().__init__()
        self.register_buffer("held", torch.zeros(shape, dtype=dtype))
        self.model_config = config("holder")

    def compute(self, view, requested):
        return nothing(view)


class Opener(BaseModelMixin):
    """Reads a file when it is made: what a hostile file would like to aim at."""

    def __init__(self, checkpoint="", trusted=False):
        self.content = open(checkpoint).read() if checkpoint else ""  # noqa: PTH123, SIM115 - as plugins do
        self.model_config = config("opener")

    def compute(self, view, requested):
        return nothing(view)
