"""A saved metatomic model as a step of a pipeline."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.errors import InputFileError, OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_metatomic.systems import systems_of
from alchemi_metatomic.upstream import ModelEvaluationOptions, ModelOutput, load_atomistic_model, unadvised

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "metatomic"
DTYPES = {"float64": torch.float64, "float32": torch.float32}


class Metatomic(BaseModelMixin, torch.nn.Module):
    """A model that metatomic saved: its energy, on the graph through positions and cell.

    A model that reads several neighbor lists reads all of them out of the longest. Positions are cast to its precision,
    energies given back in that of the positions. Other outputs are left aside.

    Parameters
    ----------
    path : str or Path
        The file. It holds a program: load only those you trust.
    name : str
        That plans and errors use.
    level_of_theory : str
        What it was fitted to, for planning to compare with that of corrections.

    Raises
    ------
    InputFileError
        If it is no such file, does not say its units, or needs more than a pipeline gives.
    """

    def __init__(self, path: str | Path, *, name: str = WHO, level_of_theory: str = "") -> None:
        super().__init__()
        if not isinstance(path, str | Path):
            raise OptionError(f"path={path!r}", expected="the path of a file", who=WHO)
        self.path = str(Path(path).absolute())  # copies may be made where relative paths lead elsewhere
        self.model = _loaded(Path(path))
        capabilities = self.model.capabilities()
        self.dtype, self.length_unit = DTYPES[capabilities.dtype], "angstrom"
        self.lists = list(self.model.requested_neighbor_lists())
        _check(self.model, str(path))
        self.model_config = ModelConfig(
            name=name,
            outputs=dict.fromkeys(("energy", "node_energies"), OnGraph({"positions", "cell"}))
            if capabilities.outputs["energy"].sample_kind == "atom"
            else {"energy": OnGraph({"positions", "cell"})},
            active_outputs={"energy", "forces", "stress"},
            supports_pbc=True,
            neighbor_config=_neighbors(self.lists),
            elements=capabilities.atomic_types,
            level_of_theory=level_of_theory,
            citations=tuple(text for texts in self.model.metadata().references.values() for text in texts),
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute the energy, and energies of atoms when asked."""
        per_atom = "node_energies" in requested
        asked = ModelOutput(unit="eV", sample_kind="atom" if per_atom else "system")
        if not view.num_atoms:
            zeros = {"energy": (view.num_systems, 1), "node_energies": (0,)}
            graph = 0.0 * view.positions.sum()  # nothing, but on the graph as declared
            return {name: view.positions.new_zeros(zeros[name]) + graph for name in requested}
        options = ModelEvaluationOptions(length_unit=self.length_unit, outputs={"energy": asked})
        systems = systems_of(view, self.lists, self.dtype)
        values = self.model(systems, options, check_consistency=False)["energy"].block().values
        values = values.to(view.positions.dtype)
        if not per_atom:
            return {"energy": values}
        atoms = values.flatten()
        energy = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {"energy": energy.unsqueeze(1), "node_energies": atoms}

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by the path of the file: a program in TorchScript has no other form."""
        options = {"name": self.model_config.name, "level_of_theory": self.model_config.level_of_theory}
        state = {name: self.__dict__[name] for name in ("origin", "training") if name in self.__dict__}
        return _read_again, (self.path, options, _device_of(self)), state


def _read_again(path: str, options: dict[str, str], device: torch.device | None) -> Metatomic:
    again = Metatomic(path, **options)
    return again if device is None else again.to(device)


def _device_of(model: torch.nn.Module) -> torch.device | None:
    """Return where the numbers of a model are; None where it has none."""
    return next((one.device for one in chain(model.parameters(), model.buffers())), None)


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise InputFileError("there is no such file", expected="a model that metatomic saved", who=str(path))
    try:
        with unadvised():
            return load_atomistic_model(path)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputFileError(reason, expected="a model that metatomic saved", who=str(path)) from error


def _check(model: Any, path: str) -> None:
    if "energy" not in model.capabilities().outputs:
        raise InputFileError("it gives no energy", expected="a potential", who=path)
    units = {"energy": model.capabilities().outputs["energy"].unit, "length": model.capabilities().length_unit}
    if unknown := [name for name, unit in units.items() if not unit]:
        raise InputFileError(
            f"it does not say its unit of {' and '.join(unknown)}", expected="units: none are converted else", who=path
        )
    if wanted := sorted(model.requested_inputs(use_new_names=True)):
        raise InputFileError(
            f"it reads {', '.join(wanted)}", expected="a model that reads the geometry alone", who=path
        )


def _neighbors(lists: list[Any]) -> NeighborConfig | None:
    """Return the list that all others are made of: the longest cutoff, in both directions where one needs that."""
    if not lists:
        return None
    reach = max(one.engine_cutoff("angstrom") for one in lists)
    return NeighborConfig(reach, half_list=not any(one.full_list for one in lists))
