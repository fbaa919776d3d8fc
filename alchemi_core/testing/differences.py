"""The referee of derivatives: central differences of fourth order, of copies that are evaluated together.

f'(x) ≈ [8 (f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))] / 12h; M. Abramowitz, I. A. Stegun, Handbook of Mathematical
Functions, 25.3.6. Nothing here differentiates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.quantities import is_per_atom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch

STENCIL = ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0))
STEP = 1e-4
"""Å, or strain: small enough for networks that are rough off their data, large enough for energies of 10⁴ eV."""

FINE = 1e-5
"""As `STEP`, where derivatives are differentiated once more: forces have more digits than energies have."""

ATOMS = 400
"""About as many atoms are evaluated together."""

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@attrs.frozen(eq=False)
class Change:
    """A linear change of some inputs of one system.

    Parameters
    ----------
    by : mapping of str to Tensor
        What is added per unit step, by name of the input.
    """

    by: dict[str, Tensor]


def slopes(evaluate: Callable[[Batch], Tensor], batch: Batch, changes: Sequence[Change], step: float = STEP) -> Tensor:
    """Differentiate what a function gives for one system along several changes of it.

    Parameters
    ----------
    evaluate : callable
        From a batch of copies to values [B, ...], a row for each.
    batch : Batch
        One system.
    changes : sequence of Change
        Directions.
    step : float
        In units of the changes.

    Returns
    -------
    Tensor [len(changes), ...]
        The derivatives.
    """
    steps = [(change, count * step) for change in changes for count, _ in STENCIL]
    values = torch.cat([evaluate(_copies(batch, part)) for part in _parts(steps, batch.num_atoms)])
    factors = values.new_tensor([factor for _, factor in STENCIL]) / (12.0 * step)
    return torch.einsum("k,ck...->c...", factors, values.reshape(len(changes), len(STENCIL), *values.shape[1:]))


def derivative(value: Callable[[float], Tensor], step: float) -> Tensor:
    """Differentiate a function of one number at zero, point by point.

    Parameters
    ----------
    value : callable
        From a number to a tensor.
    step : float
        Step of the differences.
    """
    return torch.stack([factor * value(count * step) for count, factor in STENCIL]).sum(0) / (12.0 * step)


def _parts(steps: list[tuple[Change, float]], atoms: int) -> Iterator[list[tuple[Change, float]]]:
    size = max(1, ATOMS // max(1, atoms))
    for start in range(0, len(steps), size):
        yield steps[start : start + size]


def _copies(batch: Batch, steps: list[tuple[Change, float]]) -> Batch:
    """Return a copy of the system for each step, changed by it."""
    copies = batch.repeated(len(steps))
    changed = {}
    for name in steps[0][0].by:
        value = copies.get(name)
        if value is not None:
            moves = [step * change.by[name] for change, step in steps]
            changed[name] = value + (torch.cat(moves) if is_per_atom(name) else torch.stack(moves))
    return copies.with_fields(**changed)


def by_coordinates(batch: Batch, name: str = "positions") -> list[Change]:
    """Return a change for each component of an input that counts atoms, such as positions."""
    value = batch.get(name)
    assert value is not None
    units = torch.eye(value.numel(), dtype=value.dtype, device=value.device)
    return [Change({name: unit.reshape(value.shape)}) for unit in units]


def by_strains(batch: Batch) -> list[Change]:
    """Return the six symmetric strains of one system, in Voigt order xx yy zz yz xz xy."""
    changes = []
    for i, j in VOIGT:
        strain = batch.positions.new_zeros(3, 3)
        strain[i, j] += 0.5
        strain[j, i] += 0.5
        by = {"positions": batch.positions @ strain}
        if batch.cell is not None:
            by["cell"] = batch.cell[0] @ strain
        changes.append(Change(by))
    return changes


def symmetric(six: Tensor) -> Tensor:
    """Return a symmetric tensor [3, 3] from its Voigt components [6]."""
    out = six.new_zeros(3, 3)
    for value, (i, j) in zip(six, VOIGT, strict=True):
        out[i, j] = out[j, i] = value
    return out
