"""What a subject is: the thing itself, or that of a name under which a plugin offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.registry import Registry, default_registry
from alchemi_core.testing.checks import Check
from alchemi_core.testing.failures import failure

if TYPE_CHECKING:
    from collections.abc import Callable

RESOLVES = "what the offer points to can be imported, and is what its kind has to be"


def resolved(thing: Any, kind: str, registry: Registry | None) -> Any:
    """Return a thing that is given as it is, or what the offer of a name points to.

    Raises
    ------
    PluginError
        If nobody offers the name, or its target does not load.
    """
    if not isinstance(thing, str):
        return thing
    offers = registry or default_registry()
    return offers.load(offers.find(kind, thing))


def resolution(path: str, error: Exception | None = None) -> Check:
    """Return the check that a subject could be had at all, which is known when its checks are listed.

    Parameters
    ----------
    path : str
        What the names of its checks begin with.
    error : Exception, optional
        What came in between.
    """

    def run() -> None:
        if error is not None:
            text = f"cannot be had: {type(error).__name__}: {error}"
            raise failure(path, text, expected="an importable target of the right kind") from error

    return Check(f"{path}/resolves", run, RESOLVES, alone=error is not None)


def attempted(make: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what a function makes, and None; or None, and what it raised."""
    try:
        return make(), None
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is what the check reports
        return None, error
