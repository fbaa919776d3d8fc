"""Lines of a report on checks."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import attrs

from alchemi_core.cli.check_names import CheckName, by_subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alchemi_core.testing.checks import Check
    from alchemi_core.testing.running import CheckResult

INDENT = " " * 10
"""Of what stands below the name of a check: two spaces, the word, two spaces."""

WIDTH = 112
NAME = 40
"""Longest name of a check that notes on others are aligned with."""

CASES = 160
"""Longest list of cases; of more, only the number is said."""

NAMED = 12
"""How many failed checks are named at the end."""

WORDS = {"passed": "passed", "failed": "FAILED", "exempt": "exempt", "unneeded": "FAILED"}


@attrs.frozen
class Layout:
    """How lines are laid out.

    Parameters
    ----------
    names : int
        Width of the column of names, in characters.
    timed : bool
        Whether to say how long each check took.
    width : int
        Of a line, in characters.
    """

    names: int
    timed: bool = False
    width: int = WIDTH

    def head(self, status: str, seconds: float, name: str, note: str = "") -> Iterator[str]:
        """Yield the first line on a check: what came of it, its name, and a note that may take several."""
        took = f"{seconds:7.2f} s  " if self.timed else ""
        start = f"  {WORDS[status]}  {took}{name.ljust(self.names)}  "
        if not note:
            yield start.rstrip()
            return
        yield from wrapped(start + note, self.width, " " * min(len(start), self.width // 2))

    def below(self, text: str) -> Iterator[str]:
        """Yield lines that stand below the name of a check."""
        for line in text.splitlines():
            own = INDENT + " " * (len(line) - len(line.lstrip()))
            yield from wrapped(own + line.lstrip(), self.width, own + "    ")


def wrapped(line: str, width: int, indent: str) -> list[str]:
    """Break a line where it is too long; words stay whole, and further lines begin with the indent."""
    own = line[: len(line) - len(line.lstrip())]
    breaking = textwrap.TextWrapper(
        width=max(width, len(indent) + 20),
        initial_indent=own,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return breaking.wrap(line.lstrip())


def group_lines(group: str, results: Sequence[CheckResult], layout: Layout) -> Iterator[str]:
    """Yield what is said about checks of one group: those that passed in one line, each other one on its own.

    Parameters
    ----------
    group : str
        What their names have in common.
    results : sequence of CheckResult
        What came of them.
    layout : Layout
        How lines are laid out.
    """
    passed = [one for one in results if one.status == "passed"]
    if len(results) == 1 and passed:
        yield from layout.head("passed", passed[0].seconds, CheckName.of(passed[0].check.name).end, passed[0].text)
    elif passed:
        yield from layout.head("passed", sum(one.seconds for one in passed), group, _cases(passed))
    for one in results:
        if one.status != "passed":
            yield from _single_lines(one, layout)


def _cases(passed: Sequence[CheckResult]) -> str:
    cases = ", ".join(CheckName.of(one.check.name).case for one in passed)
    return cases if len(cases) <= CASES else f"{len(passed)} checks"


def _single_lines(result: CheckResult, layout: Layout) -> Iterator[str]:
    name = CheckName.of(result.check.name).end
    since = f"since {result.check.exempt}" if result.status == "exempt" else ""
    yield from layout.head(result.status, result.seconds, name, since)
    if result.status == "unneeded":
        yield from layout.below(f"passes, and is exempt: {result.check.exempt}\n  likely fix: remove the exemption")
    elif result.status == "failed":
        yield from layout.below(f"must hold: {result.check.about}" if result.check.about else "")
        yield from layout.below(result.text)


def summary_lines(results: Sequence[CheckResult]) -> Iterator[str]:
    """Count what came of checks, name those that failed, and say what can be done about them.

    Parameters
    ----------
    results : sequence of CheckResult
        All of them.
    """
    counts = Counter(WORDS[one.status].lower() for one in results)
    parts = [f"{counts[word]} {word}" for word in ("passed", "failed", "exempt") if counts[word]]
    every = "1 check" if len(results) == 1 else f"{len(results)} checks"
    yield f"{', '.join(parts) or 'none'} of {every}, {sum(one.seconds for one in results):.1f} s"
    failed = [one for one in results if not one.is_right]
    if failed:
        yield from _advice(failed, alone=len({_title(one.check) for one in results}) == 1)


def _advice(failed: Sequence[CheckResult], *, alone: bool) -> Iterator[str]:
    """Name checks that failed, without what is checked where that is one thing only, and say how to go on."""
    names = [CheckName.of(one.check.name).end if alone else one.check.name for one in failed]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    yield from wrapped(f"failed: {', '.join(names[:NAMED])}{more}", WIDTH, "  ")
    yield f"  to run {'it' if len(failed) == 1 else 'one'} alone: --only {names[0]}"
    broken = [name for name, one in zip(names, failed, strict=True) if one.status == "failed" and not one.check.alone]
    if broken:
        yield f'  if it need not pass: --exempt "{broken[0]}=REASON"'


def _title(check: Check) -> str:
    return CheckName.of(check.name).title


def listed_lines(checks: Sequence[Check]) -> Iterator[str]:
    """Yield each check with what passing it proves, and why it need not pass where that is so.

    Parameters
    ----------
    checks : sequence of Check
        All of them.
    """
    for title, groups in by_subject(checks).items():
        own = [check for group in groups.values() for check in group]
        width = max(len(CheckName.of(check.name).end) for check in own)
        yield title
        for check in own:
            yield f"  {CheckName.of(check.name).end.ljust(width)}  {check.about}".rstrip()
            if check.exempt:
                yield f"  {' ' * width}  exempt, since {check.exempt}"
