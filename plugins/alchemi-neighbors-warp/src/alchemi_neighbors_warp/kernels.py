"""Warp kernels that write the wanted pairs of a list, in the list's order, and count them.

Indices of sources are int32; results have the integer type of the tensors they are written to. Where a pair goes is
known before it is written, so no two threads compete and every run gives the same list.

Products and sums are rounded one by one: the module is compiled without fused multiply-add, which would decide
otherwise than the core about pairs at the very edge of a cutoff.
"""
# mypy: ignore-errors
# Warp compiles these functions from their source: annotations are read as values, and types are those of its language.

from typing import Any

import warp as wp

from alchemi_neighbors_warp.reading import as_float, end_entry, first_entry, is_wanted, neighbor_of, shift_of

wp.set_module_options({"fuse_fp": False, "fast_math": False, "enable_backward": False})


@wp.kernel
def count_rows(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    starts: wp.array[wp.int32],
    coo: wp.int32,
    halve: wp.int32,
    limit: wp.float64,
    positions: wp.array[wp.vec3d],
    cells: wp.array[wp.mat33d],
    systems: wp.array[wp.int64],
    counts: wp.array[wp.int32],
) -> None:
    """Count the wanted entries of each row; one thread per row."""
    i = wp.tid()
    found = wp.int32(0)
    for entry in range(first_entry(starts, coo, i), end_entry(starts, coo, i, entries.shape[1])):
        shift = as_float(shift_of(shifts, coo, i, entry))
        if is_wanted(i, neighbor_of(entries, coo, i, entry), shift, halve, limit, positions, cells, systems):
            found += 1
    counts[i] = found


@wp.kernel
def rows_to_matrix(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    starts: wp.array[wp.int32],
    coo: wp.int32,
    halve: wp.int32,
    limit: wp.float64,
    positions: wp.array[wp.vec3d],
    cells: wp.array[wp.mat33d],
    systems: wp.array[wp.int64],
    matrix: wp.array2d[Any],
    matrix_shifts: wp.array2d[Any],
    counts: wp.array[Any],
) -> None:
    """Write the wanted entries of each row from the left, and padding behind them; one thread per row.

    A row without room for all of them keeps the first and counts all. A row that lacked entries in the source already
    counts more than fits, so that the loss is seen.
    """
    i = wp.tid()
    width = matrix.shape[1]
    end = end_entry(starts, coo, i, entries.shape[1])
    found = wp.int32(0)
    for entry in range(first_entry(starts, coo, i), end):
        shift = shift_of(shifts, coo, i, entry)
        j = neighbor_of(entries, coo, i, entry)
        if is_wanted(i, j, as_float(shift), halve, limit, positions, cells, systems):
            if found < width:
                matrix[i, found] = matrix.dtype(j)
                matrix_shifts[i, found] = matrix_shifts.dtype(
                    matrix.dtype(shift[0]), matrix.dtype(shift[1]), matrix.dtype(shift[2])
                )
            found += 1
    for column in range(found, width):
        matrix[i, column] = matrix.dtype(matrix.shape[0])
        matrix_shifts[i, column] = matrix_shifts.dtype()
    if coo == 0 and end < starts[i]:
        found = wp.max(found, width) + starts[i] - end
    counts[i] = counts.dtype(found)


@wp.kernel
def rows_to_pairs(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    starts: wp.array[wp.int32],
    coo: wp.int32,
    halve: wp.int32,
    limit: wp.float64,
    positions: wp.array[wp.vec3d],
    cells: wp.array[wp.mat33d],
    systems: wp.array[wp.int64],
    pointer: wp.array[wp.int64],
    pairs: wp.array2d[Any],
    pair_shifts: wp.array[Any],
) -> None:
    """Write the wanted entries of row i from pair ``pointer[i]`` on; one thread per row."""
    i = wp.tid()
    place = wp.int32(pointer[i])
    for entry in range(first_entry(starts, coo, i), end_entry(starts, coo, i, entries.shape[1])):
        shift = shift_of(shifts, coo, i, entry)
        j = neighbor_of(entries, coo, i, entry)
        if is_wanted(i, j, as_float(shift), halve, limit, positions, cells, systems):
            pairs[place, 0] = pairs.dtype(i)
            pairs[place, 1] = pairs.dtype(j)
            pair_shifts[place] = pair_shifts.dtype(pairs.dtype(shift[0]), pairs.dtype(shift[1]), pairs.dtype(shift[2]))
            place += 1


