"""Warp functions that read a list of either layout as rows of entries, and say which pairs are wanted.

`entries` and `shifts` are the tensors of the list, `starts` its row pointer (pairs) or its counts (matrix), and `coo`
says which of the two.
"""
# mypy: ignore-errors
# Warp compiles these functions from their source: annotations are read as values, and types are those of its language.

import warp as wp

ZERO = wp.constant(wp.float64(0.0))


@wp.func
def squared(
    i: wp.int32,
    j: wp.int32,
    shift: wp.vec3d,
    positions: wp.array[wp.vec3d],
    cells: wp.array[wp.mat33d],
    systems: wp.array[wp.int64],
) -> wp.float64:
    """``|r_j − r_i + S @ cell|²``, Å², summed in the order of `alchemi_core.neighbors.distances.exact_squared`."""
    here = positions[i]
    there = positions[j]
    cell = cells[wp.int32(systems[i])]
    total = wp.float64(0.0)
    for axis in range(3):
        delta = there[axis] - here[axis]
        for vector in range(3):
            delta = delta + shift[vector] * cell[vector, axis]
        total = total + delta * delta
    return total


@wp.func
def above_zero(shift: wp.vec3d) -> wp.bool:
    """Whether the first component that is not zero is positive."""
    for vector in range(3):
        if shift[vector] != ZERO:
            return shift[vector] > ZERO
    return False


@wp.func
def is_wanted(
    i: wp.int32,
    j: wp.int32,
    shift: wp.vec3d,
    halve: wp.int32,
    limit: wp.float64,
    positions: wp.array[wp.vec3d],
    cells: wp.array[wp.mat33d],
    systems: wp.array[wp.int64],
) -> wp.bool:
    """Whether ``|d|² < limit``, unless the limit is negative, and the pair is the one of both directions to keep."""
    if halve != 0 and (j < i or (j == i and not above_zero(shift))):
        return False
    if limit < ZERO:
        return True
    return squared(i, j, shift, positions, cells, systems) < limit


@wp.func
def first_entry(starts: wp.array[wp.int32], coo: wp.int32, i: wp.int32) -> wp.int32:
    """Number of the first entry of row i."""
    if coo != 0:
        return starts[i]
    return wp.int32(0)


@wp.func
def end_entry(starts: wp.array[wp.int32], coo: wp.int32, i: wp.int32, columns: wp.int32) -> wp.int32:
    """Number behind that of the last entry of row i."""
    if coo != 0:
        return starts[i + 1]
    return wp.min(starts[i], columns)


@wp.func
def neighbor_of(entries: wp.array2d[wp.int32], coo: wp.int32, i: wp.int32, entry: wp.int32) -> wp.int32:
    """Atom j of an entry of row i."""
    if coo != 0:
        return entries[entry, 1]
    return entries[i, entry]


@wp.func
def shift_of(shifts: wp.array2d[wp.vec3i], coo: wp.int32, i: wp.int32, entry: wp.int32) -> wp.vec3i:
    """Shift S of an entry of row i."""
    if coo != 0:
        return shifts[entry, 0]
    return shifts[i, entry]


@wp.func
def as_float(shift: wp.vec3i) -> wp.vec3d:
    """Shift in float64, which holds it exactly."""
    return wp.vec3d(wp.float64(shift[0]), wp.float64(shift[1]), wp.float64(shift[2]))
