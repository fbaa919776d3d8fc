"""The head of the report: what was run, how far it came, and how fast it was."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from alchemi_ray.report.markup import Content, Markup, element, joined, shortened
from alchemi_ray.report.numerals import count, counted, duration, figure, percent
from alchemi_ray.report.tables import LONGEST, Column, anchor, heading, table, terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from alchemi_ray.report.run import Run
    from alchemi_ray.report.timeline import Clock

FILES = 20
"""Files of the dataset that are listed."""

TASKS = {"singlepoint": "single points", "relax": "relaxations", "phonons": "phonons"}
STATES = {
    "interrupted": "It was stopped before it came to its end.",
    "failed": "It ended with an error.",
    "running": "It was at work, or was killed, when this was written.",
}


DOI = re.compile(r"10\.\d{4,9}/[\w.()/:;-]+")
RUN = "What was run"


def title(run: Run) -> str:
    """Return what the report is about."""
    return f"{TASKS.get(run.task, run.task).capitalize()} of {_dataset(run)}"


def _dataset(run: Run) -> str:
    files = [str(one["source"]) for one in run.record["inputs"]]
    return shortened(files[0], 80) if len(files) == 1 else counted(len(files), "file")


def head(run: Run, clock: Clock) -> Markup:
    """Return everything above the first picture."""
    state = ("partial", "partial") if run.partial else ("complete", "whole")
    named = element("h1", title(run), " ", element("span", state[0], class_=f"badge {state[1]}"))
    dated = element("p", f"alchemi map, {_dates(run)}", class_="dated")
    return element("header", named, dated, _banner(run), _cards(run, clock))


def contents(names: Iterable[str]) -> Markup:
    """Return links to the sections."""
    links = (element("a", name, href=f"#{anchor(name)}") for name in names)
    return element("nav", *links, aria_label="Sections")


def _dates(run: Run) -> str:
    started, finished = (_date(run.record.get(name)) for name in ("started", "finished"))
    return f"{started} to {finished} UTC" if finished else f"started {started} UTC"


def _date(text: object) -> str:
    return "" if text is None else str(text)[:16].replace("T", " ")


def _banner(run: Run) -> Markup | None:
    """Tell what a partial run lacks."""
    if not run.partial:
        return None
    finished = run.done + run.failed
    told = (
        f"This report is partial: {count(finished)} of {counted(run.wanted, 'structure')} "
        f"({percent(finished, run.wanted)}) are finished. ",
        STATES.get(str(run.record["status"]), ""),
        f" The other {count(run.wanted - finished)} are computed when it goes on: ",
        element("code", f"alchemi map --resume {quoted(str(run.layout.folder))}"),
    )
    error = run.record.get("error")
    said = element("code", shortened(str(error), LONGEST)) if error else None
    return element("p", *told, element("br") if said else None, said, class_="banner", role="status")


def _cards(run: Run, clock: Clock) -> Markup:
    """Return the few numbers that everybody looks for."""
    finished = run.done + run.failed
    fast = clock.total > 0.0
    numbers = (
        ("with results", count(run.done), f"of {count(run.wanted)}"),
        ("failures", count(run.failed), percent(run.failed, finished)),
        ("structures/s", figure(finished / clock.total, 3) if fast else "–", "failures included"),
        ("atoms/s", figure(run.atoms / clock.total, 3) if fast else "–", f"{count(run.atoms)} atoms"),
        ("time at work", duration(clock.total), counted(len(clock.parts), "part")),
    )
    cards = (
        element("div", element("dt", name), element("dd", number, element("small", more)))
        for name, number, more in numbers
    )
    return element("dl", *cards, class_="cards")


def what_was_run(run: Run) -> Markup:
    """Return the section that tells what was computed of what, with what."""
    model = run.record["model"]
    plan = element("pre", "\n".join(model["plan"]), tabindex="0", aria_label="Plan of the pipeline")
    return element(
        "section",
        heading(RUN),
        terms(_facts(run)),
        element("h3", "Plan of the pipeline"),
        plan,
        _files(run),
        _cited(model.get("citations") or ()),
    )


def _facts(run: Run) -> Iterator[tuple[str, Content]]:
    record = run.record
    yield "model", element("code", str(record["model"].get("expression") or record["model"].get("file")))
    yield "task", " ".join([TASKS.get(run.task, run.task), _options(record.get("options") or {})]).strip()
    yield "outputs", ", ".join(run.outputs)
    engines = dict.fromkeys(
        f"{part['engine']}, {counted(int(part['workers'] or 0), 'worker')}" for part in record["parts"]
    )
    yield "engine", "; ".join(engines)
    yield "device", f"{record['device']}, {record['dtype']}"
    yield "results", f"{record['form']}, {counted(int(record['shards']), 'shard')} of {count(record['shard_size'])}"
    yield "command", element("code", " ".join(quoted(str(word)) for word in record["command"]))
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions(record["versions"]).items())
    for number, part in enumerate(record["parts"][1:], 2):
        if changed := _changed(record["versions"], part.get("versions") or record["versions"]):
            yield f"versions of part {number}", changed


def _options(options: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{name}={value}" for name, value in options.items())
    return f"({inside})" if inside else ""


def versions(said: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of a record by name, those of plugins and of what these build on among them."""
    found = {name: str(version) for name, version in said.items() if not isinstance(version, dict)}
    for name, plugin in said.get("plugins", {}).items():
        found[name] = str(plugin["version"])
        found |= {other: str(version) for other, version in (plugin.get("builds_on") or {}).items()}
    return found


def _changed(first: Mapping[str, Any], later: Mapping[str, Any]) -> str:
    """Return what a later part of a run had in another version."""
    before, after = versions(first), versions(later)
    return ", ".join(
        f"{name} {after.get(name, 'not there')} (before {before.get(name, 'not there')})"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    )


def quoted(word: str) -> str:
    """Return a word as a shell takes it; expressions of models, which have quotes in them, as people write it."""
    if "'" in word and not set(word) & set('"$`\\!'):
        return f'"{word}"'
    return shlex.quote(word)


def _files(run: Run) -> Markup:
    inputs = run.record["inputs"]
    columns = (
        Column("file", "name"),
        Column("kind"),
        Column("structures", "number"),
        Column("size", "number"),
        Column("SHA-256"),
    )
    rows = [
        [
            element("code", shortened(str(one["source"]), LONGEST)),
            str(one["kind"]),
            count(one["structures"]),
            f"{figure(one['bytes'] / 1e6, 3)} MB",
            element("code", f"{str(one['sha256'])[:12]}…", title=str(one["sha256"])),
        ]
        for one in inputs[:FILES]
    ]
    more = f"the first {FILES} of {count(len(inputs))}; all are in run.json" if len(inputs) > FILES else ""
    return table("Dataset", columns, rows, note=more)


def _cited(citations: Any) -> Markup | None:
    if not citations:
        return None
    return joined(
        element("h3", "Please cite"), element("ul", *(element("li", _reference(str(one))) for one in citations))
    )


def _reference(text: str) -> Markup:
    """Return a reference, with a link where it is a DOI and nothing else."""
    return element("a", text, href=f"https://doi.org/{text}") if DOI.fullmatch(text) else joined(text)
