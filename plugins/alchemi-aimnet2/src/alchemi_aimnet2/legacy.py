"""TorchScript archives, as AIMNet2 was first published: a network with its Coulomb sum and D3 compiled in.

Such a file is a program. It is only run for users who say that they know where it is from.
"""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from alchemi_aimnet2.checkpoints import WHO
from alchemi_aimnet2.facts import Facts
from alchemi_aimnet2.loaded import Loaded
from alchemi_aimnet2.terms import Terms
from alchemi_aimnet2.upstream import extract_species, named_children_rec
from alchemi_core.errors import InputFileError, OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

_CONVERT = "convert the file once: aimnet convert model.jpt description.yaml model.pt"
_INSIDE = {"coulomb": {"lrcoulomb"}, "dispersion": {"dftd3", "d3bj", "d3ts"}}
"""What aimnet calls the modules for each kind of physics."""

_READ = ("coord", "numbers", "mol_idx", "charge", "mult", "nbmat", "nbmat_lr")


class Program(torch.nn.Module):
    """The program of an archive, called as aimnet calls it.

    Parameters
    ----------
    program : ScriptModule
        As loaded.
    """

    dtype = torch.float32
    """Floating type that the program itself casts everything to."""

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.program = program

    def forward(self, data: dict[str, Tensor], num_systems: int) -> dict[str, Tensor]:
        """Return energies [B] and charges [N + 1]; the program itself knows no systems without atoms."""
        if next(self.program.parameters()).dtype is not self.dtype:
            raise OptionError("a TorchScript archive made float64", expected="float32", who=WHO, fix=_CONVERT)
        present, mol_idx = data["mol_idx"].unique_consecutive(return_inverse=True)
        given = {name: data[name] for name in _READ if name in data}
        given.update(mol_idx=mol_idx, charge=data["charge"][present], mult=data["mult"][present])
        result: dict[str, Tensor] = self.program(given)
        energies = result["energy"].new_zeros(num_systems).index_add(0, present, result["energy"][: len(present)])
        return {**result, "energy": energies}

    def __getstate__(self) -> dict[str, Any]:
        """Write the program as an archive: it cannot be pickled."""
        archive = io.BytesIO()
        with _unadvised():
            torch.jit.save(self.program, archive)
        return {"archive": archive.getvalue(), "training": self.training}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__init__()
        self.program = _load(io.BytesIO(state["archive"]))
        self.train(state["training"])


def load_archive(path: Path, *, trusted: bool, options: dict[str, Any]) -> Loaded:
    """Load an archive and run what it runs when it is loaded.

    Parameters
    ----------
    path : Path
        The file.
    trusted : bool
        Whether the user knows where it is from.
    options : dict
        Those that ask for anything but the energy as it was compiled, with None where one is not given.

    Raises
    ------
    InputFileError
        If it is not trusted, or is no AIMNet2.
    OptionError
        If an option asks for what an archive cannot do.
    """
    if not trusted:
        raise InputFileError(
            f"{path} is a TorchScript archive: a program, which runs when the model is used",
            expected="a checkpoint made of tensors and a description, or your word for the file",
            who=WHO,
            fix="trusted=True, if you know where the file is from; or " + _CONVERT,
        )
    try:
        program = _load(str(path))
        facts = Facts(float(program.cutoff), frozenset(extract_species(program)))
    except (RuntimeError, AttributeError, ValueError, TypeError) as error:
        first = str(error).strip().partition("\n")[0][:300]
        raise InputFileError(f"{path} is no AIMNet2: {first}", expected="an archive of AIMNet2", who=WHO) from error
    names = {name for name, _ in named_children_rec(program)}
    contains = {physics: "compiled in" for physics, inside in _INSIDE.items() if names & inside}
    _check_options(options, contains)
    return Loaded(Program(program), facts, Terms("simple", dispersion=False), contains)


def _check_options(options: dict[str, Any], contains: dict[str, str]) -> None:
    as_it_is = {
        "coulomb": "simple" if "coulomb" in contains else False,
        "dispersion": "dispersion" in contains,
        "dtype": "float32",
    }
    for name, value in options.items():
        if value is not None and value != as_it_is.get(name):
            raise OptionError(
                f"{name}={value!r} for a TorchScript archive",
                expected="its energy as it was compiled, in float32: nothing in it can be switched",
                who=WHO,
                fix=_CONVERT,
            )


@contextmanager
def _unadvised() -> Iterator[None]:
    """Keep quiet about the format that these files have: torch advises against it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=DeprecationWarning)
        yield


def _load(source: Any) -> Any:
    with _unadvised():
        return torch.jit.load(source, map_location="cpu")
