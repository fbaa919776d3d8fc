"""On a CUDA device: Warp where it can, s-dftd3 by way of the host where it cannot."""

import pytest
import torch

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

pytestmark = pytest.mark.gpu
REQUESTED = {"energy", "forces", "virial"}


@pytest.fixture(scope="module")
def batch(structures, slab, wire):
    assert torch.cuda.is_available(), "these tests need a CUDA device"
    return Batch.from_ase([*structures.values(), slab, wire])


def run(batch, **options):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("dftd3", functional="pbe", **options)])])
    return pipe(batch, requested=REQUESTED)


@pytest.mark.parametrize("backend", ["auto", "warp"])
def test_warp_on_the_device(batch, backend):
    exact, found = run(batch, backend="s-dftd3"), run(batch.to("cuda"), backend=backend)
    torch.testing.assert_close(found["energy"].cpu(), exact["energy"], rtol=1.5e-5, atol=1e-9)
    for name, share in (("forces", 3e-4), ("virial", 7e-4)):
        assert found[name].is_cuda
        error = (found[name].cpu() - exact[name]).abs().max()
        assert 0.0 < error <= share * exact[name].abs().max()


@pytest.mark.parametrize("options", [{"backend": "s-dftd3"}, {"damping": "zero"}])
def test_by_way_of_the_host(batch, options):
    exact, found = run(batch, **{**options, "backend": "s-dftd3"}), run(batch.to("cuda"), **options)
    for name in REQUESTED:
        assert found[name].is_cuda
        torch.testing.assert_close(found[name].cpu(), exact[name], rtol=1e-13, atol=1e-14)
