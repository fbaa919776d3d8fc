"""Running checks without a test runner: each on its own, with what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alchemi_core.testing.checks import Check

Status: TypeAlias = Literal["passed", "failed", "exempt", "unneeded"]
"""``unneeded``: exempt, though it passes."""


@attrs.frozen(eq=False)
class CheckResult:
    """What came of a check.

    Parameters
    ----------
    check : Check
        What was run.
    status : str
        ``"passed"``, ``"failed"``, ``"exempt"`` where it fails for a reason that was given, or ``"unneeded"`` where it
        passes although such a reason was given.
    text : str
        The note of a check that passed, the report of one that failed.
    seconds : float
        How long it took.
    """

    check: Check
    status: Status
    text: str
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether nothing is left to do about it."""
        return self.status in ("passed", "exempt")


def run_checks(checks: Iterable[Check]) -> Iterator[CheckResult]:
    """Run checks one after the other; one that fails stops no other.

    Parameters
    ----------
    checks : iterable of Check
        What to run.

    Yields
    ------
    CheckResult
        What came of each, as soon as it is known.
    """
    for check in checks:
        start = time.perf_counter()
        try:
            note = check()
        except AssertionError as error:
            status: Status = "exempt" if check.exempt else "failed"
            yield CheckResult(check, status, str(error), time.perf_counter() - start)
        else:
            status = "unneeded" if check.exempt else "passed"
            yield CheckResult(check, status, note, time.perf_counter() - start)
