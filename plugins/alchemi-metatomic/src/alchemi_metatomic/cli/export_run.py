"""``alchemi export``: compose, export, write, say how to use it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from ase.data import chemical_symbols

from alchemi_core.cli.composing import compose
from alchemi_core.cli.progress import waiting
from alchemi_core.errors import OptionError
from alchemi_metatomic.exporting import export
from alchemi_metatomic.writing import END, write_model

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from alchemi_metatomic.upstream import AtomisticModel

MANY = 10
"""More elements than this are counted, not listed."""


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    path = _checked(Path(arguments.out), overwrite=arguments.overwrite)
    pipe = compose(arguments.pipeline, torch.device("cpu"), arguments.accept)
    with waiting("compiling"):
        model = export(
            pipe,
            dtype=arguments.dtype,
            couplings=_couplings(arguments.coupling),
            name=arguments.name,
            description=arguments.description,
            authors=arguments.author,
        )
        write_model(model, path)
    sys.stdout.write(_summary(model, path))
    return 0


def _checked(path: Path, *, overwrite: bool) -> Path:
    if path.suffix != END:
        raise OptionError(
            f"{path} ends with {path.suffix!r}", expected=END, who="--out", fix=f"-o {path.with_suffix(END)}"
        )
    if not path.parent.is_dir():
        raise OptionError(f"there is no folder {path.parent}", expected="one that is there", who="--out")
    if path.exists() and not overwrite:
        raise OptionError(f"{path} is there already", expected="a new file", who="--out", fix="--overwrite")
    return path


def _couplings(given: Iterable[str]) -> dict[str, float]:
    """Read ``NAME=VALUE``; a value alone is that of ``coupling``."""
    values: dict[str, float] = {}
    for text in given:
        name, separated, number = text.rpartition("=")
        try:
            values[name.strip() if separated else "coupling"] = float(number)
        except ValueError:
            expected = "NAME=VALUE, such as coupling=0.5"
            raise OptionError(f"{text!r}", expected=expected, who="--coupling") from None
    return values


def _summary(model: AtomisticModel, path: Path) -> str:
    capabilities = model.capabilities()
    symbols = [chemical_symbols[number] for number in capabilities.atomic_types]
    lists = [f"{one.cutoff:g} Å {'full' if one.full_list else 'half'}" for one in model.requested_neighbor_lists()]
    few = len(symbols) <= MANY
    lines = [
        f"wrote {path}: {model.metadata().name}",
        f"  elements   {' '.join(symbols) if few else f'{len(symbols)}, {symbols[0]} to {symbols[-1]}'}",
        f"  lists      {', '.join(lists) or 'none'}",
        f"  range      {capabilities.interaction_range:g} Å",
        f"  precision  {capabilities.dtype}",
        *_inputs(model),
        "LAMMPS with the package ML-METATOMIC, atoms of type 1 being "
        + (f"{symbols[0]}:" if few else f"{symbols[0]}, for example:"),
        "  units metal",
        f"  pair_style metatomic {path.name}",
        f"  pair_coeff * * {capabilities.atomic_types[0]}",
    ]
    return "\n".join(lines) + "\n"


def _inputs(model: AtomisticModel) -> list[str]:
    names = sorted(model.requested_inputs(use_new_names=True))
    return [f"  reads      {', '.join(names)} of each atom, from the engine"] if names else []
