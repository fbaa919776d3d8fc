"""``alchemi singlepoint``: structures as they are."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from alchemi_core.ase import AlchemiCalculator
from alchemi_core.atomic_write import write_json, write_text
from alchemi_core.cli.composing import chosen_device, chosen_dtype, compose, outputs_for
from alchemi_core.cli.contributions import Share, shares_of, show_shares
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.provenance import describe_model, describe_run
from alchemi_core.cli.snapshot import Snapshot, take_snapshot
from alchemi_core.cli.structures import Structure, naming_one_of_several, read_structures
from alchemi_core.cli.tables import Column, show_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from alchemi_core.pipeline import PipelineModelWrapper

RESULTS, RECORD, PICTURE = "results.extxyz", "run.json", "contributions.png"
FILES = (RESULTS, RECORD, PICTURE)
DOUBT = {"energy_std": "energy ± eV", "forces_std": "max force ± eV/Å"}
"""Standard deviations of committees, and how they are headed: that of the forces where it is largest."""

Shares: TypeAlias = "Sequence[tuple[Share, ...]] | None"
"""What each step added, structure by structure; None where that was not asked."""


def run(arguments: argparse.Namespace) -> int:
    """Compute, print, and write where asked."""
    device, dtype = chosen_device(arguments), chosen_dtype(arguments)
    folder = OutputFolder.of(arguments, "singlepoint", FILES) if arguments.out else None
    structures = read_structures(arguments.files, arguments.format)
    record = describe_run(arguments.words, structures, str(device), arguments.dtype or "float64")
    pipeline = compose(arguments.model, device, arguments.accept)
    began = time.perf_counter()
    doubt = pipeline.active_outputs & DOUBT.keys()
    kept = {"contributions": arguments.contributions, "outputs": sorted(doubt)}
    calculator = AlchemiCalculator(pipeline, dtype=dtype, device=device, **kept)
    snapshots = [_compute(structure, calculator, pipeline) for structure in structures]
    shares = [shares_of(one) for one in snapshots] if arguments.contributions else None
    record |= {"seconds": time.perf_counter() - began, "model": describe_model(arguments.model, pipeline, ["energy"])}
    _show(structures, snapshots, shares)
    if folder is not None:
        _write(folder.path, structures, snapshots, shares, record)
    return 0


def _compute(structure: Structure, calculator: AlchemiCalculator, pipeline: PipelineModelWrapper) -> Snapshot:
    atoms = structure.atoms
    stress = "stress" in outputs_for(atoms, pipeline, needs_stress=False)
    atoms.calc = calculator
    with naming_one_of_several(structure):
        return take_snapshot(atoms, calculator, step=0, elapsed=0.0, stress=stress)


def _show(structures: Sequence[Structure], snapshots: Sequence[Snapshot], shares: Shares) -> None:
    if shares is not None:
        show_shares([structure.label for structure in structures], shares)
        return
    terms = list(dict.fromkeys(label for one in snapshots for label in one.terms))
    listed = terms if len(terms) > 1 else []
    doubted = list(dict.fromkeys(name for one in snapshots for name in one.doubt))
    titles = ["atoms", "energy eV", *(f"{label} eV" for label in listed), "max force eV/Å", "pressure GPa"]
    titles += [DOUBT[name] for name in doubted]
    rows = [
        [
            structure.label,
            str(len(structure.atoms)),
            f"{one.energy:.6f}",
            *(f"{one.terms[label]:.6f}" for label in listed),
            f"{one.max_force:.6f}",
            "–" if one.pressure is None else f"{one.pressure:.4f}",
            *(f"{one.doubt[name]:.6f}" for name in doubted),
        ]
        for structure, one in zip(structures, snapshots, strict=True)
    ]
    show_table("", [Column("structure"), *(Column(title, number=True) for title in titles)], rows)


def _write(
    folder: Path,
    structures: Sequence[Structure],
    snapshots: Sequence[Snapshot],
    shares: Shares,
    record: dict[str, Any],
) -> None:
    write_text(folder / RESULTS, as_text(one.atoms for one in snapshots))
    results = [
        {"structure": structure.label} | one.summary() for structure, one in zip(structures, snapshots, strict=True)
    ]
    written = f"{folder / RESULTS} and {folder / RECORD}"
    if shares is not None:
        results = [
            one | {"contributions": [share.summary() for share in of[:-1]]}
            for one, of in zip(results, shares, strict=True)
        ]
        model = record["model"]
        _draw(folder / PICTURE, structures, shares, model.get("expression") or model["file"])
        written = f"{folder / RESULTS}, {folder / PICTURE} and {folder / RECORD}"
    write_json(folder / RECORD, record | {"status": "done", "results": results})
    sys.stdout.write(f"wrote {written}\n")


def _draw(path: Path, structures: Sequence[Structure], shares: Sequence[tuple[Share, ...]], model: str) -> None:
    # Only now, so that what is printed does not wait for matplotlib.
    from alchemi_core.cli.contributions_plot import plot_contributions

    formulas = [structure.atoms.symbols.formula.reduce()[0].format("metal") for structure in structures]
    plot_contributions(path, [structure.label for structure in structures], formulas, shares, model)
