"""Models of the plugin that these tests install: harmonic springs between all pairs within a cutoff."""

import time

import attrs
import torch

from alchemi_core.committees import committee
from alchemi_core.contract import Analytic, Constant, OnGraph
from alchemi_core.errors import GeometryError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.quantities import COULOMB_CONSTANT


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
        self.model_config = attrs.evolve(self.model_config, elements={1})


class Picky(Springs):
    """Breaks for structures of so many atoms, and no others, at a given evaluation of them."""

    def __init__(self, size=3, after=1, own=True, **options):
        super().__init__(**options)
        self.size, self.after, self.own, self.seen = size, after, own, 0

    def compute(self, view, requested):
        self.seen += view.num_atoms == self.size
        if view.num_atoms == self.size and self.seen > self.after:
            raise (GeometryError if self.own else ZeroDivisionError)("the spring broke")
        return super().compute(view, requested)


class Stressless(Springs):
    """Springs that do not know their stress."""

    def __init__(self):
        super().__init__(name="stressless")
        kinds = {name: kind for name, kind in self.model_config.kinds.items() if name != "stress"}
        self.model_config = attrs.evolve(self.model_config, outputs=kinds)


class Charged(BaseModelMixin):
    """An energy of 3 eV per unit of total charge and 5 eV per unpaired electron, whatever the geometry."""

    def __init__(self):
        outputs = {"energy": Analytic(), "forces": Analytic()}
        inputs = {"total_charge", "multiplicity"}
        self.model_config = ModelConfig(name="charged", outputs=outputs, optional_inputs=inputs, supports_pbc=True)

    def compute(self, view, requested):
        zero = view.positions.new_zeros(view.num_systems, 1)
        charge = zero if view.total_charge is None else view.total_charge
        unpaired = zero if view.multiplicity is None else view.multiplicity - 1.0
        outputs = {"energy": 3.0 * charge + 5.0 * unpaired, "forces": torch.zeros_like(view.positions)}
        return {name: outputs[name] for name in requested}


def doubtful(soft=1.0, hard=2.0):
    """Two springs that disagree; a committee of both."""
    return committee([Springs(k=soft, name="soft"), Springs(k=hard, name="hard")])


class Wells(BaseModelMixin):
    """½ k r² of each atom about the origin, on the graph."""

    def __init__(self, k=1.0):
        self.k = k
        self.model_config = ModelConfig(
            name="wells", outputs={"energy": OnGraph({"positions", "cell"})}, supports_pbc=True
        )

    def compute(self, view, requested):
        each = 0.5 * self.k * view.positions.square().sum(1)
        return {"energy": each.new_zeros(view.num_systems, 1).index_add(0, view.batch_idx, each[:, None])}


class Flow(BaseModelMixin):
    """Charges that flow over a bond: q_i = Σ_j s (Z_j − Z_i) exp(−r), on the graph through the geometry."""

    def __init__(self, scale=0.1, output="charges", cutoff=3.0):
        self.scale, self.output = scale, output
        self.model_config = ModelConfig(
            name="flow",
            outputs={output: OnGraph(("positions", "cell"))},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view, requested):
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        r = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1)
        z = view.atomic_numbers.to(r.dtype)
        charges = (view.positions.sum(1) * 0.0).index_add(0, i, self.scale * (z[j] - z[i]) * torch.exp(-r))
        return {self.output: charges}


class Coulomb(BaseModelMixin):
    """½ Σ q_i q_j / r in eV, e and Å, on the graph through geometry and charges."""

    def __init__(self, cutoff=3.0):
        self.model_config = ModelConfig(
            name="coulomb",
            outputs={"energy": OnGraph(("positions", "cell", "charges"))},
            required_inputs={"charges"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
            contains={"coulomb"},
            correction=True,
        )

    def compute(self, view, requested):
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        r = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1)
        pair = 0.5 * COULOMB_CONSTANT * view.charges[i] * view.charges[j] / r
        energy = view.positions.new_zeros(view.num_systems).index_add(0, view.batch_idx[i], pair)
        return {"energy": energy.unsqueeze(1)}
