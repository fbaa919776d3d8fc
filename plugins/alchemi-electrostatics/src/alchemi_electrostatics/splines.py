"""Charges on a mesh by cardinal B-splines, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch

from alchemi_electrostatics.mesh import ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_electrostatics.mesh import Shape

ATOMS = 4096
"""Taken at a time: each meets ORDER³ points, of which nothing is kept."""


def spread(places: Tensor, charges: Tensor, systems: Tensor, count: int, shape: Shape) -> Tensor:
    """Return the charge that B-splines give to each point, differentiable twice.

    Parameters
    ----------
    places : Tensor [n, 3]
        Positions in units of mesh spacings, anywhere.
    charges : Tensor [n], e
        Charges.
    systems : Tensor [n], int64
        Mesh of each atom.
    count : int
        Number of meshes S.
    shape : tuple of int
        Points of a mesh along each vector.

    Returns
    -------
    Tensor [S, *shape], e
        The splines end at the atom, so the picture is moved by half their width.
    """
    return cast("Tensor", _Spread.apply(places, charges, systems, (count, *shape)))  # type: ignore[no-untyped-call]


class _Spread(torch.autograd.Function):
    """Its backward pass is made of torch's own operations, so that it can be differentiated in turn."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, charges: Tensor, systems: Tensor, size: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(places, charges, systems)
        mesh = charges.new_zeros(size)
        for own, q, mine in _blocks(places, charges, systems):
            first = own.floor()
            x, y, z = weights(own - first).unbind(1)
            rows = torch.bmm((q[:, None] * x)[:, :, None], y[:, None, :]).reshape(-1, ORDER * ORDER, 1)
            values = torch.bmm(rows, z[:, None, :])
            mesh.view(-1).index_add_(0, _points(first.long(), mine, size).view(-1), values.view(-1))
        return mesh

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        potentials = grads[0].contiguous()
        parts = [_gather(potentials, *block) for block in _blocks(*ctx.saved_tensors)]
        by_places, by_charges = (torch.cat(kind) for kind in zip(*parts, strict=True))
        return by_places, by_charges, None, None


def _blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(tensor.split(ATOMS) for tensor in tensors), strict=True)


def _gather(potentials: Tensor, places: Tensor, charges: Tensor, systems: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the mesh gives each atom, by its place [n, 3] and its charge [n]."""
    first = places.detach().floor()
    even, odd = (each(places - first) for each in (weights, slopes))
    points = _points(first.long(), systems, tuple(potentials.shape))
    cubes = potentials.view(-1).index_select(0, points.view(-1)).view(-1, ORDER * ORDER, ORDER)
    along_z = torch.bmm(cubes, torch.stack([even[:, 2], odd[:, 2]], dim=2))
    plane, slope_z = (half.reshape(-1, ORDER, ORDER) for half in along_z.unbind(2))
    line, slope_y = torch.bmm(plane, torch.stack([even[:, 1], odd[:, 1]], dim=2)).unbind(2)
    line_z = torch.bmm(slope_z, even[:, 1, :, None])[..., 0]
    by_charge = (line * even[:, 0]).sum(1)
    slope = [(line * odd[:, 0]).sum(1), (slope_y * even[:, 0]).sum(1), (line_z * even[:, 0]).sum(1)]
    return charges[:, None] * torch.stack(slope, dim=1), by_charge


def weights(fractions: Tensor, order: int = ORDER) -> Tensor:
    """Return M_p(θ + j) for j = 0 ... p − 1: Tensor [..., p] for θ of [...], between 0 and 1.

    M_p(u) = (u M_{p−1}(u) + (p − u) M_{p−1}(u − 1)) / (p − 1), M_2(u) = 1 − |u − 1|; U. Essmann et al., J. Chem.
    Phys. 103, 8577 (1995), equation 4.1, doi:10.1063/1.470117.
    """
    found = torch.stack([fractions, 1.0 - fractions], dim=-1)
    steps = torch.arange(order, dtype=fractions.dtype, device=fractions.device)
    for p in range(3, order + 1):
        u = fractions[..., None] + steps[:p]
        same, before = _neighbors(found)
        found = (u * same + (p - u) * before) / (p - 1)
    return found


def slopes(fractions: Tensor) -> Tensor:
    """Return dM_p/du = M_{p−1}(u) − M_{p−1}(u − 1) at the same places (equation 4.2)."""
    same, before = _neighbors(weights(fractions, ORDER - 1))
    return same - before


def _neighbors(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return M(θ + j) and M(θ + j − 1), which vanish outside their range."""
    return torch.nn.functional.pad(values, (0, 1)), torch.nn.functional.pad(values, (1, 0))


def _points(first: Tensor, systems: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return where each atom's values are in the flat meshes: Tensor [n, p, p, p], int64."""
    back = torch.arange(ORDER, device=first.device)
    x, y, z = (torch.remainder(first[:, axis, None] - back, size[axis + 1]) for axis in range(3))
    rows = (systems[:, None] * size[1] + x)[:, :, None] * size[2] + y[:, None, :]
    return rows[..., None] * size[3] + z[:, None, None, :]
