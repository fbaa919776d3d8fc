"""The three updates: of atoms from their bonds, of bonds from their angles, of angles from their bonds.

Deng et al., Nat. Mach. Intell. 5, 1031 (2023), https://doi.org/10.1038/s42256-023-00716-3. Bonds and angles are listed
once and seen from both sides, so that what both sides share is computed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_chgnet.bonds import Angles, Bonds
    from alchemi_chgnet.gated import GatedPerceptron

ATOM, BOND, NEIGHBOR = range(3)
"""Segments of the input of an atom update."""

FIRST, SECOND, ANGLE, CENTER = range(4)
"""Segments of the input of a bond or angle update."""


class Collect(torch.nn.Module):
    """What messages are multiplied with after they were summed.

    Parameters
    ----------
    weight : Tensor [in, out]
        Matrix.
    bias : Tensor [out], optional
        The oldest model has one.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight.contiguous())
        self.bias = None if bias is None else torch.nn.Parameter(bias)

    def forward(self, messages: Tensor, targets: Tensor, count: int) -> Tensor:
        """Return the sums of messages [M, in] by target [M], mixed: Tensor [count, out]."""
        sums = messages.new_zeros(count, messages.shape[1]).index_add(0, targets, messages)
        return sums @ self.weight if self.bias is None else torch.addmm(self.bias, sums, self.weight)


class AtomUpdate(torch.nn.Module):
    """Each atom collects messages of its bonds.

    Parameters
    ----------
    message : GatedPerceptron
        Of atom, bond and neighbor.
    collect : Collect
        Applied to the sums.
    """

    def __init__(self, message: GatedPerceptron, collect: Collect) -> None:
        super().__init__()
        self.message, self.collect = message, collect

    def forward(self, atoms: Tensor, bond_features: Tensor, weights: Tensor, bonds: Bonds) -> Tensor:
        """Return new features [N, F].

        Parameters
        ----------
        atoms : Tensor [N, F]
        bond_features, weights : Tensor [U, F]
            Weights vanish at the cutoff.
        bonds : Bonds
        """
        ends = bonds.ends
        own = self.message.project_with_bias(ATOM, atoms).index_select(0, ends)
        other = self.message.project(NEIGHBOR, atoms).index_select(0, bonds.opposites)
        total = _add_to_both(own + other, self.message.project(BOND, bond_features))
        messages = _times_both(self.message(total), weights)
        return self.collect(messages, ends, atoms.shape[0]) + atoms


class AngleMessage(torch.nn.Module):
    """A message of two bonds, their angle and their shared atom, from either bond's point of view.

    Parameters
    ----------
    message : GatedPerceptron
        Of these four.
    """

    def __init__(self, message: GatedPerceptron) -> None:
        super().__init__()
        self.message = message

    def forward(self, atoms: Tensor, bonds: Tensor, angle_features: Tensor, angles: Angles) -> Tensor:
        """Return messages [2 H, F]: first those to the first bonds, then those to the second.

        Parameters
        ----------
        atoms : Tensor [N, F]
        bonds : Tensor [short, F]
        angle_features : Tensor [H, F] or [2 H, F]
            The latter once both points of view differ.
        angles : Angles
        """
        here = torch.cat([angles.first, angles.second])
        there = torch.cat([angles.second, angles.first])
        project = self.message.project
        both = project(FIRST, bonds).index_select(0, here) + project(SECOND, bonds).index_select(0, there)
        center = self.message.project_with_bias(CENTER, atoms).index_select(0, angles.center)
        made: Tensor = self.message(_add_to_both(both, project(ANGLE, angle_features), center))
        return made


class BondUpdate(torch.nn.Module):
    """Each short bond collects messages of its angles.

    Parameters
    ----------
    message : AngleMessage
        To be collected.
    collect : Collect
        Applied to the sums.
    """

    def __init__(self, message: AngleMessage, collect: Collect) -> None:
        super().__init__()
        self.message, self.collect = message, collect

    def forward(self, atoms: Tensor, bonds: Tensor, angle_features: Tensor, weights: Tensor, angles: Angles) -> Tensor:
        """Return what is added to the features of short bonds, [short, F]; see `AngleMessage`; weights are [H, F]."""
        messages = _times_both(self.message(atoms, bonds, angle_features, angles), weights)
        collected: Tensor = self.collect(messages, torch.cat([angles.first, angles.second]), bonds.shape[0])
        return collected


def _add_to_both(both: Tensor, *shared: Tensor) -> Tensor:
    """Add values [H, F] to both halves of [2 H, F], or [2 H, F] to all."""
    halves = both.unflatten(0, (2, -1)) if both.shape[0] else both.unflatten(0, (2, 0))
    for values in shared:
        halves = halves + (values if values.shape[0] == halves.shape[1] else values.unflatten(0, (2, halves.shape[1])))
    return halves.flatten(0, 1)


def _times_both(both: Tensor, weights: Tensor) -> Tensor:
    """Multiply both halves of [2 H, F] with [H, F]."""
    return (both.unflatten(0, (2, weights.shape[0])) * weights).flatten(0, 1)
