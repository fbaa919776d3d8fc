"""``alchemi relax-many``: from files of structures to one file of relaxed ones, and a table of what became of each."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.cli.composing import chosen_device, chosen_dtype, compose
from alchemi_core.cli.interrupts import exit_code, stopping_at_sigterm
from alchemi_core.cli.main import BAD_INPUT, SUCCESS, UNFINISHED
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.progress import Field, Progress
from alchemi_core.cli.provenance import describe_run
from alchemi_core.cli.structures import Structure, read_structures
from alchemi_torchsim.cli.ledger import FILES, Ledger
from alchemi_torchsim.relaxing import relax

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_torchsim.outcomes import Relaxed

FIELDS = (
    Field("structure", "", 9, "d"),
    Field("atoms", "", 6, "d"),
    Field("steps", "", 6, "d"),
    Field("energy", "eV", 15, ".6f"),
    Field("max force", "eV/Å", 10, ".5f"),
    Field("time", "s", 8, ".1f"),
)


def run(arguments: argparse.Namespace) -> int:
    """Relax all structures of the files."""
    device, dtype = chosen_device(arguments), chosen_dtype(arguments)
    structures = read_structures(arguments.files, arguments.format, check=False)
    folder = OutputFolder.of(arguments, _name(structures), FILES)
    record = describe_run(arguments.words, structures, str(device), arguments.dtype or "float64")
    pipeline = compose(arguments.model, device, arguments.accept)
    results = relax(
        pipeline,
        [structure.atoms for structure in structures],
        fmax=arguments.fmax,
        cell=not arguments.fix_cell,
        optimizer=arguments.optimizer,
        max_steps=arguments.steps,
        atoms_at_once=arguments.atoms_at_once,
        dtype=dtype,
        device=device,
    )
    return Run(structures, arguments, pipeline, record).follow(results, folder)


def _name(structures: Sequence[Structure]) -> str:
    """Name of the folder where none is asked for."""
    several = len({structure.path for structure in structures}) > 1
    return "relaxed" if several else f"relaxed-{structures[0].path.stem}"


@attrs.frozen(eq=False)
class Run:
    """One run of the command.

    Parameters
    ----------
    structures : sequence of Structure
        As read.
    arguments : argparse.Namespace
        The command line.
    pipeline : PipelineModelWrapper
        Of ``--model``.
    record : dict
        What ``run.json`` says of the call.
    """

    structures: Sequence[Structure]
    arguments: argparse.Namespace
    pipeline: PipelineModelWrapper
    record: dict[str, Any]

    def follow(self, results: Iterator[Relaxed], folder: OutputFolder) -> int:
        """Write and show results as they come; what was done before a Ctrl-C or an error is kept.

        Returns
        -------
        int
            Exit code.
        """
        with Ledger(folder.path, self.structures, self.arguments.model, self.record, self.pipeline) as ledger:
            try:
                with stopping_at_sigterm():
                    self._collect(results, ledger)
            except KeyboardInterrupt as stop:
                ledger.close("interrupted", self._settings())
                sys.stderr.write(f"alchemi: interrupted; what was done is in {folder.path}\n")
                return exit_code(stop)
            ledger.close("done", self._settings())
            ledger.show()
        return BAD_INPUT if ledger.failed else UNFINISHED if ledger.unconverged else SUCCESS

    def _collect(self, results: Iterator[Relaxed], ledger: Ledger) -> None:
        count, began = len(self.structures), time.perf_counter()
        cells = "positions" if self.arguments.fix_cell else "positions and cells"
        title = f"{count} structures, {cells}, with {self.arguments.model}"
        with Progress(title, FIELDS) as progress:
            for result in results:
                ledger.add(result)
                elapsed = time.perf_counter() - began
                row = (result.index, len(result.structure), result.steps, result.energy, result.pull, elapsed)
                note = f"{result.index + 1} of {count}" + (f", {ledger.failed} failed" if ledger.failed else "")
                progress.line(row, done=(result.index + 1) / count, note=note)

    def _settings(self) -> dict[str, Any]:
        names = ("fmax", "steps", "optimizer", "fix_cell", "atoms_at_once")
        return {name: getattr(self.arguments, name) for name in names}
