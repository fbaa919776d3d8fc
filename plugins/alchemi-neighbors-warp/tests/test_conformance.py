"""The conformance kit of alchemi. What is offered serves CUDA; the same kernels are checked here on the CPU."""

from __future__ import annotations

from alchemi_neighbors_warp.building import build
from alchemi_neighbors_warp.converting import convert

from alchemi_core.testing import NeighborSubject, parametrize_conformance


@parametrize_conformance(
    "alchemi-neighbors-warp",
    NeighborSubject("builder", build, name="warp-build-on-cpu"),
    NeighborSubject("convert", convert, name="warp-convert-on-cpu"),
)
def test_conformance(check):
    check()
