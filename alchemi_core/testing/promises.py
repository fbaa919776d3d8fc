"""Promise: what every subject of a kind keeps, before it is bound to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from alchemi_core.testing.checks import Check
from alchemi_core.testing.guarding import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

S = TypeVar("S")


def _always(specimen: Any) -> bool:  # noqa: ARG001 - the signature of all conditions
    return True


@attrs.frozen
class Promise(Generic[S]):
    """A check that applies to every subject of a kind, or to those that declare something.

    Parameters
    ----------
    name : str
        Its name within the checks of a subject.
    about : str
        What passing it proves, in one line.
    run : callable
        ``run(specimen)`` raises AssertionError, or returns a note.
    applies : callable
        Whether a specimen declares what the check is about.
    """

    name: str
    about: str
    run: Callable[[S], str | None]
    applies: Callable[[S], bool] = _always


def bound(path: str, promises: Iterable[Promise[S]], specimen: S) -> list[Check]:
    """Return the checks of one subject: those promises that apply to it.

    Parameters
    ----------
    path : str
        What their names begin with, such as ``"reduction/mean"``.
    promises : iterable of Promise
        Of its kind.
    specimen : object
        What they are called with.
    """
    what = path.partition("/")[2]
    return [
        Check(f"{path}/{one.name}", guarded(lambda run=one.run: run(specimen), what), one.about)  # type: ignore[misc]
        for one in promises
        if one.applies(specimen)
    ]
