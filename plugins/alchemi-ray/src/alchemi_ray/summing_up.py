"""What a run came to, for the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from alchemi_core.cli.tables import Column, show_table

if TYPE_CHECKING:
    from alchemi_ray.layout import Layout
    from alchemi_ray.spec import Spec
    from alchemi_ray.totals import Totals


def show_totals(spec: Spec, totals: Totals, rate: float | None) -> None:
    """Print how many structures have results, how many failed of what, and how fast it went.

    Parameters
    ----------
    spec : Spec
        Of the run.
    totals : Totals
        Of all its parts.
    rate : float or None, 1/s
        Structures of this part of the run over its time; None where there were none.
    """
    rows = [["structures", str(spec.structures)], ["done", str(totals.done)]]
    if spec.settings.task == "relax":
        rows.append(["not converged", str(totals.not_converged)])
    rows.append(["failed", str(totals.failed)])
    rows += [[f"  {name}", str(count)] for name, count in sorted(totals.errors.items(), key=lambda one: -one[1])]
    if left := spec.structures - totals.structures:
        rows.append(["to do", str(left)])
    if rate is not None:
        rows.append(["structures/s", f"{rate:.1f}"])
    sys.stdout.write("\n")
    show_table("", [Column(""), Column("", number=True)], rows)


def show_files(layout: Layout, totals: Totals, *, report: bool) -> None:
    """Say where the results are."""
    names = [f"{layout.results_folder.name}/", layout.record.name]
    if totals.failed:
        names.insert(1, layout.all_failures.name)
    if report:
        names.append(layout.report.name)
    sys.stdout.write(f"wrote {', '.join(names[:-1])} and {names[-1]} to {layout.folder}\n")
