"""Small random networks in checkpoints as aimnet writes them, to try compositions without published weights."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from alchemi_aimnet2.checkpoints import WHO
from alchemi_aimnet2.families import FAMILIES
from alchemi_aimnet2.upstream import build_module
from alchemi_core.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

WB97M_D3 = {"s6": 1.0, "s8": 0.3908, "a1": 0.566, "a2": 3.128}
"""Damping that aimnet gives to its weights for ωB97M-D3."""

SHORT_RANGE = 4.6
"""Å, range of the Coulomb energy that published networks have learned."""


def save_random_checkpoint(
    path: str | Path,
    *,
    elements: Iterable[int] = (1, 6, 7, 8),
    coulomb: bool = True,
    dispersion: bool = True,
    open_shell: bool = False,
    family: str = "",
    seed: int = 0,
    **metadata: Any,
) -> Path:
    """Save a small random AIMNet2, which means nothing but has all that published ones have.

    Parameters
    ----------
    path : str or Path
        File to write, such as ``random.pt``.
    elements : iterable of int
        Atomic numbers it knows.
    coulomb, dispersion : bool
        Whether the energy is to be completed by a Coulomb sum, and by D3.
    open_shell : bool
        Whether charges of both spins are told apart.
    family : {"wb97m-d3", "b973c-d3", "b973c-2025-d3", "nse", "pd", "rxn"}, optional
        Published family whose level of theory and physics the file declares; by default none is known.
    seed : int
        Of the random numbers; the state of torch's own is left alone.
    metadata
        Fields of the checkpoint to add or change.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OptionError
        If there is no such family.
    """
    _check_family(family)
    known, description = sorted(elements), _description(coulomb=coulomb, open_shell=open_shell)
    content = {
        "format_version": 2,
        "model_yaml": json.dumps(description),  # JSON is YAML
        "cutoff": 5.0,
        "needs_coulomb": coulomb,
        "needs_dispersion": dispersion,
        "coulomb_mode": "sr_embedded" if coulomb else "none",
        "coulomb_sr_rc": SHORT_RANGE if coulomb else None,
        "coulomb_sr_envelope": "exp" if coulomb else None,
        "d3_params": dict(WB97M_D3) if dispersion else None,
        "has_embedded_lr": coulomb,
        **({"family": family} if family else {}),
        "implemented_species": known,
        "state_dict": _random_weights(description, known, seed),
    }
    torch.save({**content, **metadata}, path)
    return Path(path)


def _check_family(family: str) -> None:
    if family and family not in FAMILIES:
        near = nearest(family, FAMILIES)
        raise OptionError(
            f"family={family!r}",
            expected=f"one of {', '.join(FAMILIES)}",
            who=WHO,
            fix=f"family={near!r}" if near else "",
        )


def _description(*, coulomb: bool, open_shell: bool) -> dict[str, Any]:
    mlp = {"activation_fn": "torch.nn.GELU", "last_linear": True, "hidden": [16]}
    energy = {"key_in": "energy", "key_out": "energy"}
    short_range = {"rc": SHORT_RANGE, "key_in": "charges", "key_out": "energy", "envelope": "exp"}
    head = {"n_in": 16, "n_out": 1, "key_in": "aim", "key_out": "energy", "mlp": mlp}
    outputs = {
        "energy_mlp": {"class": "aimnet.modules.Output", "kwargs": head},
        "atomic_shift": {"class": "aimnet.modules.AtomicShift", "kwargs": energy},
        "atomic_sum": {"class": "aimnet.modules.AtomicSum", "kwargs": energy},
    }
    if coulomb:
        outputs["srcoulomb"] = {"class": "aimnet.modules.SRCoulomb", "kwargs": short_range}
    kwargs = {
        "nfeature": 4,
        "d2features": True,
        "ncomb_v": 3,
        "hidden": [[24], [24], [24, 24]],
        "aim_size": 16,
        "num_charge_channels": 2 if open_shell else 1,
        "aev": {"rc_s": 5.0, "nshifts_s": 8},
        "outputs": outputs,
    }
    return {"class": "aimnet.models.AIMNet2", "kwargs": kwargs}


def _random_weights(description: dict[str, Any], known: list[int], seed: int) -> dict[str, Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_module(copy.deepcopy(description))
    network.outputs.atomic_shift.double()  # as in published files, which hold energies of atoms there
    _spread_charges(network)
    unknown = [number for number in range(1, len(network.afv.weight)) if number not in known]
    with torch.no_grad():
        network.afv.weight[unknown] = torch.nan
    weights: dict[str, Any] = network.state_dict()
    return weights


def _spread_charges(network: Any) -> None:
    """Let every atom take a share of the missing charge, as in trained networks: aimnet adds 1e-6 to their sum."""
    channels = network.num_charge_channels
    with torch.no_grad():
        for mlp in network.mlps[:-1]:
            last = next(layer for layer in reversed(mlp) if isinstance(layer, torch.nn.Linear))
            last.bias[channels : 2 * channels] = 1.0
