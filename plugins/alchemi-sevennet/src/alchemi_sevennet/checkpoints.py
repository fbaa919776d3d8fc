"""Which weights a name stands for, and reading files without running what is in them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path, PureWindowsPath
from pickle import UnpicklingError
from typing import Any

import attrs
import numpy as np
import torch

from alchemi_core.errors import InputFileError, OptionError, nearest

WHO = "sevennet"
DEFAULT = "sevennet-0"


@attrs.frozen
class Shipped:
    """Weights that come with the package sevenn.

    Parameters
    ----------
    file : str
        Below its folder ``pretrained_potentials``.
    level : str
        What they were fitted to.
    levels : mapping of str to str
        The same by modality, for a model fitted to several.
    citations : tuple of str
        Papers beyond that of the method.
    """

    file: str
    level: str = "PBE / PBE+U"
    levels: dict[str, str] = attrs.field(factory=dict)
    citations: tuple[str, ...] = ()


SHIPPED = {
    "sevennet-0": Shipped("SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"),
    "sevennet-0_22may2024": Shipped("SevenNet_0__22May2024/checkpoint_sevennet_0.pth"),
    "sevennet-l3i5": Shipped("SevenNet_l3i5/checkpoint_l3i5.pth"),
    "sevennet-mf-0": Shipped(
        "SevenNet_MF_0/checkpoint_sevennet_mf_0.pth",
        level="",
        levels={"PBE": "PBE / PBE+U", "R2SCAN": "r2SCAN"},
        citations=("10.1021/jacs.4c14455",),
    ),
}
"""By canonical name. All were fitted to relaxations of the Materials Project (MPtrj); MF-0 to r2SCAN ones as well."""

_OTHER_NAMES = {"sevennet-0_11jul2024": "sevennet-0", "sevennet-0_11july2024": "sevennet-0"}
_TO_DOWNLOAD = tuple(f"sevennet-{name}" for name in ("mf-ompa", "omat", "omni", "omni-i8", "omni-i12"))


def canonical(name: str) -> str:
    """Return the canonical form of a name; sevenn writes 7net for sevennet as well.

    >>> canonical("7net-0_11July2024")
    'sevennet-0'
    """
    lower = name.lower()
    full = "sevennet-" + lower.removeprefix("7net-") if lower.startswith("7net-") else lower
    return _OTHER_NAMES.get(full, full)


@attrs.frozen
class Provenance:
    """Where weights came from.

    Parameters
    ----------
    checkpoint : str, optional
        Canonical name of shipped weights.
    source : str, optional
        Name of the file, without its folder, of others: for people to read.
    """

    checkpoint: str | None = None
    source: str | None = None

    @property
    def shipped(self) -> Shipped | None:
        """What is known about shipped weights."""
        return None if self.checkpoint is None else SHIPPED[self.checkpoint]


def find_checkpoint(given: str | Path) -> tuple[Path, Provenance]:
    """Return the file that a name or path stands for, and what is known of it.

    Raises
    ------
    OptionError
        If it is neither the name of shipped weights nor a file.
    """
    name = canonical(str(given))
    if name in SHIPPED:
        return _folder() / SHIPPED[name].file, Provenance(checkpoint=name)
    path = Path(given)
    if name not in _TO_DOWNLOAD and path.is_file():
        return path, Provenance(source=_file_name(path))
    near = nearest(name, SHIPPED)
    raise OptionError(
        f"checkpoint {str(given)!r} "
        + ("is not shipped with sevenn and is never downloaded here" if name in _TO_DOWNLOAD else "is no file"),
        expected=f"one of {', '.join(SHIPPED)} (or 7net-..., as sevenn calls them), or the path of a checkpoint file",
        who=WHO,
        fix=f"checkpoint={near!r}" if near and name not in _TO_DOWNLOAD else "checkpoint='path/to/checkpoint.pth'",
    )


def _file_name(path: Path) -> str:
    """Return the name of a file such that it reads as a path on no system: pipeline files may not hold any."""
    return PureWindowsPath(path).name.lstrip("~")


def _folder() -> Path:
    """Return where sevenn keeps weights, without importing it: that takes seconds and is not needed."""
    spec = find_spec("sevenn")
    if spec is None or not spec.submodule_search_locations:
        raise OptionError("sevenn is not installed", expected="its weights", who=WHO, fix="pip install sevenn")
    return Path(spec.submodule_search_locations[0]) / "pretrained_potentials"


def read_checkpoint(path: Path, *, trusted: bool = False) -> dict[str, Any]:
    """Read a checkpoint: a mapping with ``config`` and ``model_state_dict``.

    Files are read as plain tensors, arrays, numbers and names first, also trusted ones: sevenn's own reading runs any
    code in them. All shipped files, and what sevenn's trainer saves, can be read that way.

    Parameters
    ----------
    path : Path
        File written by sevenn.
    trusted : bool
        Whether code in the file may run, where it cannot be read otherwise.

    Raises
    ------
    InputFileError
        If it cannot be read as plain data and is not trusted, or is no checkpoint.
    """
    try:
        content = _load(path, trusted=trusted)
    except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
        raise InputFileError(f"{path}: {error}", expected="a checkpoint of sevenn", who=WHO) from error
    if not isinstance(content, dict) or not {"config", "model_state_dict"} <= content.keys():
        raise InputFileError(
            f"{path} holds no 'config' and 'model_state_dict'", expected="a checkpoint of sevenn", who=WHO
        )
    return content


def _load(path: Path, *, trusted: bool) -> Any:
    try:
        with torch.serialization.safe_globals(_array_types()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if not trusted:
            raise _distrusted(path) from error
        return torch.load(path, map_location="cpu", weights_only=False)


def _array_types() -> list[Any]:
    reconstruct = np.array([0.0]).__reduce__()[0]
    old_name = (reconstruct, "numpy.core.multiarray._reconstruct")  # before numpy 2
    kinds = [type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?")]
    return [reconstruct, old_name, np.ndarray, np.dtype, *kinds]


def _distrusted(path: Path) -> InputFileError:
    return InputFileError(
        f"{path} cannot be read as plain tensors and numbers",
        expected="a checkpoint without Python objects: reading these can run any code that the file's author put in",
        who=WHO,
        fix="trusted=True, if you know where the file is from",
    )
