"""The network of a checkpoint with the terms that complete its energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_aimnet2.upstream import DFTD3, AIMNet2, LRCoulomb, SRCoulomb, nbops
from alchemi_aimnet2.vectors import GivenVectors

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_aimnet2.facts import Facts, ScreenedCoulomb
    from alchemi_aimnet2.terms import Terms


class Network(torch.nn.Module):
    """aimnet's network, and its modules for Coulomb and D3 as far as they are wanted.

    Parameters
    ----------
    network : AIMNet2
        As built from the checkpoint; it becomes part of this one.
    facts : Facts
        What the checkpoint says.
    terms : Terms
        What is wanted.
    """

    def __init__(self, network: AIMNet2, facts: Facts, terms: Terms) -> None:
        super().__init__()
        GivenVectors.adopt(network.aev)
        self.network = network
        self.screening = _screening(facts.coulomb)
        self.coulomb = _coulomb(facts.coulomb, terms)
        self.dispersion = DFTD3(**facts.d3_parameters) if terms.dispersion and facts.d3_parameters else None

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the weights; energies of atoms alone may be kept in a wider one."""
        dtype: torch.dtype = self.network.afv.weight.dtype
        return dtype

    def forward(self, data: dict[str, Tensor], num_systems: int) -> dict[str, Tensor]:
        """Return energies [B], charges and spin charges [N + 1] of what `alchemi_aimnet2.inputs` made.

        `data` is used up: aimnet's modules write their results into it.
        """
        _prepare(data, num_systems)
        data = self.network.forward_prepared(data)
        if self.screening is not None:
            data = self.screening(data)
        if self.coulomb is not None:
            # asks for the energy by plain operations, on the graph as often as one likes
            data = self.coulomb(data, training_derivatives=True)
        if self.dispersion is not None:
            data = self.dispersion(data, hessian=True)
        return data


def _prepare(data: dict[str, Tensor], num_systems: int) -> None:
    """Do what aimnet's own ``prepare_input`` does, which would make everything float32 and drop empty systems."""
    nbops.set_nb_mode(data)
    nbops.calc_masks(data)
    data["_num_mol"] = torch.tensor(num_systems)


def _screening(coulomb: ScreenedCoulomb | None) -> Any:
    if coulomb is None or coulomb.subtracted:
        return None
    return SRCoulomb(rc=coulomb.cutoff, envelope=coulomb.envelope)


def _coulomb(coulomb: ScreenedCoulomb | None, terms: Terms) -> Any:
    if coulomb is None or terms.coulomb is None:
        return None
    return LRCoulomb(
        key_out="energy",
        method=terms.coulomb,
        dsf_alpha=terms.dsf_alpha,
        dsf_rc=terms.dsf_cutoff,
        rc=coulomb.cutoff,
        envelope=coulomb.envelope,
        subtract_sr=False,  # what is within the short range was taken off before
    )
