"""``alchemi derive``: what a derivative strategy gives, of any number of structures."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from alchemi_core.atomic_write import write_bytes, write_json
from alchemi_core.cli.composing import chosen_device, chosen_dtype, compose
from alchemi_core.cli.deriving import derived
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.progress import waiting
from alchemi_core.cli.provenance import describe_model, describe_run
from alchemi_core.cli.structures import Structure, naming_one_of_several, read_structures
from alchemi_core.cli.tables import Column, show_table
from alchemi_core.data.batch import Batch
from alchemi_core.data.from_ase import arrays_read
from alchemi_core.quantities import QUANTITIES, Per

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from alchemi_core.pipeline import PipelineModelWrapper

ONE, RECORD = "results.npz", "run.json"
COLUMNS = (
    Column("structure"),
    Column("output"),
    Column("shape"),
    Column("unit"),
    Column("largest", number=True),
    Column("norm", number=True),
)


@attrs.frozen(eq=False)
class Result:
    """One output of one structure.

    Parameters
    ----------
    name : str
        Output.
    value : numpy.ndarray
        Without the axis that counts systems.
    """

    name: str
    value: np.ndarray[Any, Any]

    @classmethod
    def of(cls, name: str, tensor: Tensor) -> Result:
        """Take an output of a batch that holds one system."""
        value, quantity = tensor.detach().cpu().numpy(), QUANTITIES.get(name)
        return cls(name, value[0] if quantity is not None and quantity.per is Per.SYSTEM else value)

    def summary(self) -> dict[str, Any]:
        """Return shape, unit, the entry largest by size with its sign, and the norm; None where there is no number."""
        quantity, entries = QUANTITIES.get(self.name), self.value.ravel().astype(float)
        finite = entries.size > 0 and bool(np.isfinite(entries).all())
        return {
            "shape": list(self.value.shape),
            "unit": "" if quantity is None else quantity.unit,
            "largest": float(entries[np.abs(entries).argmax()]) if finite else None,
            "norm": float(np.linalg.norm(entries)) if finite else None,
        }


def run(arguments: argparse.Namespace) -> int:
    """Compute, print, and write where asked."""
    device, dtype = chosen_device(arguments), chosen_dtype(arguments)
    structures = read_structures(arguments.files, arguments.format)
    names = _files(structures)
    folder = OutputFolder.of(arguments, "derive", [*names, *_earlier(arguments.out)]) if arguments.out else None
    record = describe_run(arguments.words, structures, str(device), arguments.dtype or "float64")
    pipeline = derived(compose(arguments.model, device, arguments.accept), arguments.derivative)
    wanted = frozenset((arguments.outputs or "").replace(",", " ").split()) or None
    pipeline.plan_for(wanted or pipeline.active_outputs)  # what cannot be asked is refused before anything is computed
    began = time.perf_counter()
    results = []
    for structure in structures:
        arrays = arrays_read(pipeline.model_config, structure.atoms)
        batch = Batch.from_ase(structure.atoms, dtype=dtype, device=device, arrays=arrays)
        with naming_one_of_several(structure), waiting(f"{structure.label}: {arguments.derivative}"):
            results.append([Result.of(name, value) for name, value in pipeline(batch, wanted).items()])
    record |= {"seconds": time.perf_counter() - began, **_described(arguments, pipeline, results)}
    _show(structures, results)
    if folder is not None:
        _write(folder.path, structures, names, results, record)
    return 0


def _described(
    arguments: argparse.Namespace, pipeline: PipelineModelWrapper, results: Sequence[Sequence[Result]]
) -> dict[str, Any]:
    computed = {one.name for result in results for one in result}
    return {"model": describe_model(arguments.model, pipeline, computed), "derivative": arguments.derivative}


def _files(structures: Sequence[Structure]) -> list[str]:
    """Name the file of each structure."""
    return [ONE] if len(structures) == 1 else [f"structure-{number:04d}.npz" for number in range(len(structures))]


def _earlier(out: str | None) -> list[str]:
    """Name what an earlier run may have left in the folder, with more structures or fewer."""
    return [ONE, RECORD, *(path.name for path in Path(out or "").glob("structure-[0-9]*.npz"))] if out else []


def _show(structures: Sequence[Structure], results: Sequence[Sequence[Result]]) -> None:
    rows = []
    for structure, result in zip(structures, results, strict=True):
        for one in result:
            told = one.summary()
            figures = ["–" if told[key] is None else f"{told[key]:.6g}" for key in ("largest", "norm")]
            shape = "×".join(map(str, told["shape"])) or "1"
            rows.append([structure.label, one.name, shape, told["unit"] or "–", *figures])
    show_table("", COLUMNS, rows)


def _write(
    folder: Path,
    structures: Sequence[Structure],
    names: Sequence[str],
    results: Sequence[Sequence[Result]],
    record: Mapping[str, Any],
) -> None:
    listed = []
    for structure, name, result in zip(structures, names, results, strict=True):
        write_bytes(folder / name, _as_npz(structure, result))
        summaries = {one.name: one.summary() for one in result}
        listed.append({"structure": structure.label, "file": name, "outputs": summaries})
    write_json(folder / RECORD, {**record, "status": "done", "results": listed})
    written = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    sys.stdout.write(f"wrote {folder / written} and {folder / RECORD}\n")


def _as_npz(structure: Structure, result: Sequence[Result]) -> bytes:
    """Return the outputs, and the structure they are of, as numpy keeps several arrays in one file."""
    atoms, buffer = structure.atoms, io.BytesIO()
    geometry = {"positions": atoms.positions, "atomic_numbers": atoms.numbers, "cell": atoms.cell.array}
    np.savez(buffer, **{**geometry, "pbc": atoms.pbc, **{one.name: one.value for one in result}})
    return buffer.getvalue()
