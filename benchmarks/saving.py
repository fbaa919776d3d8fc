"""Saving and loading a pipeline with 1 GB of weights, against reading the bytes, safetensors and torch.

    python benchmarks/saving.py [--gigabytes 1.0]

Every file is read once before the clock starts, so that all are equally warm. Each figure is the best of three.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch

from alchemi_core import (
    BaseModelMixin,
    ModelConfig,
    ModelOffer,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    Registry,
    create_model,
    load_pipeline,
)
from alchemi_core.cli.file_view import FileView
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import default_registry

if TYPE_CHECKING:
    from collections.abc import Callable

LAYER = 2048


class Wide(torch.nn.Module, BaseModelMixin):
    """A model whose weights are never looked at.

    Parameters
    ----------
    layers : int
        Square matrices of 2048 rows, float32.
    """

    def __init__(self, *, layers: int) -> None:
        super().__init__()
        matrices = (torch.nn.Parameter(torch.empty(LAYER, LAYER)) for _ in range(layers))
        self.matrices = torch.nn.ParameterList(matrices)
        self.model_config = ModelConfig(name="wide", outputs={"energy": OnGraph("positions")})

    def compute(self, view: Any, requested: frozenset[str]) -> dict[str, torch.Tensor]:
        """Return no energy."""
        del requested
        return {"energy": view.positions.sum().reshape(1, 1) * 0.0}


def best(action: Callable[[], Any], repeats: int = 3) -> float:
    """Time an action in seconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    layers = max(1, round(parser.parse_args().gigabytes * 1e9 / (4 * LAYER**2)))
    offer = ModelOffer(name="wide", summary="for this benchmark", target=f"{Path(__file__).stem}:Wide")
    registry = Registry((*default_registry().records, PluginRecord("wide", "wide", "1.0", (offer,))))
    pipe = PipelineModelWrapper(
        [PipelineGroup([create_model("wide", registry=registry, layers=layers)])], registry=registry
    )
    for matrix in pipe.models[0].matrices:
        torch.nn.init.normal_(matrix)
    with tempfile.TemporaryDirectory() as folder:
        measure(pipe, registry, Path(folder))


def measure(pipe: PipelineModelWrapper, registry: Registry, folder: Path) -> None:
    """Write the three files and time each way of using them."""
    ours, plain, pickled = folder / "pipe.alchemi", folder / "plain.safetensors", folder / "pickled.pt"
    state = dict(pipe.models[0].state_dict())
    saving = {
        "pipe.save": lambda: pipe.save(ours),
        "safetensors save_file": lambda: safetensors.torch.save_file(state, plain),
        "torch.save": lambda: torch.save(state, pickled),
    }
    loading = {
        "read the bytes": ours.read_bytes,
        "load_pipeline": lambda: load_pipeline(ours, registry=registry),
        "safetensors load_file": lambda: safetensors.torch.load_file(plain),
        "torch.load": lambda: torch.load(pickled, weights_only=True),
        "read the head": lambda: FileView.read(ours),
    }
    for actions in saving, loading:
        times = {name: best(action) for name, action in actions.items()}
        first = next(iter(times.values()))
        for name, seconds in times.items():
            print(f"{name:24s} {seconds:8.4f} s   {seconds / first:6.2f}")
    print(f"{ours.stat().st_size / 1e9:.2f} GB, {torch.get_num_threads()} threads of torch")


if __name__ == "__main__":
    main()
