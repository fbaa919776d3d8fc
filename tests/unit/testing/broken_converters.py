"""Converters with one defect each, of the kinds that real ones have."""

from __future__ import annotations

import math

import attrs
import numpy as np
import torch

from alchemi_core.neighbors.config import NeighborListFormat
from alchemi_core.neighbors.filtering import filter_list
from alchemi_core.neighbors.formats import to_coo, to_matrix, with_index_dtype
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.neighbors.halves import to_half
from alchemi_core.neighbors.lists import CooList
from alchemi_core.neighbors.selecting import select
from alchemi_core.testing.neighbor_suite import composed
from alchemi_core.testing.pair_tables import rows_of, shuffled

from .changing import chosen, rewritten

good = composed()


def edited(change):
    """A converter that gives the right list with something done to it."""

    def convert(source, batch, need, stale):
        result = good(source, batch, need, stale)
        return result if result is source else change(result, source)

    return convert


def on_pairs(change):
    return edited(lambda result, source: change(result) if isinstance(result, CooList) else result)


def on_matrices(change):
    return edited(lambda result, source: result if isinstance(result, CooList) else change(result))


drops_the_last_pair = on_pairs(lambda pairs: chosen(pairs, torch.arange(pairs.num_pairs) != pairs.num_pairs - 1))


def keeps_the_cutoff(source, batch, need, stale):
    """Asks for distances up to and including the cutoff."""
    wider = attrs.evolve(need, cutoff=min(source.cutoff, math.nextafter(need.cutoff, math.inf)))
    result = good(source, batch, wider, stale)
    return result if wider == need else attrs.evolve(result, cutoff=need.cutoff)


def halves_without_own_images(neighbors):
    half = to_half(neighbors)
    if isinstance(half, CooList):
        return chosen(half, half.neighbor_list[:, 0] != half.neighbor_list[:, 1])
    return half


def halves_with_both_own_images(neighbors):
    if neighbors.half_list or not isinstance(neighbors, CooList):
        return to_half(neighbors)
    kept = chosen(neighbors, neighbors.neighbor_list[:, 0] <= neighbors.neighbor_list[:, 1])
    return attrs.evolve(kept, half_list=True)


def halves_the_other_way(neighbors):
    if neighbors.half_list or not isinstance(neighbors, CooList):
        return to_half(neighbors)
    kept = set(map(tuple, rows_of(to_half(neighbors)).tolist()))
    keep = torch.tensor([tuple(row) not in kept for row in rows_of(neighbors).tolist()], dtype=torch.bool)
    return attrs.evolve(chosen(neighbors, keep), half_list=True)


pads_with_minus_one = on_matrices(
    lambda matrix: attrs.evolve(
        matrix, neighbor_matrix=matrix.neighbor_matrix.where(matrix.neighbor_matrix != matrix.padding, -1)
    )
)
leaves_shifts_in_padding = on_matrices(
    lambda matrix: attrs.evolve(
        matrix,
        neighbor_matrix_shifts=matrix.neighbor_matrix_shifts.where(
            (matrix.neighbor_matrix != matrix.padding)[..., None], 1
        ),
    )
)


def keeps_old_pointers(result, source):
    both = isinstance(result, CooList) and isinstance(source, CooList)
    return attrs.evolve(result, edge_ptr=source.edge_ptr.to(result.edge_ptr.dtype)) if both else result


def keeps_old_counts(result, source):
    if isinstance(result, CooList) or isinstance(source, CooList):
        return result
    width = result.neighbor_matrix.shape[1]
    return attrs.evolve(result, num_neighbors=source.num_neighbors.clamp(max=width).to(result.num_neighbors.dtype))


turns_rows_around = on_pairs(lambda pairs: rewritten(pairs, shuffled(rows_of(pairs))))
is_a_column_too_wide = on_matrices(lambda matrix: to_matrix(matrix, matrix.neighbor_matrix.shape[1] + 1))
gives_narrow_integers = edited(lambda result, source: with_index_dtype(result, "int32"))
keeps_the_label = edited(lambda result, source: attrs.evolve(result, cutoff=source.cutoff, skin=source.skin))


def truncates(source, batch, need, stale):
    """A row is as long as it may be, whatever that cuts off."""
    result = good(source, batch, attrs.evolve(need, width=None), stale)
    if need.width is None or isinstance(result, CooList):
        return result
    narrow = attrs.evolve(
        result,
        neighbor_matrix=result.neighbor_matrix[:, : need.width],
        neighbor_matrix_shifts=result.neighbor_matrix_shifts[:, : need.width],
        num_neighbors=result.num_neighbors.clamp(max=need.width),
    )
    return narrow if narrow.neighbor_matrix.shape[1] == need.width else to_matrix(narrow, need.width)


def wraps_the_size(source, batch, need, stale):
    """Computes N × K in 32 bits, which is negative or small where it is large."""
    huge = need.width is not None and need.width > 2**20
    return good(source, batch, attrs.evolve(need, width=None) if huge else need, stale)


def sorts_its_source(source, batch, need, stale):
    result = good(source, batch, need, stale)
    tensor = source.neighbor_list if isinstance(source, CooList) else source.neighbor_matrix
    tensor.copy_(tensor.sort(0).values)
    return result


def knows_one_cell(source, batch, need, stale):
    """Measures all systems in the cell of the second."""
    return good(source, batch.with_fields(cell=batch.cell[:1].expand_as(batch.cell)), need, stale)


