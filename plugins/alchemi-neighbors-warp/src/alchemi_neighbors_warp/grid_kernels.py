"""Warp kernels that lay a grid of bins over every system of a batch and put its atoms into them."""
# mypy: ignore-errors
# Warp compiles these functions from their source: annotations are read as values, and types are those of its language.

import warp as wp

wp.set_module_options({"fast_math": False, "enable_backward": False})

ZERO = wp.constant(wp.float64(0.0))
ONE = wp.constant(wp.float64(1.0))

MOST_BINS = wp.constant(wp.float64(1048576.0))
"""Bins along one direction, so that the product of three fits int64."""

FEWEST_BINS = 4
"""Bins along a direction that has more than one: with fewer, far too much of the cell would be searched."""

BINS_PER_ATOM = 8
"""Bins of a system, at most; what a vacuum would need beyond is saved by wider bins."""

FARTHEST = wp.constant(wp.float64(1073741824.0))
"""Cells away from the cell, at most, in int32; the caller refuses atoms beyond half of it."""


@wp.func
def across(vector: wp.vec3d) -> wp.vec3d:
    """Return a unit vector normal to another, built on the axis that is least parallel to it."""
    axis = wp.vec3d(ONE, ZERO, ZERO)
    if wp.abs(vector[1]) < wp.abs(vector[0]) and wp.abs(vector[1]) <= wp.abs(vector[2]):
        axis = wp.vec3d(ZERO, ONE, ZERO)
    elif wp.abs(vector[2]) < wp.abs(vector[0]) and wp.abs(vector[2]) < wp.abs(vector[1]):
        axis = wp.vec3d(ZERO, ZERO, ONE)
    return wp.normalize(wp.cross(vector, axis))


@wp.kernel
def complete_cells(cells: wp.array[wp.mat33d], pbc: wp.array2d[wp.bool], inverses: wp.array[wp.mat33d]) -> None:
    """Invert each cell, with unit vectors normal to the periodic ones along open directions; one thread per system."""
    system = wp.tid()
    cell = cells[system]
    periodic = wp.int32(0)
    alone = wp.int32(0)
    opened = wp.int32(0)
    for direction in range(3):
        if pbc[system, direction]:
            periodic += 1
            alone = direction
        else:
            opened = direction
    if periodic == 0:
        cell = wp.identity(n=3, dtype=wp.float64)
    elif periodic == 1:
        along = cell[alone]
        normal = across(along)
        cell[(alone + 1) % 3] = normal
        cell[(alone + 2) % 3] = wp.normalize(wp.cross(along, normal))
    elif periodic == 2:
        cell[opened] = wp.normalize(wp.cross(cell[(opened + 1) % 3], cell[(opened + 2) % 3]))
    inverses[system] = wp.inverse(cell)


@wp.kernel
def find_fractions(
    positions: wp.array[wp.vec3d],
    systems: wp.array[wp.int64],
    inverses: wp.array[wp.mat33d],
    fractions: wp.array[wp.vec3d],
) -> None:
    """Write coordinates along the vectors of the completed cell; one thread per atom."""
    atom = wp.tid()
    fractions[atom] = positions[atom] * inverses[wp.int32(systems[atom])]


@wp.func
def divide(height: wp.float64, reach: wp.float64, periodic: wp.bool) -> wp.int32:
    """Number of bins along a direction: each as wide as the reach, or narrower where they would be few."""
    count = wp.int32(wp.max(wp.floor(wp.min(height / reach, MOST_BINS)), ONE))
    if periodic or count > 1:
        while count < FEWEST_BINS:
            count = count * 2
    return count


@wp.func
def merge(bins: wp.vec3i, most: wp.int64) -> wp.vec3i:
    """Halve the largest numbers of bins until their product is at most so much."""
    count = bins
    while wp.int64(count[0]) * wp.int64(count[1]) * wp.int64(count[2]) > most:
        finest = wp.int32(0)
        if count[1] > count[0]:
            finest = 1
        if count[2] > count[finest]:
            finest = 2
        count[finest] = count[finest] / 2
    return count


@wp.kernel
def choose_bins(
    inverses: wp.array[wp.mat33d],
    pbc: wp.array2d[wp.bool],
    lowest: wp.array[wp.vec3d],
    highest: wp.array[wp.vec3d],
    atoms: wp.array[wp.int64],
    reach: wp.array[wp.float64],
    heights: wp.array[wp.vec3d],
    bins: wp.array[wp.vec3i],
    radii: wp.array[wp.vec3i],
    volumes: wp.array[wp.float64],
) -> None:
    """Divide each system into bins; one thread per system.

    Writes the extent of the grid along each direction, the bins there, how many bins away a neighbor can be, and the
    volume that the atoms are taken to fill.
    """
    system = wp.tid()
    inverse = wp.transpose(inverses[system])
    height = wp.vec3d()
    count = wp.vec3i()
    volume = ONE / wp.abs(wp.determinant(inverse))
    for direction in range(3):
        periodic = pbc[system, direction]
        if periodic:
            height[direction] = ONE / wp.length(inverse[direction])
        else:
            height[direction] = highest[system][direction] - lowest[system][direction]
            volume = volume * wp.max(height[direction], reach[0])
        count[direction] = divide(height[direction], reach[0], periodic)
    count = merge(count, wp.int64(BINS_PER_ATOM) * (atoms[system] + wp.int64(1)))
    radius = wp.vec3i()
    for direction in range(3):
        if pbc[system, direction] or count[direction] > 1:
            radius[direction] = wp.int32(wp.ceil(reach[0] * wp.float64(count[direction]) / height[direction]))
    heights[system] = height
    bins[system] = count
    radii[system] = radius
    volumes[system] = volume


@wp.kernel
def assign_bins(
    fractions: wp.array[wp.vec3d],
    systems: wp.array[wp.int64],
    pbc: wp.array2d[wp.bool],
    lowest: wp.array[wp.vec3d],
    heights: wp.array[wp.vec3d],
    bins: wp.array[wp.vec3i],
    offsets: wp.array[wp.int32],
    away: wp.array[wp.vec3i],
    places: wp.array[wp.vec3i],
    keys: wp.array[wp.int32],
    farthest: wp.array[wp.float64],
) -> None:
    """Write the cells by which each atom lies outside, its bin, and that bin's number; one thread per atom."""
    atom = wp.tid()
    system = wp.int32(systems[atom])
    count = bins[system]
    place = wp.vec3i()
    outside = wp.vec3i()
    far = ZERO
    for direction in range(3):
        inside = fractions[atom][direction]
        if pbc[system, direction]:
            whole = wp.floor(inside)
            inside = inside - whole
            far = wp.max(far, wp.abs(whole))
            outside[direction] = wp.int32(wp.clamp(whole, -FARTHEST, FARTHEST))
        elif count[direction] > 1:
            inside = (inside - lowest[system][direction]) / heights[system][direction]
        else:
            inside = ZERO
        place[direction] = wp.clamp(wp.int32(inside * wp.float64(count[direction])), wp.int32(0), count[direction] - 1)
    away[atom] = outside
    places[atom] = place
    keys[atom] = offsets[system] + place[0] + count[0] * (place[1] + count[1] * place[2])
    farthest[atom] = far
