"""Running checks while a person looks on."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alchemi_core.cli.check_lines import NAME, WIDTH, Layout, group_lines, summary_lines
from alchemi_core.cli.check_names import by_subject
from alchemi_core.cli.interrupts import stopping_at_sigterm
from alchemi_core.testing.running import CheckResult, run_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alchemi_core.testing.checks import Check

STYLES = {"passed": "green", "FAILED": "bold red", "exempt": "yellow"}


def report(checks: Sequence[Check], *, timed: bool) -> list[CheckResult]:
    """Run checks and print what comes of them as soon as it is known.

    Parameters
    ----------
    checks : sequence of Check
        What to run.
    timed : bool
        Whether to print how long each took.

    Returns
    -------
    list of CheckResult
        In the order of the report.
    """
    results: list[CheckResult] = []
    try:
        with stopping_at_sigterm():
            for title, groups in by_subject(checks).items():
                _say([title])
                _run_groups(groups, _layout(groups, timed=timed), results)
    except KeyboardInterrupt:
        _say(["", f"stopped after {len(results)} of {len(checks)} checks", *summary_lines(results)])
        raise
    _say(["", *summary_lines(results)])
    return results


def _run_groups(groups: dict[str, list[Check]], layout: Layout, results: list[CheckResult]) -> None:
    for group, checks in groups.items():
        with _running(group):
            own = list(run_checks(checks))
        results += own
        _say(group_lines(group, own, layout))


def _layout(groups: Iterable[str], *, timed: bool) -> Layout:
    names = min(NAME, max(map(len, groups)))
    width = min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    return Layout(names, timed, width)


@contextmanager
def _running(group: str) -> Iterator[None]:
    """Show on a terminal what is running; nothing of it stays.

    No spinner: its thread would write while checks look at what is printed.
    """
    if sys.stdout.isatty():
        sys.stdout.write(f"  ...     {group}")
        sys.stdout.flush()
    try:
        yield
    finally:
        if sys.stdout.isatty():
            sys.stdout.write("\r\x1b[2K")


def _say(lines: Iterable[str]) -> None:
    if sys.stdout.isatty():
        _draw(lines)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _draw(lines: Iterable[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in lines:
        text = Text(line)
        for word, style in STYLES.items():
            if line.startswith(f"  {word}  ") or line == f"  {word}":
                text.stylize(style, 2, 2 + len(word))
        console.print(text, soft_wrap=True)
