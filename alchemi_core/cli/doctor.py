"""``alchemi doctor``: what is installed, what is wrong with it, and whether it works; to be put into a bug report."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

from alchemi_core.cli.doctor_devices import devices, imported_torch
from alchemi_core.cli.doctor_plugins import backends, commands, plugins
from alchemi_core.cli.doctor_requirements import requirements
from alchemi_core.cli.doctor_section import Row, Section, guarded
from alchemi_core.cli.doctor_targets import SKIPPED, targets
from alchemi_core.cli.doctor_versions import environment, versions
from alchemi_core.registry import default_registry

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

HEALTHY, ILL = 0, 1
FEW = 3
"""Problems that the last line names before it counts the others."""


def run(arguments: argparse.Namespace) -> int:
    """Print the report, each section as soon as it is there: a crash in one leaves those before it."""
    sections: dict[str, Section] = {}
    for title, make in _parts(full=arguments.full).items():
        sections[title] = guarded(title, make).shareable
        if not arguments.json:
            sys.stdout.write(f"{title}\n\n{sections[title]}\n")
            sys.stdout.flush()
    problems = list(dict.fromkeys(problem for section in sections.values() for problem in section.problems))
    if arguments.json:
        sys.stdout.write(json.dumps(_described(sections, problems), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{_verdict(problems)}\n")
    return ILL if problems else HEALTHY


def _parts(*, full: bool) -> dict[str, Callable[[], Section]]:
    """Return what makes each section, in order: those that need no torch come first."""
    return {
        "versions": versions,
        "environment": environment,
        "plugins": lambda: plugins(default_registry()),
        "commands of plugins": commands,
        "requirements": lambda: requirements(_distributions()),
        "neighbor backends": lambda: backends(default_registry()),
        "devices": devices,
        "self-test": _self_test,
        "targets of offers": lambda: targets(default_registry()) if full else SKIPPED,
    }


def _distributions() -> list[str]:
    """Return the distributions that bring plugins, those that failed too, without those that are kept out."""
    found = default_registry()
    names = [record.distribution for record in found.records] + [failure.distribution for failure in found.failures]
    return list(dict.fromkeys(filter(None, names)))


def _self_test() -> Section:
    torch = imported_torch()
    if isinstance(torch, Row):
        return Section((torch,))
    from alchemi_core.cli.doctor_selftest import checks

    return Section(checks(default_registry()))


def _described(sections: Mapping[str, Section], problems: list[str]) -> dict[str, Any]:
    return {
        "problems": problems,
        **{re.sub(r"\W", "_", title): section.described for title, section in sections.items()},
    }


def _verdict(problems: Sequence[str]) -> str:
    """Return the last line."""
    if not problems:
        return "no problems found"
    number = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = f"; and {len(problems) - FEW} more, marked with !" if len(problems) > FEW else ""
    return f"{number}: {'; '.join(problems[:FEW])}{more}"
