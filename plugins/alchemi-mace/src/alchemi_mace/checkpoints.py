"""From a name or a path to a model of mace-torch, with one clear error where that is not possible."""

from __future__ import annotations

import sys
import zipfile
from contextlib import redirect_stdout
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from alchemi_core.errors import InputFileError, OptionError, nearest
from alchemi_mace.foundations import FOUNDATIONS, Foundation, canonical
from alchemi_mace.generated import renew_all
from alchemi_mace.restoring import restore, unknown_names
from alchemi_mace.upstream import MACE, EnergyDipolesMACE

WHO = "mace"
_EXPECTED = "a model file as mace_run_train writes it, such as name.model"

_BROKEN = (UnpicklingError, EOFError, OSError, RuntimeError, ValueError, zipfile.BadZipFile)
_MISSHAPEN = (AssertionError, AttributeError, ImportError, IndexError, KeyError, TypeError)
"""How reading a file fails that is damaged, or that holds something else under the names of a model."""

_TORCH_SAYS = "WeightsUnpickler error: "
"""After what torch puts the reason, behind advice to read the file without care."""

_OTHERS = {
    "mace.modules.extensions.PolarMACE": "its charges and fields are not served here",
    "mace.modules.extensions.MACELES": "its latent charges are not served here",
    "mace.modules.models.AtomicDipolesMACE": "it gives dipoles and no energy",
    "mace.modules.models.AtomicDielectricMACE": "it gives dipoles and polarizabilities and no energy",
    "mace.calculators.lammps_mace.LAMMPS_MACE": "it was converted for LAMMPS; use the .model file it was made from",
    "mace.calculators.lammps_mliap_mace.LAMMPS_MLIAP_MACE": "it was converted for LAMMPS; use the original .model file",
}
_CONVERTED = {
    "mace.modules.lora.": "merge the adapters first: mace.modules.lora.merge_lora_weights(model)",
    "cuequivariance": "convert it first: mace_cueq_to_e3nn",
    "openequivariance": "convert it first: mace.cli.convert_oeq_e3nn",
}


def find_checkpoint(given: str | Path) -> tuple[Path, str | None]:
    """Return the file that a name or path stands for, and the name of a foundation model as mace-torch writes it.

    A materials model under the MIT licence that is not in mace-torch's cache is fetched by mace-torch.

    Raises
    ------
    OptionError
        If it is neither the name of a foundation model nor a file, or its file is not there and cannot be fetched.
    """
    name = canonical(str(given))
    known = FOUNDATIONS.get(name)
    if known is not None:
        return known.path if known.path.is_file() else _fetched(name, known), name
    path = Path(given).expanduser()
    if path.is_file():
        return path, None
    near = nearest(name, FOUNDATIONS)
    raise OptionError(
        f"checkpoint {str(given)!r} is no file"
        + (": MACE-POLAR models are not served here" if name.startswith("polar-1") else ""),
        expected=f"the path of a model file, or one of mace-torch's names: {', '.join(FOUNDATIONS)}",
        who=WHO,
        fix=f"checkpoint={near!r}" if near else "checkpoint='path/to/name.model'",
    )


def _fetched(name: str, known: Foundation) -> Path:
    """Let mace-torch fetch a file into its cache, with what it prints on stderr; of others say how to get them."""
    if not known.is_fetched:
        first = f"if its licence, {known.licence}, suits you, run {known.command}"
        raise _not_here(name, known, f"looked for {known.path}", first)
    try:
        with redirect_stdout(sys.stderr):
            from mace.calculators.foundations_models import download_mace_mp_checkpoint

            return Path(download_mace_mp_checkpoint(name))
    except (OSError, RuntimeError) as error:
        why = f"looked for {known.path}; fetching it failed: {error}"
        raise _not_here(name, known, why, "fetch it where there is a network") from error


def _not_here(name: str, known: Foundation, why: str, first: str) -> OptionError:
    return OptionError(
        f"the file of checkpoint {name!r} is not on this machine: {why}",
        expected=f"the file published at {known.url}",
        who=WHO,
        fix=f"{first}; or copy the file to {known.path}, or say checkpoint='path/to/file'",
    )


def read_model(path: Path, *, trusted: bool) -> torch.nn.Module:
    """Read a saved model that gives energies.

    Parameters
    ----------
    path : Path
        As ``torch.save`` wrote it.
    trusted : bool
        Whether code in the file may run.

    Raises
    ------
    InputFileError
        If the file holds no such model, or must not be read without trust.
    """
    _check_kind(path)
    try:
        unknown = [] if trusted else unknown_names(path)
        model = None if unknown else _load(path, trusted=trusted)
    except (*_BROKEN, *_MISSHAPEN) as error:
        raise _unreadable(path, error) from error
    if unknown:
        raise _refused(path, unknown)
    return _checked(path, model)


def _check_kind(path: Path) -> None:
    """Refuse what can be told from the outside: torch saves zip files, TorchScript with a table of constants."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error
    if any(name.endswith("/constants.pkl") for name in names):
        raise InputFileError(
            f"{path} is compiled to TorchScript",
            expected=_EXPECTED,
            who=WHO,
            fix="use the file it was compiled from, without _compiled or -lammps in its name",
        )


def _load(path: Path, *, trusted: bool) -> Any:
    if not trusted:
        return restore(path)
    found = torch.load(path, map_location="cpu", weights_only=False)
    if isinstance(found, torch.nn.Module):
        renew_all(found)  # as for any other file: the same numbers come out, also after a pipeline was saved
    return found


def _unreadable(path: Path, error: Exception) -> InputFileError:
    text = str(error)
    reason = (text.partition(_TORCH_SAYS)[2] or text).strip().partition("\n")[0]
    return InputFileError(f"{path} cannot be read: {type(error).__name__}: {reason}", expected=_EXPECTED, who=WHO)


def _refused(path: Path, unknown: list[str]) -> InputFileError:
    for name in unknown:
        if name in _OTHERS:
            return _unserved(path, name.rpartition(".")[2], _OTHERS[name])
        for start, fix in _CONVERTED.items():
            if name.startswith(start):
                return InputFileError(f"{path} holds {name}", expected="layers of mace and e3nn", who=WHO, fix=fix)
    return InputFileError(
        f"{path} holds more than tensors, numbers and the layers of a MACE model: {', '.join(unknown)}",
        expected="nothing else: reading it can run any code that the file's author put in",
        who=WHO,
        fix="trusted=True, if you know where the file is from",
    )


def _unserved(path: Path, kind: str, why: str) -> InputFileError:
    return InputFileError(
        f"{path} holds a {kind}: {why}", expected="a MACE, ScaleShiftMACE or EnergyDipolesMACE", who=WHO
    )


def _checked(path: Path, model: Any) -> torch.nn.Module:
    if isinstance(model, dict):
        raise InputFileError(
            f"{path} holds {', '.join(map(str, list(model)[:4])) or 'an empty dict'}",
            expected=_EXPECTED,
            who=WHO,
            fix="take the .model file that belongs to this training checkpoint",
        )
    name = f"{type(model).__module__}.{type(model).__qualname__}"
    if name in _OTHERS:
        raise _unserved(path, type(model).__qualname__, _OTHERS[name])
    if not isinstance(model, MACE | EnergyDipolesMACE):
        raise InputFileError(f"{path} holds a {type(model).__qualname__}", expected=_EXPECTED, who=WHO)
    whole: torch.nn.Module = model
    return whole
