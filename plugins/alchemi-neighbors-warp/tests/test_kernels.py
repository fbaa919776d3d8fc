"""Kernels as compiled: no fused multiply-add, and nothing loaded twice."""

import re

import numpy as np
import pytest
import torch
import warp as wp
from alchemi_neighbors_warp import grid_kernels, kernels, writers
from alchemi_neighbors_warp.converting import convert
from alchemi_neighbors_warp.launching import launch, numbers, vectors
from alchemi_neighbors_warp.loading import load
from alchemi_neighbors_warp.rows import Rows, Rule

from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.lists import MatrixList

from .strategies import COO, MATRIX, source_of


@pytest.fixture(scope="module")
def ptx(tmp_path_factory):
    """What NVIDIA's compiler, which comes with Warp and needs no device, makes of the kernels."""
    folder = tmp_path_factory.mktemp("ptx")
    paths = wp.compile_aot_module(kernels, arch=80, module_dir=folder, use_ptx=True)
    return paths[0].read_text(encoding="utf-8", errors="replace")


def test_no_product_is_fused_with_a_sum_on_cuda(ptx):
    """Products and sums carry their rounding, ``.rn``, which forbids the assembler to fuse them either."""
    measuring = 2 * len(writers.WRITERS) + 3
    assert ptx.count(".visible .entry") == 5 * len(writers.WRITERS) + 3
    assert not re.search(r"\bfma\S*\.f64|\b(mul|add|sub)\.f64", ptx)
    assert ptx.count("mul.rn.f64") >= 12 * measuring
    assert ptx.count("add.rn.f64") >= 12 * measuring


def test_the_other_kernels_compile_for_cuda(tmp_path):
    paths = wp.compile_aot_module(grid_kernels, arch=80, module_dir=tmp_path, use_ptx=True)
    assert paths[0].read_text(encoding="utf-8", errors="replace").count(".visible .entry") == 4


def test_everything_is_loaded_at_once_and_stays(batch):
    """A module loaded again during the capture of a CUDA graph would break it."""
    module, device = kernels.count_rows.module, load(kernels, torch.device("cpu"))
    before = {key: id(loaded) for key, loaded in module.execs.items()}
    assert before
    for layout, half in ((COO, False), (COO, True), (MATRIX, False), (MATRIX, True)):
        source = source_of(batch, 3.0, 0.0, layout, half=half)
        for index_dtype in ("int32", "int64"):
            convert(source, batch, NeighborConfig(2.5, index_dtype=index_dtype), False)
            convert(source, batch, NeighborConfig(2.5, MATRIX, index_dtype=index_dtype, width=99), False)
    assert {key: id(loaded) for key, loaded in module.execs.items()} == before
    assert load(kernels, torch.device("cpu")) is device


def test_addresses_beyond_32_bits(tmp_path, batch):
    """Rows of the result lie 2^30 bytes apart, in a file that is all holes: the last begins beyond 2^32."""
    apart, atoms, width = 2**28, 6, 3
    room = np.memmap(tmp_path / "holes", np.int32, "w+", shape=(atoms * apart,))
    matrix = torch.from_numpy(room).as_strided((atoms, width), (apart, 1))
    source = MatrixList(
        cutoff=1.0,
        half_list=False,
        neighbor_matrix=torch.arange(atoms * width, dtype=torch.int32).reshape(atoms, width),
        num_neighbors=torch.full((atoms,), width - 1, dtype=torch.int32),
        neighbor_matrix_shifts=torch.zeros(atoms, width, 3, dtype=torch.int32),
    )
    rows, rule = Rows.of(source), Rule.of(batch, 1.0, measure=False, halve=False)
    shifts, counts = torch.empty(atoms, width, 3, dtype=torch.int32), torch.empty(atoms, dtype=torch.int32)
    writer = writers.WRITERS[torch.int32].rows_to_matrix
    place = numbers(matrix), vectors(shifts), numbers(counts)
    launch(writer, rows.device, atoms, *rows.arguments, int(rule.halve), *rule.arguments, *place)
    assert (atoms - 1) * matrix.stride(0) * 4 > 2**32
    assert matrix.tolist() == [[3 * i, 3 * i + 1, atoms] for i in range(atoms)]
    assert counts.tolist() == [width - 1] * atoms
