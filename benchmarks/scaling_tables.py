"""Tables of docs/scaling.md, made of scaling.json, so that the page says what was measured.

    python benchmarks/scaling_tables.py docs/scaling.md

Each stands between ``<!-- table NAME -->`` and ``<!-- end of table -->``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaling_constants import SYNCS, Constants

MARKED = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
FORMS = ("extxyz", "extxyz.gz", "db", "parquet")
MODELS = {"lj": "Lennard-Jones, cutoff 10.2 Å", "lj+d3": "Lennard-Jones + D3", "chgnet": "CHGNet"}


def main() -> None:
    """Write the tables into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    page = parser.parse_args().page
    page.write_text(filled(page.read_text(encoding="utf-8"), Constants.read()), encoding="utf-8")


def filled(text: str, constants: Constants) -> str:
    """Return a page with its tables made anew."""
    return MARKED.sub(lambda found: found[1] + table(TABLES[found[2]](constants)) + found[3], text)


def table(rows: list[list[str]]) -> str:
    """Return rows as Markdown; the first one is the head, where text stands left and figures right."""
    figures = [all(re.match(r"[\d.,−–-]+\b|–$", row[column]) for row in rows[1:]) for column in range(len(rows[0]))]
    head = ["| " + " | ".join(rows[0]) + " |", "|" + "|".join("---:" if one else "---" for one in figures) + "|"]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows[1:])]) + "\n"


def number(value: float) -> str:
    """Return a figure with two digits, or all that stand before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


def models(constants: Constants) -> list[list[str]]:
    """Return the table of batches."""
    rows = [
        [
            "pipeline, one core",
            "batch, ms",
            "structure, µs",
            "atom, µs",
            "pair, µs",
            "angle, µs",
            "mean, ms",
            "±",
            "in sum",
        ]
    ]
    fits = constants.figures["batches"]["fits"]
    for name, title in {**MODELS, "around": "`evaluate` around any"}.items():
        seconds = fits[name]["seconds"]
        each = [
            number(1e6 * seconds[unit]) if unit in seconds else "–" for unit in ("structure", "atom", "pair", "angle")
        ]
        mean = constants.per_structure("batches", "fits", name) if name == "around" else constants.seconds_on(name)
        errors = [f"{fits[name]['predicted']:.0%}", f"{fits[name]['bias']:+.0%}".replace("-", "−")]
        rows.append([title, number(1e3 * seconds["batch"]), *each, number(1e3 * mean), *errors])
    return rows


def files(constants: Constants) -> list[list[str]]:
    """Return the table of formats."""
    rows = [
        ["dataset", "read: structure, µs", "atom, µs", "survey: mean, µs", "bytes: mean", "passing over one, µs", "±"]
    ]
    passed = constants.figures["files"]["passing over"]
    for form in FORMS:
        of = constants.figures["files"]["formats"][form]
        structure, atom = constants.term("files", "formats", form, "read")
        survey, size = (constants.per_structure("files", "formats", form, name) for name in ("survey", "bytes"))
        over = number(1e6 * passed[form]) if form in passed else "–"
        numbers = [number(1e6 * structure), number(1e6 * atom), number(1e6 * survey), number(size), over]
        rows.append([form, *numbers, f"{of['read']['predicted']:.0%}"])
    return rows


def others(constants: Constants) -> list[list[str]]:
    """Return the table of all else."""
    figures = constants.figures
    storing, start = figures["driver"]["storing"]["processor"], figures["start"]
    sent = start["transport"]["1000"]
    way = f"a shard of 1000, of which {1e3 * sent['driver']:.1f} ms are of the driver; clock"
    light = f"{start['processor']['lj+d3']['load']:.2f} s for Lennard-Jones + D3"
    seconds = storing["seconds"]
    return [
        ["what", "figure", "of"],
        [
            "packing results",
            _micro(constants.per_structure("files", "packing", "pack")),
            "a structure, core of the worker",
        ],
        ["results on their way", f"{constants.per_structure('files', 'packing', 'bytes'):,.0f} B", "a structure"],
        ["results in Parquet", f"{figures['driver']['storing']['bytes of a structure']:,.0f} B", "a structure"],
        ["through Ray and back", f"{1e3 * sent['seconds']:.0f} ms", way],
        ["storing, fixed", f"{1e3 * seconds['shard']:.1f} ms", "a shard, core of the driver"],
        ["storing", _micro(seconds["structure"]), f"a structure, core of the driver (±{storing['predicted']:.0%})"],
        ["bringing a file to the disk", f"{1e3 * figures['driver']['sync']:.1f} ms", f"{SYNCS} times a shard; clock"],
        ["importing", f"{start['processor']['chgnet']['import']:.1f} s", "a worker"],
        ["loading the pipeline", f"{start['processor']['chgnet']['load']:.1f} s", f"a worker, CHGNet; {light}"],
    ]


def _micro(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} µs"


def predictions(constants: Constants) -> list[list[str]]:
    """Return the table of ten million structures."""
    rows = [
        [
            "device, µs/atom",
            "could do, 1/s",
            "gives out first",
            "closed form, min",
            "simulation, min",
            "workers at work",
            "driver at work",
            "lost",
        ]
    ]
    for one in constants.figures["predictions"]["at 1000"]:
        times = [f"{one[name] / 60:.1f}" for name in ("predicted", "simulated")]
        shares = [f"{one['busy']:.0%}", f"{one['driver']:.0%}", f"{one['lost']:.2%}"]
        rows.append([f"{one['rate']}", f"{one['at most']:,.0f}", one["first"], *times, *shares])
    return rows


def cuts(constants: Constants) -> list[list[str]]:
    """Return the table of sizes of shards, in minutes."""
    found = constants.figures["predictions"]["cuts"]
    rows = [["structures of a shard", *(f"{rate} µs/atom" for rate in found)]]
    sizes = list(next(iter(found.values())))
    return rows + [[f"{int(size):,}", *(f"{found[rate][size] / 60:.1f}" for rate in found)] for size in sizes]


def runs(constants: Constants) -> list[list[str]]:
    """Return the table of runs on two cores."""
    rows = [["model", "engine", "workers", "structures", "all, s", "shards, s", "least", "core of each structure, ms"]]
    for name, of in constants.figures["runs"].items():
        for one in of if isinstance(of, list) else ():
            ended = [f"{one['wall']:.0f}", f"{one['working']:.0f}", f"{one['least working']:.1f}"]
            more = _more(of, one)
            rows.append([name, one["engine"], str(one["workers"]), f"{one['structures']:,}", *ended, more])
    return rows


def _more(rows: list[dict[str, Any]], one: dict[str, Any]) -> str:
    """Return what each of the further structures took, where the run of half as many is known: start-up falls out."""
    half = [
        row for row in rows
        if (row["engine"], row["workers"], 2 * row["structures"]) == (one["engine"], one["workers"], one["structures"])
    ]  # fmt: skip
    if not half or one["engine"] == "ray":
        return "–"
    seconds = one["processor"] - half[0]["processor"]
    return f"{1e3 * seconds / half[0]['structures']:.1f}"


TABLES: dict[str, Callable[[Constants], list[list[str]]]] = {
    one.__name__: one for one in (models, files, others, predictions, cuts, runs)
}

if __name__ == "__main__":
    main()
