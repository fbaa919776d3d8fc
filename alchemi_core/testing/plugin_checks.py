"""The checks of a plugin as a whole: hooks, offers and metadata, whatever it offers."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from alchemi_core.bibliography import FILE, read_entries
from alchemi_core.distributions import CORE, normalized
from alchemi_core.offers import ModelOffer
from alchemi_core.testing.failures import failure
from alchemi_core.testing.plugin_specimens import PluginSpecimen
from alchemi_core.testing.promises import Promise, bound

if TYPE_CHECKING:
    from alchemi_core.plugin_records import PluginRecord
    from alchemi_core.registry import Registry
    from alchemi_core.testing.checks import Check

_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
LOWER, UPPER = frozenset({">=", ">", "==", "~=", "==="}), frozenset({"<", "<=", "==", "~=", "==="})
"""Operators of a requirement that keep older or newer versions out."""


def plugin_checks(record: PluginRecord, registry: Registry) -> list[Check]:
    """Return the checks of a plugin itself; those of what it offers are not among them.

    Parameters
    ----------
    record : PluginRecord
        The plugin.
    registry : Registry
        Everything on offer, it included.
    """
    return bound(f"plugin/{record.distribution}", PROMISES, PluginSpecimen(record, registry))


def check_light(specimen: PluginSpecimen) -> str:
    """Look at what the hook module imports."""
    if heavy := specimen.findings.imported:
        raise failure(
            f"{specimen.record.label}, importing {specimen.module} and calling its hooks",
            f"imports {', '.join(heavy)}",
            expected="nothing but alchemi_core: listing plugins is to take no time",
            fix="offer targets as text; import heavy packages in the modules that they point to",
        )
    return specimen.module


def check_silent(specimen: PluginSpecimen) -> None:
    """Look at what the hooks print."""
    if printed := specimen.findings.printed:
        what = f"{specimen.record.label}, importing {specimen.module} and calling its hooks"
        raise failure(what, f"printed {printed!r}", expected="nothing on stdout and stderr")


def check_pure(specimen: PluginSpecimen) -> None:
    """Call hooks twice, and look at what they leave behind."""
    findings = specimen.findings
    found = [f"{hook} gives other offers the second time" for hook in findings.unlike]
    found += [f"{name} was set" for name in findings.changed]
    if found:
        raise failure(
            f"{specimen.record.label}, importing {specimen.module} and calling its hooks",
            "; ".join(found),
            expected="the same offers each time, and a process left as it was",
            fix="hooks return constant lists; what depends on the machine belongs to the target",
        )


def check_targets(specimen: PluginSpecimen) -> str:
    """Import what each offer points to."""
    for target, wrong in specimen.findings.broken.items():
        names = ", ".join(f"{offer.noun} {offer.name!r}" for offer in specimen.offers if offer.target == target)
        raise failure(
            f"{specimen.record.label}, {names}",
            f"{target}: {wrong}",
            expected="an import that works wherever the plugin is installed",
            fix="add what is missing to the dependencies of the distribution",
        )
    return f"{len(specimen.offers)} offers"


def check_unique(specimen: PluginSpecimen) -> str:
    """Look whether others offer the same names."""
    for offer in specimen.offers:
        owners = [
            record.label
            for record in specimen.registry.records
            for one in record.offers
            if one.kind == offer.kind and one.name == offer.name
        ]
        if len(owners) > 1:
            raise failure(
                f"{specimen.record.label}, {offer.noun} {offer.name!r}",
                f"offered {len(owners)} times, by {', '.join(owners)}",
                expected="a name of its own",
                fix=f"another name, such as {specimen.record.name}-{offer.name}",
            )
    return f"{len(specimen.offers)} names"


def check_core(specimen: PluginSpecimen) -> str:
    """Look at the versions of the core that the distribution asks for."""
    wanted = [Requirement(text) for text in specimen.metadata.get_all("Requires-Dist") or ()]
    own = [one for one in wanted if normalized(one.name) == CORE]
    operators = {part.operator for one in own for part in one.specifier}
    if not (operators & LOWER and operators & UPPER):
        found = ", ".join(map(str, own)) or f"no {CORE} among its requirements"
        raise failure(
            f"{specimen.record.distribution}, its requirements",
            found,
            expected="a lower and an upper bound: the next minor version may change what plugins build on",
            fix=f'dependencies = ["{CORE}>=0.1,<0.2"]',
        )
    return ", ".join(map(str, own))


def check_licence(specimen: PluginSpecimen) -> str:
    """Look for a licence in the metadata."""
    metadata = specimen.metadata
    classifiers = [text for text in metadata.get_all("Classifier") or () if text.startswith("License ::")]
    said = [metadata.get("License-Expression"), metadata.get("License"), *classifiers]
    found = [text.strip().splitlines()[0] for text in said if text and text.strip()]
    if not found:
        raise failure(
            f"{specimen.record.distribution}, its metadata",
            "no licence",
            expected="the licence under which others may use it",
            fix='license = "Apache-2.0" in pyproject.toml, as it may be',
        )
    return str(found[0])


def check_summary(specimen: PluginSpecimen) -> str:
    """Look for a summary in the metadata."""
    summary = (specimen.metadata.get("Summary") or "").strip()
    if not summary:
        fix = "description = ... in pyproject.toml"
        raise failure(f"{specimen.record.distribution}, its metadata", "no summary", expected="one line", fix=fix)
    return str(summary)


def check_citations(specimen: PluginSpecimen) -> str:
    """Look for each DOI among the entries of the plugin's bibliography."""
    cited = {
        (match[1], offer)
        for offer in specimen.offers
        if isinstance(offer, ModelOffer)
        for text in offer.citations
        if (match := _DOI.fullmatch(text.strip()))
    }
    for doi, offer in sorted(cited, key=lambda pair: pair[0]):
        package = offer.target.partition(":")[0].partition(".")[0]
        if doi.casefold() not in _known(package):
            raise failure(
                f"{specimen.record.label}, model {offer.name!r}",
                f"cites {doi}, which is not in {package}/{FILE}",
                expected="a BibTeX entry with that doi, inside of the package",
                fix=f"add it to {FILE} beside __init__.py, and package that file",
            )
    return f"{len(cited)} cited"


def _known(package: str) -> set[str]:
    spec = find_spec(package)
    places = (spec.submodule_search_locations or ()) if spec is not None else ()
    files = [Path(place) / FILE for place in places]
    return {entry.doi.casefold() for file in files if file.is_file() for entry in read_entries(file)}


def _installed(specimen: PluginSpecimen) -> bool:
    return specimen.is_installed


def _of_others(specimen: PluginSpecimen) -> bool:
    return specimen.is_installed and not specimen.is_core


PROMISES = (
    Promise("light-hooks", "listing plugins imports nothing heavy", check_light, _installed),
    Promise("hooks-print-nothing", "hooks print nothing", check_silent, _installed),
    Promise("hooks-are-pure", "hooks give the same each time, and change nothing", check_pure, _installed),
    Promise(
        "offers-resolve", "what offers point to can be imported, each in a fresh process", check_targets, _installed
    ),
    Promise("names-unique", "nobody else offers the same names", check_unique),
    Promise("requires-core", "its requirements bound the version of the core on both sides", check_core, _of_others),
    Promise("licence-said", "its metadata name a licence", check_licence, _installed),
    Promise("summary-said", "its metadata say in one line what it is", check_summary, _installed),
    Promise("citations-have-entries", "what its models cite is in its bibliography", check_citations),
)
"""The checks of every plugin."""