def forgets_old_skins(source, batch, need, stale):
    """Does not measure where the cutoff is the same."""
    exact = need.cutoff == source.cutoff
    return good(attrs.evolve(source, skin=0.0) if exact else source, batch, need, stale and not exact)


def measures_before_atoms_moved(source, batch, need, stale):
    """Keeps distances of when the list was built, which only shows where atoms have moved."""
    return (
        good(source, batch.with_fields(positions=batch.positions * 0.97), need, stale)
        if stale
        else good(source, batch, need, stale)
    )


def reads_storage(source, batch, need, stale):
    """Takes all tensors for contiguous."""

    def raw(tensor):
        return torch.as_strided(tensor, tensor.shape, torch.empty(tensor.shape).stride())

    name = "neighbor_list" if isinstance(source, CooList) else "neighbor_matrix"
    tensor = getattr(source, name)
    if tensor.is_contiguous():
        return good(source, batch, need, stale)
    return good(attrs.evolve(source, **{name: raw(tensor) % (batch.num_atoms + 1)}), batch, need, stale)


def rounds_to_single(source, batch, need, stale):
    if need.cutoff == source.cutoff:
        return good(source, batch, need, stale)
    d = pair_vectors(batch.positions.float(), batch.cell.float(), source, batch.batch_idx)
    kept = select(source, d.norm(dim=-1) < need.cutoff, cutoff=need.cutoff, half_list=source.half_list, skin=0.0)
    return good(kept, batch, need, stale=False)


def by_other_roundings(measure):
    """A converter whose squared distances are right but for the last bit."""

    def convert(source, batch, need, stale):
        if need.cutoff == source.cutoff or not isinstance(source, CooList):
            return good(source, batch, need, stale)
        i, j, *shifts = rows_of(source).T
        places, cells = batch.positions.double().numpy(), batch.cell.double().numpy()[batch.batch_idx.numpy()[i]]
        squared = measure(places[j] - places[i], np.stack(shifts, axis=1), cells)
        keep = torch.from_numpy(squared < need.cutoff**2)
        kept = select(source, keep, cutoff=need.cutoff, half_list=source.half_list, skin=0.0)
        return good(kept, batch, need, False)

    return convert


@by_other_roundings
def sums_in_another_order(between, shifts, cells):
    """Adds up the lattice vectors before it adds the atoms' places."""
    return ((np.einsum("ek,ekx->ex", shifts, cells) + between) ** 2).sum(1)


@by_other_roundings
def fuses_roundings(between, shifts, cells):
    """Multiplies and adds with one rounding for both, as compilers do if they may."""
    vectors = between
    for k in range(3):
        product = shifts[:, k, None].astype(np.longdouble) * cells[:, k]
        vectors = (vectors + product).astype(float)
    total = np.zeros(len(vectors))
    for axis in range(3):
        total = (total + vectors[:, axis].astype(np.longdouble) ** 2).astype(float)
    return total


def doubles_upper_pairs_only(neighbors):
    """Adds (j, i) where i < j, as if every half list had its pairs that way round."""
    if not neighbors.half_list:
        return neighbors
    pairs = to_coo(neighbors)
    rows = rows_of(pairs)
    upper = rows[rows[:, 0] <= rows[:, 1]]
    back = np.concatenate([upper[:, [1, 0]], -upper[:, 2:]], axis=1)
    full = attrs.evolve(rewritten(pairs, np.concatenate([upper, back])), half_list=False)
    return full if isinstance(neighbors, CooList) else to_matrix(full)


def serves_a_longer_reader(source, batch, need, stale):
    """Takes the skin for a larger cutoff."""
    return good(attrs.evolve(source, cutoff=max(source.cutoff, need.cutoff)), batch, need, stale and source.skin > 0.0)


def trusts_an_old_list(source, batch, need, stale):
    return good(source, batch, need, stale and source.skin > 0.0)


def takes_any_atoms(source, batch, need, stale):
    if source.num_atoms == batch.num_atoms:
        return good(source, batch, need, stale)
    return attrs.evolve(source, cutoff=need.cutoff)


def copies_what_is_right(source, batch, need, stale):
    result = good(source, batch, need, stale)
    return attrs.evolve(result) if result is source else result


def answers_in_pairs_only(source, batch, need, stale):
    return good(source, batch, attrs.evolve(need, format=NeighborListFormat.COO, width=None), stale)


def leaves_the_graph_on(source, batch, need, stale):
    """Reads positions as arrays, which tensors that require grad do not allow."""
    batch.positions.numpy()
    return good(source, batch, need, stale)


class WritesIntoOneMatrix:
    """Every matrix is written into the same memory."""

    def __init__(self):
        self.memory = {}

    def __call__(self, source, batch, need, stale):
        result = good(source, batch, need, stale)
        if isinstance(result, CooList) or result is source:
            return result
        memory = self.memory.setdefault(result.neighbor_matrix.shape[0], torch.zeros(100_000, dtype=torch.int32))
        view = memory[: result.neighbor_matrix.numel()].view(result.neighbor_matrix.shape)
        view.copy_(result.neighbor_matrix)
        return attrs.evolve(result, neighbor_matrix=view)


def filters_by_the_old_cutoff(neighbors, batch, cutoff):
    return attrs.evolve(filter_list(neighbors, batch, neighbors.cutoff), cutoff=cutoff)
