"""On a CUDA device: the same lists as on the CPU, to the last entry, without waiting, and in CUDA graphs."""

import itertools
import warnings
from contextlib import contextmanager

import attrs
import pytest
import torch
from alchemi_neighbors_warp.building import build
from alchemi_neighbors_warp.converting import convert
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core.data.batch import Batch
from alchemi_core.errors import GeometryError, NeighborError
from alchemi_core.neighbors import building
from alchemi_core.neighbors.adapting import adapt
from alchemi_core.neighbors.capacity import MAX_ENTRIES, check_capacity
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.formats import with_index_dtype
from alchemi_core.neighbors.lists import MatrixList
from alchemi_core.testing.neighbor_suite import builder_checks, converter_checks

from .strategies import COO, MATRIX, assert_same, pair_set, tensors

pytestmark = pytest.mark.gpu
KINDS = tuple(itertools.product((COO, MATRIX), (False, True)))
WIDTH = 96


@pytest.fixture(autouse=True)
def device():
    assert torch.cuda.is_available(), "these tests need a CUDA device"
    return torch.device("cuda", torch.cuda.current_device())


@pytest.fixture
def liquid(device):
    """A crystal and molecules, rattled, large enough for many blocks of threads."""
    crystal = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (4, 4, 4)
    crystal.rattle(0.2, seed=1)
    return Batch.from_ase([crystal, *(molecule("CH3CH2OH") for _ in range(40)), Atoms()], device=device)


@contextmanager
def waits(mode):
    """Have torch notice whenever the host waits for the device; gives the list of its warnings."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode(mode)
        try:
            yield seen
        finally:
            torch.cuda.set_sync_debug_mode(before)


def on(device, neighbors):
    """A list moved to a device."""
    return attrs.evolve(neighbors, **{name: tensor.to(device) for name, tensor in tensors(neighbors).items()})


def source(batch, layout, half, *, cutoff=4.0, skin=0.5):
    """A list made by the core on the CPU, on the batch's device."""
    full = building.build(batch.to("cpu"), cutoff, skin)
    need = NeighborConfig(cutoff, layout, half)
    made = convert(attrs.evolve(full, skin=0.0, cutoff=cutoff), batch.to("cpu"), need, False)
    return on(batch.device, attrs.evolve(made, skin=skin))


@pytest.mark.parametrize("check", builder_checks(build, ["cuda"]), ids=str)
def test_builder_conforms(check):
    check()


@pytest.mark.parametrize("check", converter_checks(convert, ["cuda"]), ids=str)
def test_converter_conforms(check):
    check()


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize(("wanted", "wants_half"), KINDS)
@pytest.mark.parametrize(("given", "index_dtype"), [("int32", "int32"), ("int64", "int32"), ("int32", "int64")])
def test_the_list_of_the_core_to_the_last_entry(
    liquid, reference, layout, half, wanted, wants_half, given, index_dtype
):
    made = with_index_dtype(source(liquid, layout, half), given)
    width = WIDTH if wanted is MATRIX else None
    need = NeighborConfig(3.5, wanted, wants_half, width=width, index_dtype=index_dtype)
    expected = adapt(on("cpu", made), liquid.to("cpu"), need, reference, stale=True)
    assert_same(convert(made, liquid, need, True), on(liquid.device, expected))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_builder_finds_what_the_core_finds(liquid, dtype):
    batch = liquid.to(dtype=dtype)
    built = build(batch, 6.0, 0.5)
    assert pair_set(built) == pair_set(building.build(batch.to("cpu"), 6.0, 0.5))
    assert_same(built, on(batch.device, build(batch.to("cpu"), 6.0, 0.5)))


def test_every_run_gives_the_same_order(liquid):
    first = build(liquid, 6.0, 0.0)
    half = source(liquid, COO, True)
    doubled = convert(half, liquid, NeighborConfig(3.5), True)
    for _ in range(5):
        assert_same(build(liquid, 6.0, 0.0), first)
        assert_same(convert(half, liquid, NeighborConfig(3.5), True), doubled)


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize("wants_half", [False, True])
@pytest.mark.parametrize("index_dtype", ["int32", "int64"])
def test_no_wait_with_a_fixed_width(liquid, layout, half, wants_half, index_dtype):
    made = source(liquid, layout, half)
    need = NeighborConfig(3.5, MATRIX, wants_half, width=WIDTH, index_dtype=index_dtype)
    first = convert(made, liquid, need, True)
    with waits("error"):
        again = convert(made, liquid, need, True)
    assert_same(again, first)


