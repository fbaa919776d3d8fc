"""Release: errors that are kept for long, without what the functions that they passed were holding."""

from __future__ import annotations

import traceback
from typing import TypeVar

Kept = TypeVar("Kept", bound=BaseException)


def release(error: Kept) -> Kept:
    """Clear the variables of all frames that an error passed: it is kept, and they hold a whole batch.

    Parameters
    ----------
    error : BaseException
        Caught; its traceback stays readable. Frames that are still at work are left alone.
    """
    passed: BaseException | None = error
    while passed is not None:
        traceback.clear_frames(passed.__traceback__)
        passed = passed.__cause__ or passed.__context__
    return error
