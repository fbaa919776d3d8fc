"""Which weights a name stands for, and reading files without running what is in them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path, PureWindowsPath
from pickle import UnpicklingError
from typing import Any

import attrs
import torch

from alchemi_core.errors import InputFileError, OptionError, nearest

WHO = "chgnet"
DEFAULT = "0.3.0"

_NEVER_SEEN = frozenset({84, 85, 86, 87, 88})
"""Po, At, Rn, Fr, Ra: their embeddings are as first drawn, no structure of MPtrj or MP-r2SCAN holds them."""


@attrs.frozen
class Shipped:
    """Weights that come with the package chgnet.

    Parameters
    ----------
    file : str
        Below its folder ``pretrained``.
    level : str
        What they were fitted to.
    never_seen : frozenset of int
        Atomic numbers that have rows in the tables of the network, but were in no structure it was fitted to.
    """

    file: str
    level: str = "PBE / PBE+U"
    never_seen: frozenset[int] = _NEVER_SEEN


SHIPPED = {
    "0.3.0": Shipped("0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"),
    "0.2.0": Shipped("0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar"),
    "r2scan": Shipped(
        "r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar",
        level="r2SCAN",
        never_seen=_NEVER_SEEN | {70},  # Yb: weights are bit for bit those of 0.3.0, its reference energy is zero
    ),
}
"""By name: the first two were fitted to relaxations of the Materials Project (MPtrj), the last went on to MP-r2SCAN."""


@attrs.frozen
class Provenance:
    """Where weights came from.

    Parameters
    ----------
    checkpoint : str, optional
        Name of shipped weights.
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
    name = str(given).lower()
    if name in SHIPPED:
        return _folder() / SHIPPED[name].file, Provenance(checkpoint=name)
    if isinstance(given, str | Path) and Path(given).is_file():
        return Path(given), Provenance(source=_file_name(Path(given)))
    near = nearest(name, SHIPPED)
    raise OptionError(
        f"checkpoint {str(given)!r} is no file",
        expected=f"one of {', '.join(SHIPPED)}, or the path of a checkpoint file",
        who=WHO,
        fix=f"checkpoint={near!r}" if near else "checkpoint='path/to/checkpoint.pth.tar'",
    )


def _file_name(path: Path) -> str:
    """Return the name of a file such that it reads as a path on no system: pipeline files may not hold any."""
    return PureWindowsPath(path).name.lstrip("~")


def _folder() -> Path:
    spec = find_spec("chgnet")
    if spec is None or not spec.submodule_search_locations:
        raise OptionError("chgnet is not installed", expected="its weights", who=WHO, fix="pip install chgnet")
    return Path(spec.submodule_search_locations[0]) / "pretrained"


def read_checkpoint(path: Path, *, trusted: bool) -> dict[str, Any]:
    """Read a checkpoint: a mapping with ``model_args`` and ``state_dict``.

    Files are read as plain tensors and numbers first, also trusted ones: unpickling anything else runs code that the
    file names. All shipped files, and what chgnet's trainer saves, can be read that way.

    Parameters
    ----------
    path : Path
        File written by chgnet.
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
        raise InputFileError(f"{path}: {error}", expected="a checkpoint of chgnet", who=WHO) from error
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or not {"model_args", "state_dict"} <= model.keys():
        raise InputFileError(
            f"{path} holds no 'model' with 'model_args' and 'state_dict'", expected="a checkpoint of chgnet", who=WHO
        )
    return model


def _load(path: Path, *, trusted: bool) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if not trusted:
            raise _distrusted(path) from error
        return torch.load(path, map_location="cpu", weights_only=False)


def _distrusted(path: Path) -> InputFileError:
    return InputFileError(
        f"{path} cannot be read as plain tensors and numbers",
        expected="a checkpoint without Python objects: reading these can run any code that the file's author put in",
        who=WHO,
        fix="trusted=True, if you know where the file is from",
    )
