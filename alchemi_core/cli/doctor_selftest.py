"""The self-test: a few seconds of small sums whose results are known. Imported behind a guard, since it needs torch."""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import torch
from ase.build import bulk

from alchemi_core.cli.doctor_section import Row, tried
from alchemi_core.data.batch import Batch
from alchemi_core.distributions import CORE, core_version
from alchemi_core.neighbors.adapting import adapt
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.offers import ModelOffer
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import create_model
from alchemi_core.serialization.loading import load_pipeline
from alchemi_core.testing.neighbor_cases import case_named
from alchemi_core.testing.neighbor_checks import check_builder, check_converter
from alchemi_core.testing.source_lists import SourceKind
from alchemi_core.toolkits import toolkit_for
from alchemi_core.topology import PipelineGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_core.neighbors.adapting import NeighborToolkit
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.registry import Registry

PROBE = "probe-of-the-doctor"
OUTPUTS = ("energy", "forces", "stress")
KINDS = tuple(product(NeighborListFormat, (False, True)))
FINE = 1e-7
"""How far derivatives may be from differences, eV/Å and eV/Å³: their truncation at the default step is 1e-9."""

ALIKE = 1e-10
"""How far results may be from each other that differ in the order of sums only."""


def checks(registry: Registry) -> tuple[Row, ...]:
    """Run all checks, each on its own, on the CPU and on CUDA where torch sees it.

    Parameters
    ----------
    registry : Registry
        Whose neighbor backends are examined.
    """
    able = with_probe(registry)
    actions: dict[str, Callable[[], None]] = {}
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        actions[f"{device} lists equal brute force"] = partial(check_lists, able, device)
        actions[f"{device} lists convert"] = partial(check_conversions, able, device)
        actions[f"{device} forces and stress"] = partial(check_derivatives, able, device)
    actions["saving and loading"] = partial(check_saving, able)
    if torch.cuda.is_available():
        actions["cuda equals cpu"] = partial(check_device, able, "cuda")
    return tuple(tried(name, partial(_passed, action)) for name, action in actions.items())


def _passed(action: Callable[[], None]) -> str:
    action()
    return "ok"


def with_probe(registry: Registry) -> Registry:
    """Return a registry that offers the probe too, so that it is made and loaded as any model is."""
    offer = ModelOffer(name=PROBE, summary="a Morse potential", target="alchemi_core.cli.doctor_probe:Morse")
    return attrs.evolve(registry, records=(*registry.records, PluginRecord(PROBE, CORE, core_version(), (offer,))))


def check_lists(registry: Registry, device: str) -> None:
    """Check the builder that is used on a device against brute force, on a crystal smaller than its cutoff."""
    build = toolkit_for(device, registry).build
    for name in ("triclinic", "cell-smaller-than-cutoff"):
        check_builder(build, case_named(name), torch.float64, device)


def check_conversions(registry: Registry, device: str) -> None:
    """Check that pairs and rows, whole and half, turn into each other on a device."""
    toolkit, case = toolkit_for(device, registry), case_named("triclinic")
    for source, wanted in product(KINDS, KINDS):
        need = NeighborConfig(case.cutoff, *wanted)
        check_converter(partial(_convert, toolkit), case, need, SourceKind(*source), torch.float64, device)


def _convert(
    toolkit: NeighborToolkit,
    source: NeighborList,
    batch: Batch,
    need: NeighborConfig,
    stale: bool,  # noqa: FBT001
) -> NeighborList:
    return adapt(source, batch, need, toolkit, stale=stale)


def check_derivatives(registry: Registry, device: str) -> None:
    """Check forces and stress from the graph against central differences."""
    graph, sampled = _pipeline(registry, device), _pipeline(registry, device, "finite-difference")
    _compare(graph(_crystal(device)), sampled(_crystal(device)), FINE)


def check_saving(registry: Registry) -> None:
    """Check that a pipeline from a file gives what the pipeline gave that was saved."""
    pipeline = _pipeline(registry, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.alchemi"
        pipeline.save(path)
        loaded = load_pipeline(path, registry=registry)
    _compare(loaded(_crystal("cpu")), pipeline(_crystal("cpu")), 0.0)


def check_device(registry: Registry, device: str) -> None:
    """Check that a device gives what the CPU gives."""
    here, there = _pipeline(registry, "cpu"), _pipeline(registry, device)
    _compare(there(_crystal(device)), here(_crystal("cpu")), ALIKE)


def _pipeline(registry: Registry, device: str, derivative: str | None = None) -> PipelineModelWrapper:
    model = create_model(PROBE, registry=registry, depth=0.34)
    group = PipelineGroup([model], use_autograd=True, derivative_fn=derivative)
    return PipelineModelWrapper([group], active_outputs=OUTPUTS, registry=registry).to(device)


def _crystal(device: str) -> Batch:
    """Return copper whose atoms are out of place, in a cell of no symmetry."""
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True)
    atoms.set_cell([[3.6, 0.2, 0.1], [0.0, 3.7, 0.3], [0.1, 0.0, 3.5]], scale_atoms=True)
    atoms.rattle(0.1, seed=1)
    return Batch.from_ase(atoms).to(device)


def _compare(results: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float) -> None:
    for name in OUTPUTS:
        torch.testing.assert_close(
            results[name].cpu(), expected[name].cpu(), rtol=0.0, atol=tolerance, msg=partial(_off, name)
        )


def _off(name: str, text: str) -> str:
    return f"{name}: {text}"