@wp.kernel
def mark_pairs(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    halve: wp.int32,
    limit: wp.float64,
    positions: wp.array[wp.vec3d],
    cells: wp.array[wp.mat33d],
    systems: wp.array[wp.int64],
    wanted: wp.array[wp.bool],
) -> None:
    """Say which pairs are wanted; one thread per pair."""
    pair = wp.tid()
    shift = as_float(shifts[pair, 0])
    wanted[pair] = is_wanted(entries[pair, 0], entries[pair, 1], shift, halve, limit, positions, cells, systems)


@wp.kernel
def gather_pairs(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    before: wp.array[wp.int32],
    pairs: wp.array2d[Any],
    pair_shifts: wp.array[Any],
) -> None:
    """Write each wanted pair behind the ``before[pair]`` that come earlier; one thread per pair."""
    pair = wp.tid()
    place = before[pair]
    if before[pair + 1] > place:
        shift = shifts[pair, 0]
        pairs[place, 0] = pairs.dtype(entries[pair, 0])
        pairs[place, 1] = pairs.dtype(entries[pair, 1])
        pair_shifts[place] = pair_shifts.dtype(pairs.dtype(shift[0]), pairs.dtype(shift[1]), pairs.dtype(shift[2]))


@wp.kernel
def key_rows(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    starts: wp.array[wp.int32],
    coo: wp.int32,
    limit: wp.float64,
    positions: wp.array[wp.vec3d],
    cells: wp.array[wp.mat33d],
    systems: wp.array[wp.int64],
    keys: wp.array2d[wp.int32],
    counts: wp.array[wp.int32],
) -> None:
    """Write atom j of each wanted entry, and the number of atoms where there is none, and count; one thread per row."""
    i = wp.tid()
    atoms = systems.shape[0]
    end = end_entry(starts, coo, i, entries.shape[1])
    found = wp.int32(0)
    for entry in range(first_entry(starts, coo, i), end):
        j = neighbor_of(entries, coo, i, entry)
        key = atoms
        if is_wanted(i, j, as_float(shift_of(shifts, coo, i, entry)), 0, limit, positions, cells, systems):
            key = j
            found += 1
        if coo != 0:
            keys[entry, 0] = key
        else:
            keys[i, entry] = key
    if coo == 0:
        for column in range(end, keys.shape[1]):
            keys[i, column] = atoms
    counts[i] = found


@wp.kernel
def mirror_to_matrix(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    coo: wp.int32,
    keys: wp.array[wp.int32],
    order: wp.array[wp.int64],
    begins: wp.array[wp.int64],
    counts: wp.array[wp.int32],
    matrix: wp.array2d[Any],
    matrix_shifts: wp.array2d[Any],
) -> None:
    """Write pair (i, j, S) into row j as (j, i, −S), behind that row's own entries; one thread per sorted entry."""
    place = wp.tid()
    j = keys[place]
    if j < matrix.shape[0]:
        column = counts[j] + place - wp.int32(begins[j])
        if column < matrix.shape[1]:
            row = wp.int32(order[place] / wp.int64(shifts.shape[1]))
            entry = wp.int32(order[place] % wp.int64(shifts.shape[1]))
            shift = -shifts[row, entry]
            if coo != 0:
                row = entries[row, 0]
            matrix[j, column] = matrix.dtype(row)
            matrix_shifts[j, column] = matrix_shifts.dtype(
                matrix.dtype(shift[0]), matrix.dtype(shift[1]), matrix.dtype(shift[2])
            )


@wp.kernel
def mirror_to_pairs(
    entries: wp.array2d[wp.int32],
    shifts: wp.array2d[wp.vec3i],
    coo: wp.int32,
    keys: wp.array[wp.int32],
    order: wp.array[wp.int64],
    begins: wp.array[wp.int64],
    counts: wp.array[wp.int32],
    pointer: wp.array[wp.int64],
    pairs: wp.array2d[Any],
    pair_shifts: wp.array[Any],
) -> None:
    """Write pair (i, j, S) among those of j as (j, i, −S), behind row j's own; one thread per sorted entry."""
    sorted_place = wp.tid()
    j = keys[sorted_place]
    if j < counts.shape[0]:
        place = wp.int32(pointer[j] - begins[j]) + counts[j] + sorted_place
        row = wp.int32(order[sorted_place] / wp.int64(shifts.shape[1]))
        entry = wp.int32(order[sorted_place] % wp.int64(shifts.shape[1]))
        shift = -shifts[row, entry]
        if coo != 0:
            row = entries[row, 0]
        pairs[place, 0] = pairs.dtype(j)
        pairs[place, 1] = pairs.dtype(row)
        pair_shifts[place] = pair_shifts.dtype(pairs.dtype(shift[0]), pairs.dtype(shift[1]), pairs.dtype(shift[2]))
