"""E = Σ ½ r², by models with a habit."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

from alchemi_core import BaseModelMixin, ModelConfig, OnGraph

RADON = 86


class _Well(BaseModelMixin):
    def __init__(self, name: str) -> None:
        self.model_config = ModelConfig(
            name=name, outputs={"energy": OnGraph("positions")}, supports_pbc=True, needs_pbc=False
        )

    def compute(self, view, requested):
        each = 0.5 * view.positions.square().sum(1)
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}


class Lethal(_Well):
    """Is killed at radon, as by the kernel where memory runs out."""

    def __init__(self) -> None:
        super().__init__("lethal")

    def compute(self, view, requested):
        if (view.atomic_numbers == RADON).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compute(view, requested)


class Slow(_Well):
    """Takes some time for each structure."""

    def __init__(self, seconds: float = 0.02) -> None:
        super().__init__("slow")
        self.seconds = seconds

    def compute(self, view, requested):
        time.sleep(self.seconds * view.num_systems)
        return super().compute(view, requested)


class Broken(_Well):
    """Cannot be made in a worker: there it kills the process, as weights do that do not fit into memory."""

    def __init__(self) -> None:
        super().__init__("broken")
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)


class Parental(_Well):
    """Lets a process of its own do the work, and ends it after that; at radon this one dies before."""

    def __init__(self) -> None:
        super().__init__("parental")

    def compute(self, view, requested):
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.map(abs, [-1]) == [1]
            if (view.atomic_numbers == RADON).any():
                os.kill(os.getpid(), signal.SIGKILL)
        return super().compute(view, requested)
