"""Models of the plugin that these tests install: harmonic springs between all pairs within a cutoff."""

import time

import torch

from alchemi_core.contract import Analytic, Constant, OnGraph
from alchemi_core.errors import GeometryError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors


class Springs(BaseModelMixin):
    """½ k (r − r0)² for each pair, everything in closed form; notes what it was asked."""

    def __init__(self, k=1.0, r0=1.0, cutoff=1.4, name="springs"):
        self.k, self.r0, self.asked = k, r0, []
        self.model_config = ModelConfig(
            name=name,
            outputs={"energy": Analytic(), "forces": Analytic(), "stress": Analytic(), "charges": Constant()},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
            citations=("R. Hooke, De potentia restitutiva (1678)",),
        )

    def compute(self, view, requested):
        self.asked.append(requested)
        i = view.neighbors.neighbor_list[:, 0].long()
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        r = vectors.norm(dim=1, keepdim=True)
        pull = self.k * (r - self.r0) / r * vectors
        system = view.batch_idx[i]
        energy = view.positions.new_zeros(view.num_systems, 1)
        energy = energy.index_add(0, system, 0.25 * self.k * (r - self.r0) ** 2)
        outputs = {
            "energy": energy,
            "forces": torch.zeros_like(view.positions).index_add(0, i, pull),
            "charges": view.atomic_numbers.to(view.positions.dtype) / 10,
        }
        if "stress" in requested:
            virial = view.positions.new_zeros(view.num_systems, 3, 3)
            virial = virial.index_add(0, system, 0.5 * pull[:, :, None] * vectors[:, None, :])
            outputs["stress"] = virial / torch.linalg.det(view.cell).abs()[:, None, None]
        return {name: outputs[name] for name in requested}


class Brittle(Springs):
    """Breaks at a given evaluation, with an error of alchemi or of Python."""

    def __init__(self, after=3, own=True, **options):
        super().__init__(**options)
        self.after, self.own = after, own

    def compute(self, view, requested):
        if len(self.asked) == self.after:
            raise (GeometryError if self.own else ZeroDivisionError)("the spring broke")
        return super().compute(view, requested)


class Souring(Springs):
    """Gives forces that are no numbers after some evaluations."""

    def __init__(self, after=3, **options):
        super().__init__(**options)
        self.after = after

    def compute(self, view, requested):
        outputs = super().compute(view, requested)
        if len(self.asked) > self.after:
            outputs["forces"] = outputs["forces"] * torch.nan
        return outputs


class Slow(Springs):
    """Takes its time."""

    def __init__(self, seconds=0.02, **options):
        super().__init__(**options)
        self.seconds = seconds

    def compute(self, view, requested):
        time.sleep(self.seconds)
        return super().compute(view, requested)


class Blind(BaseModelMixin):
    """An energy of NaN."""

    def __init__(self):
        self.model_config = ModelConfig(name="blind", outputs={"energy": OnGraph()}, supports_pbc=True)

    def compute(self, view, requested):
        return {"energy": (view.positions.sum() * torch.nan).expand(view.num_systems, 1)}


class Hydrogen(Springs):
    """Springs between hydrogen atoms only."""

    def __init__(self):
        super().__init__(name="hydrogen")
        import attrs

        self.model_config = attrs.evolve(self.model_config, elements={1})