@pytest.mark.parametrize("half", [False, True])
def test_a_matrix_keeps_its_width_rather_than_wait(liquid, half):
    made = source(liquid, MATRIX, half)
    need = NeighborConfig(3.0, MATRIX, half_list=True)
    convert(made, liquid, need, True)
    with waits("error"):
        found = convert(made, liquid, need, True)
    assert found.neighbor_matrix.shape == made.neighbor_matrix.shape
    check_capacity(found)


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize("wanted", [COO, MATRIX])
def test_one_wait_sizes_a_result(liquid, layout, half, wanted):
    made, need = source(liquid, layout, half), NeighborConfig(3.5, wanted)
    convert(made, liquid, need, True)
    with waits("warn") as seen:
        convert(made, liquid, need, True)
    expected = 0 if (layout, half, wanted) == (MATRIX, False, MATRIX) else 1
    assert len([one for one in seen if "synchroniz" in str(one.message)]) == expected


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize("wants_half", [False, True])
def test_capture_in_a_graph_and_replay_with_other_positions(liquid, layout, half, wants_half):
    made = source(liquid, layout, half)
    need = NeighborConfig(3.5, MATRIX, wants_half, width=WIDTH)
    convert(made, liquid, need, True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = convert(made, liquid, need, True)
    generator = torch.Generator(device=liquid.device).manual_seed(7)
    for _ in range(3):
        moves = torch.rand(liquid.positions.shape, generator=generator, dtype=liquid.dtype, device=liquid.device)
        liquid.positions.add_(0.1 * (moves - 0.5))
        graph.replay()
        assert_same(captured, convert(made, liquid, need, True))


def test_a_stream_of_the_callers_own(liquid):
    made, need = source(liquid, COO, True), NeighborConfig(3.5, MATRIX, width=WIDTH)
    expected, built = convert(made, liquid, need, True), build(liquid, 4.0, 0.0)
    torch.cuda.synchronize()
    for _ in range(3):
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            # if kernels ran elsewhere, they would read the positions before this long write
            moved = liquid.moved(liquid.positions + 0.0 * torch.rand(2**27, device=liquid.device).sum().double())
            found, pairs = convert(made, moved, need, True), build(moved, 4.0, 0.0)
        stream.synchronize()
        assert_same(found, expected)
        assert_same(pairs, built)


@pytest.mark.parametrize(("layout", "half"), KINDS)
@pytest.mark.parametrize("wants_half", [False, True])
def test_overflow_is_counted_and_reported(liquid, layout, half, wants_half):
    made = source(liquid, layout, half)
    whole = convert(made, liquid, NeighborConfig(3.5, MATRIX, wants_half, width=WIDTH), True)
    with waits("error"):
        cut = convert(made, liquid, NeighborConfig(3.5, MATRIX, wants_half, width=3), True)
    assert torch.equal(cut.num_neighbors, whole.num_neighbors)
    assert torch.equal(cut.neighbor_matrix, whole.neighbor_matrix[:, :3])
    assert torch.equal(cut.neighbor_matrix_shifts, whole.neighbor_matrix_shifts[:, :3])
    with pytest.raises(NeighborError, match=f"has {int(whole.num_neighbors.max())} neighbors"):
        check_capacity(cut)


@pytest.mark.parametrize("need", [NeighborConfig(3.0), NeighborConfig(3.0, MATRIX, width=WIDTH)])
def test_what_overflowed_stays_reported(liquid, need):
    made = source(liquid, MATRIX, False)
    cut = attrs.evolve(
        made,
        neighbor_matrix=made.neighbor_matrix[:, :4],
        neighbor_matrix_shifts=made.neighbor_matrix_shifts[:, :4],
    )
    with pytest.raises(NeighborError, match="neighbors"):
        check_capacity(convert(cut, liquid, need, True))


def test_a_list_on_the_host_is_refused(liquid):
    with pytest.raises(NeighborError, match="a list on cpu"):
        convert(on("cpu", source(liquid, COO, False)), liquid, NeighborConfig(3.0), True)


def test_atoms_beyond_reach_of_int32_are_refused(device):
    lost = Atoms("Ar2", [[0, 0, 0], [0, 3e12, 0]], cell=[3, 3, 3], pbc=True)
    with pytest.raises(GeometryError, match="atom 1 of its system"):
        build(Batch.from_ase([Atoms("Ar"), lost], device=device), 1.5, 0.0)


def test_the_largest_matrix(device):
    """Its shifts take 3 GiB, so that their addresses need more than 31 bits."""
    atoms, width = 2**20, MAX_ENTRIES // 2**20
    chain = Batch(
        positions=torch.arange(atoms, device=device)[:, None] * torch.tensor([1.0, 0.0, 0.0], device=device),
        atomic_numbers=torch.ones(atoms, dtype=torch.int64, device=device),
        batch_idx=torch.zeros(atoms, dtype=torch.int64, device=device),
        num_systems=1,
    )
    ahead = torch.arange(1, width + 1, dtype=torch.int32, device=device)
    matrix = torch.arange(atoms, dtype=torch.int32, device=device)[:, None] + ahead
    counts = (matrix < atoms).sum(1).int()
    given = MatrixList(
        cutoff=float(width + 1),
        half_list=True,
        neighbor_matrix=matrix.clamp_(max=atoms),
        num_neighbors=counts,
        neighbor_matrix_shifts=torch.zeros(atoms, width, 3, dtype=torch.int32, device=device),
    )
    found = convert(given, chain, NeighborConfig(100.5, MATRIX, half_list=True, width=width), False)
    kept = torch.where(ahead <= 100, matrix, atoms)
    assert torch.equal(found.neighbor_matrix, kept)
    assert torch.equal(found.num_neighbors, counts.clamp(max=100))
    assert not found.neighbor_matrix_shifts.any()
    full = convert(given, chain, NeighborConfig(100.5), False)
    assert full.num_pairs == 2 * int(found.num_neighbors.sum())
    assert full.neighbor_list[-1].tolist() == [atoms - 1, atoms - 2]


def test_thousands_of_systems_in_one_call(device):
    batch = Batch.from_ase([molecule("H2"), molecule("H2O"), Atoms()] * 3000, device=device)
    built = build(batch, 2.0, 0.5)
    pairs = torch.bincount(batch.batch_idx[built.neighbor_list[:, 0].long()], minlength=batch.num_systems)
    assert pairs.tolist() == [2, 6, 0] * 3000
