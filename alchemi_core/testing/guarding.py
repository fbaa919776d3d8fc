"""Running a check so that whatever the plugin raises is a failure of that check, and stops no other."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from alchemi_core.errors import AlchemiError
from alchemi_core.testing.failures import CheckError, failure

if TYPE_CHECKING:
    from collections.abc import Callable


def guarded(run: Callable[[], str | None], what: str) -> Callable[[], str | None]:
    """Return a check that fails, rather than raising something else, where code of the plugin raises.

    Parameters
    ----------
    run : callable
        The check.
    what : str
        What is checked, for the report.
    """

    def guard() -> str | None:
        try:
            return run()
        except CheckError:
            raise
        except (Exception, SystemExit) as error:
            raise raised(error, what) from error

    return guard


def raised(error: BaseException, what: str) -> CheckError:
    """Return the failure of a check whose subject raised: what, where, and what the error says of its mend."""
    own = isinstance(error, AlchemiError)
    text = (error.found if isinstance(error, AlchemiError) else str(error).strip()) or "no message"
    return failure(
        what,
        f"raised {type(error).__name__}: {text}",
        expected=(error.expected if own else "") or "an answer",  # type: ignore[attr-defined]
        fix=error.fix if own else "",  # type: ignore[attr-defined]
        where=_place(error),
    )


def _place(error: BaseException) -> str:
    """Return the innermost line that belongs neither to the core nor to what is installed beside the plugin."""
    core = Path(__file__).parents[1]
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not Path(one.filename).is_relative_to(core)]
    if not frames:
        return ""
    last = next((one for one in reversed(frames) if "site-packages" not in one.filename), frames[-1])
    return f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"
