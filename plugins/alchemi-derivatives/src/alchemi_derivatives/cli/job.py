"""Job: what the commands share. One structure, a pipeline, a folder for results, and the record of the run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.atomic_write import write_json
from alchemi_core.cli.composing import chosen_device, chosen_dtype, compose
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.provenance import describe_model, describe_run
from alchemi_core.cli.structures import Structure, read_structures
from alchemi_core.data.batch import Batch
from alchemi_core.errors import InputFileError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import torch
    from ase import Atoms

    from alchemi_core.pipeline import PipelineModelWrapper


@attrs.frozen(eq=False)
class Job:
    """One run of a command on one structure.

    Parameters
    ----------
    structure : Structure
        As read.
    pipeline : PipelineModelWrapper
        Of ``--model``.
    folder : OutputFolder
        Claimed when the first result is there.
    record : dict
        What goes into ``run.json``.
    device : torch.device
        Where it is computed.
    dtype : torch.dtype
        In which precision.
    began : float
        Time at the start.
    """

    structure: Structure
    pipeline: PipelineModelWrapper
    folder: OutputFolder
    record: Mapping[str, Any]
    device: torch.device
    dtype: torch.dtype
    began: float

    @classmethod
    def start(cls, arguments: argparse.Namespace, prefix: str, files: Sequence[str]) -> Job:
        """Read the structure and load the models.

        Parameters
        ----------
        arguments : argparse.Namespace
            With ``file``, ``model``, ``accept``, ``device``, ``dtype``, ``format``, ``out``, ``overwrite``, ``words``.
        prefix : str
            Of the default folder, such as ``phonons`` in ``phonons-NAME``.
        files : sequence of str
            Names that the command writes, which ``--overwrite`` may replace.

        Raises
        ------
        InputFileError
            If the file holds no or several structures.
        """
        began, device, dtype = time.perf_counter(), chosen_device(arguments), chosen_dtype(arguments)
        structure = _only(read_structures([arguments.file], arguments.format))
        folder = OutputFolder.of(arguments, f"{prefix}-{structure.path.stem}", files)
        record = describe_run(arguments.words, [structure], str(device), arguments.dtype or "float64")
        return cls(structure, compose(arguments.model, device, arguments.accept), folder, record, device, dtype, began)

    def batch(self, atoms: Atoms | Sequence[Atoms]) -> Batch:
        """Make a batch of structures on the device and in the precision of the job."""
        return Batch.from_ase(atoms, dtype=self.dtype, device=self.device)

    def write_record(
        self, model: str, outputs: Iterable[str], results: Mapping[str, Any], citations: Sequence[str] = ()
    ) -> Path:
        """Write ``run.json``: inputs, versions, plan, citations, results.

        Parameters
        ----------
        model : str
            The expression of ``--model``.
        outputs : iterable of str
            What was asked of the pipeline.
        results : mapping
            Of the command, as JSON can hold it.
        citations : sequence of str
            Beside those of the models.
        """
        path = self.folder.path / "run.json"
        described = describe_model(model, self.pipeline, outputs)
        described["citations"] = [*described["citations"], *citations]
        seconds = time.perf_counter() - self.began
        write_json(path, {**self.record, "seconds": seconds, "model": described, "status": "done", "results": results})
        return path


def _only(structures: Sequence[Structure]) -> Structure:
    if len(structures) == 1:
        return structures[0]
    path = structures[0].path
    raise InputFileError(
        f"{len(structures)} structures", expected="one structure", who=str(path), fix=f"{path}@0 takes the first"
    )
