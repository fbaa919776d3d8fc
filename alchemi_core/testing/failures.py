"""The error of a check that failed, laid out like the errors of alchemi."""

from __future__ import annotations


class CheckError(AssertionError):
    """What a check raises that has found something, as told from an assertion of the code under check."""


def failure(what: str, found: str, *, expected: str = "", fix: str = "", **details: str) -> CheckError:
    """Make the error of a check that failed, laid out like the errors of `alchemi_core.errors`.

    Parameters
    ----------
    what : str
        What was checked: the structure, floating type and device, and what was done with it.
    found : str
        What was met.
    expected : str
        What would have been right.
    fix : str
        What usually causes this.
    **details : str
        Further lines by name.
    """
    tail = {"expected": expected, **details, "likely fix": fix}
    return CheckError("\n".join([f"{what}: {found}", *(f"  {k}: {text}" for k, text in tail.items() if text)]))
