"""Reading a checkpoint as aimnet writes them since its version 0.1: a description of the network and its tensors.

Neither is code. The file is read as plain tensors, numbers and texts, and its description may name the building blocks
of aimnet only, unless the user says that its author is known.
"""

from __future__ import annotations

import zipfile
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from alchemi_aimnet2.building import UNBUILDABLE, build_network, complaint
from alchemi_aimnet2.checkpoints import WHO
from alchemi_aimnet2.facts import Facts, ScreenedCoulomb
from alchemi_aimnet2.upstream import (
    D3TS,
    AIMNet2,
    extract_species,
    resolve_model_import_policy,
    validate_v2_artifact_with_policy,
)
from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    from pathlib import Path

    from alchemi_aimnet2.checkpoints import Checkpoint, Registry

_UNUSUAL = "Untrusted import path"
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, IndexError, AttributeError, TypeError)
"""How torch fails at a file that it does not understand."""


def holds_program(path: Path) -> bool:
    """Tell whether a file is a TorchScript archive, whose content is code."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False  # whatever it is, reading it as tensors says so


def read_artifact(
    checkpoint: Checkpoint, registry: Registry, *, trusted: bool
) -> tuple[AIMNet2, Facts, dict[str, Any]]:
    """Return the network of a checkpoint, what the file says of it, and its description.

    Parameters
    ----------
    checkpoint : Checkpoint
        The file.
    registry : Registry
        What aimnet adds to some families.
    trusted : bool
        Whether the description may name any class of any installed package.

    Raises
    ------
    InputFileError
        If the file is no such checkpoint, contradicts itself, or needs trust.
    """
    path = checkpoint.path
    content = _read(path)
    policy = resolve_model_import_policy(None, "unsafe" if trusted else "extend")
    try:
        description, tensors = validate_v2_artifact_with_policy(content, policy, validation="canonical")
        network = build_network(description, tensors, policy, path.name)
    except UNBUILDABLE as error:
        raise _not_usable(path, error) from error
    if wrong := complaint(network, subtracts=content.get("coulomb_mode", "none") == "sr_embedded"):
        raise _no_network(path, wrong)
    return network, _facts(network, content, checkpoint, registry), description


def _read(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise InputFileError(
            f"{path} cannot be read as plain tensors and numbers",
            expected="a checkpoint without Python objects: reading these can run code that the file's author put in",
            who=WHO,
            fix="write it anew with: aimnet export",
        ) from error
    except _UNREADABLE as error:
        raise _no_network(path, f"cannot be read: {_short(error)}") from error
    if not isinstance(content, dict) or not {"model_yaml", "state_dict"} <= content.keys():
        raise _no_network(path, "holds no 'model_yaml' and 'state_dict'")
    return content


def _not_usable(path: Path, error: Exception) -> InputFileError:
    if _UNUSUAL not in str(error):
        return _no_network(path, f"describes no network that aimnet builds: {_short(error)}")
    return InputFileError(
        f"{path} asks for classes that are not aimnet's own: {_short(error)}",
        expected="building blocks of aimnet only: making objects of other classes can run any code",
        who=WHO,
        fix="trusted=True, if you know where the file is from",
    )


def _facts(network: AIMNet2, content: dict[str, Any], checkpoint: Checkpoint, registry: Registry) -> Facts:
    family = content.get("family") or (checkpoint.registered.family if checkpoint.registered else "")
    own_dispersion = any(isinstance(module, D3TS) for module in network.modules())
    parameters = content.get("d3_params") if content.get("needs_dispersion") else None
    if not own_dispersion:
        parameters = parameters or registry.d3_parameters.get(family)
    known = frozenset(extract_species(network))
    coulomb = _coulomb(content)
    return Facts(
        cutoff=max(float(content["cutoff"]), float(network.aev.rc_s), coulomb.cutoff if coulomb else 0.0),
        elements=known & frozenset(content.get("implemented_species") or known),
        open_shell=network.num_charge_channels == 2,
        coulomb=coulomb,
        d3_parameters=None if parameters is None else {"s6": 1.0, **parameters},
        own_dispersion=own_dispersion,
        family=family,
        neutral_only=content.get("supports_charged_systems") is False or family in registry.neutral_only,
    )


def _coulomb(content: dict[str, Any]) -> ScreenedCoulomb | None:
    """Return what is to be taken off a full sum; where a file does not say it, what aimnet assumes."""
    if not content.get("needs_coulomb", False):
        return None
    return ScreenedCoulomb(
        cutoff=float(content.get("coulomb_sr_rc") or 4.6),
        envelope=content.get("coulomb_sr_envelope") or "exp",
        subtracted=content.get("coulomb_mode", "none") == "sr_embedded",
    )


def _short(error: Exception) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{type(error).__name__}: {first[:300]}"


def _no_network(path: Path, found: str) -> InputFileError:
    return InputFileError(
        f"{path} {found}",
        expected="a checkpoint for the installed version of aimnet, as aimnet export and aimnet convert write them",
        who=WHO,
    )
