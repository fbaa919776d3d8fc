"""Graphite holds together: relaxation and interlayer binding with and without dispersion.

Relaxes ``graphite.cif`` with each of four models, evaluates the energy over a range of interlayer distances in one
batch per model, and draws the four curves beside the measured distance.

Run: ``python examples/graphite_demo.py --out demo-output``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import graphene
from ase.io import read
from matplotlib.figure import Figure

from alchemi_core import Batch, PipelineModelWrapper
from alchemi_core.cli.main import main as alchemi
from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.registry import default_registry

MODELS = {
    "SevenNet-0": "sevennet",
    "SevenNet-0 + D3": "sevennet + dftd3(functional='pbe')",
    "CHGNet": "chgnet",
    "CHGNet + D3": "chgnet + dftd3(functional='pbe')",
}
STYLES = {
    "SevenNet-0": {"color": "#2a6f97", "linestyle": "--"},
    "SevenNet-0 + D3": {"color": "#2a6f97", "linestyle": "-"},
    "CHGNet": {"color": "#c1666b", "linestyle": "--"},
    "CHGNet + D3": {"color": "#c1666b", "linestyle": "-"},
}
LATTICE_CONSTANT = 2.4612
"""Å. Graphite at room temperature: Y. Baskin and L. Meyer, Phys. Rev. 100, 544 (1955)."""

MEASURED_C = 6.7079
"""Å. Same source; two layers per cell, so the interlayer distance is half of it."""

FAR = 20.0
"""Å. Layers this far apart count as separated."""


def graphite(distance: float) -> Atoms:
    """Return AB-stacked graphite with the given interlayer distance in Å."""
    layer = graphene(a=LATTICE_CONSTANT, vacuum=distance / 2)
    other = layer.copy()
    other.positions += (layer.positions[1] - layer.positions[0]) * [1, 1, 0] + [0, 0, distance]
    both = layer + other
    both.cell[2, 2] = 2 * distance
    both.pbc = True
    return both


def binding_curve(model: PipelineModelWrapper, distances: np.ndarray) -> np.ndarray:
    """Return E(d) − E(far) in meV per atom, all distances in one batch."""
    structures = [graphite(d) for d in (*distances, FAR)]
    energies = model(Batch.from_ase(structures), requested={"energy"})["energy"].flatten().numpy()
    return 1000 * (energies[:-1] - energies[-1]) / len(structures[0])


def relax(expression: str, folder: Path) -> Atoms:
    """Relax the example structure from the command line's front door and return the result."""
    source = Path(__file__).with_name("graphite.cif")
    code = alchemi(["relax", str(source), "--model", expression, "--out", str(folder)])
    if code:
        sys.exit(code)
    return read(folder / "final.extxyz")


def draw(curves: dict[str, np.ndarray], distances: np.ndarray, path: Path) -> None:
    """Draw the curves beside the measured interlayer distance."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.axvline(MEASURED_C / 2, color="#333333", linewidth=1.2, zorder=1)
    axes.annotate(
        f"measured {MEASURED_C / 2:.3f} Å", (MEASURED_C / 2, 26), xytext=(6, 0), textcoords="offset points", fontsize=9
    )
    axes.axhline(0.0, color="#bbbbbb", linewidth=0.8, zorder=0)
    for name, curve in curves.items():
        axes.plot(distances, curve, label=name, linewidth=2, **STYLES[name])
        lowest = int(curve.argmin())
        axes.plot(distances[lowest], curve[lowest], "o", color=STYLES[name]["color"], markersize=5)
    axes.set(
        xlabel="interlayer distance (Å)",
        ylabel="energy relative to separated layers (meV/atom)",
        title="Graphite holds together once dispersion is added",
        xlim=(distances[0], distances[-1]),
        ylim=(-75, 35),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=160)


def main() -> None:
    """Relax, scan, draw, and print the lattice constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for results")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    distances = np.linspace(3.0, 5.5, 51)
    curves, rows = {}, []
    for name, expression in MODELS.items():
        relaxed = relax(expression, out / name.replace(" ", "").lower())
        a, _, c = relaxed.cell.lengths()
        rows.append(f"{name:<18}{a:8.3f} Å {c:8.3f} Å")
        curves[name] = binding_curve(build_expression(parse_expression(expression), default_registry()), distances)
    draw(curves, distances, out / "graphite.png")
    print(
        "\n".join([f"{'relaxed with':<18}{'a':>8}   {'c':>8}", *rows, f"{'measured':<18}{2.461:8.3f} Å {6.708:8.3f} Å"])
    )
    print(f"picture: {out / 'graphite.png'}")


if __name__ == "__main__":
    main()
