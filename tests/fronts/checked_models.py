"""Models of the plugin that the tests of ``alchemi check`` install: right, wrong, and such as do not work at all."""

import time

from alchemi_core import BaseModelMixin, ModelConfig, OnGraph
from alchemi_core.errors import OptionError


class Bonds(BaseModelMixin):
    """E = k/2 Σ_i |r_i - r|², r the mean of the system."""

    def __init__(self, k=1.0):
        if k <= 0:
            raise OptionError(f"k={k}", expected="a positive number", who="bonds")
        self.k = k
        self.model_config = ModelConfig(name="bonds", outputs={"energy": OnGraph({"positions"})})

    def from_middle(self, view):
        sums = view.positions.new_zeros(view.num_systems, 3).index_add(0, view.batch_idx, view.positions)
        counts = view.batch_idx.bincount(minlength=view.num_systems).clamp(min=1)
        return view.positions - (sums / counts[:, None])[view.batch_idx]

    def compute(self, view, requested):
        each = 0.5 * self.k * self.from_middle(view).square().sum(1)
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)[:, None]}


class Tether(Bonds):
    def from_middle(self, view):
        return view.positions


class Slow(Bonds):
    def from_middle(self, view):
        time.sleep(0.02)
        return super().from_middle(view)


class Rough(Bonds):
    def from_middle(self, view):
        return super().from_middle(view) + 1e-2 * view.positions


class Mute(Bonds):
    def compute(self, view, requested):
        raise KeyError("weights")


class Broken(Bonds):
    def __init__(self, k=1.0):
        raise RuntimeError("the weights are gone")


class Needy(Bonds):
    def __init__(self, checkpoint):
        super().__init__()
