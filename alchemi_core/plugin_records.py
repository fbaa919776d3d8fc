"""What became of each plugin found: what it offers, or why it does not. Frozen values that pickle and print."""

from __future__ import annotations

import traceback as tracebacks
from typing import TYPE_CHECKING, TypeVar

import attrs

from alchemi_core.errors import AlchemiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.offers import Offer

T = TypeVar("T")


@attrs.frozen
class PluginRecord:
    """A plugin that loaded.

    Parameters
    ----------
    name : str
        Name of its entry point.
    distribution, version : str
        What to ``pip install``, and which version is installed.
    offers : tuple of Offer
        What its hooks returned, in the order of the hooks.
    """

    name: str
    distribution: str
    version: str
    offers: tuple[Offer, ...] = ()

    @property
    def label(self) -> str:
        """Distribution and version, such as ``alchemi-mace 0.2``."""
        return f"{self.distribution} {self.version}"


@attrs.frozen
class PluginFailure:
    """A plugin, or one hook of it, that gave nothing; or a name in the environment that fits no plugin.

    Parameters
    ----------
    plugin : str
        Name of the entry point, or the name met in the environment.
    distribution, version : str
        What is installed; both empty when nothing is.
    reason : str
        What happened, in one line.
    traceback : str
        The whole of it, as Python prints it; empty where no code of a plugin ran.
    fix : str
        What to type to mend it, where that is known.
    """

    plugin: str
    distribution: str
    version: str
    reason: str = ""
    traceback: str = ""
    fix: str = ""

    @property
    def label(self) -> str:
        """Distribution and version, such as ``alchemi-mace 0.2``; the bare name where nothing is installed."""
        return f"{self.distribution} {self.version}" if self.distribution else self.plugin

    def __str__(self) -> str:
        head = f"{self.label} is installed but did not load: " if self.distribution else ""
        return head + self.reason + (f" ({self.fix})" if self.fix else "")


def attempt(action: Callable[[], T], blank: PluginFailure) -> T | PluginFailure:
    """Run code of a plugin; whatever it raises becomes a failure.

    Parameters
    ----------
    action : callable
        What to run.
    blank : PluginFailure
        Says who is tried; its reason, where there is one, is put before that of the error.

    Returns
    -------
    T or PluginFailure
        What the action returned, or `blank` with reason, traceback and fix filled in.
    """
    try:
        return action()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything; nothing of it is lost
        return attrs.evolve(
            blank,
            reason=f"{blank.reason}: {describe(error)}" if blank.reason else describe(error),
            traceback="".join(tracebacks.format_exception(error)),
            fix=error.fix if isinstance(error, AlchemiError) else "",
        )


def describe(error: BaseException) -> str:
    """Say in one line what an error is about.

    >>> describe(ImportError("No module named 'e3nn'")), describe(KeyError("size"))
    ("No module named 'e3nn'", "KeyError: 'size'")
    """
    if isinstance(error, AlchemiError):
        return " ".join(error.found.split()) + (f"; expected {error.expected}" if error.expected else "")
    text = " ".join(str(error).split())
    return text if isinstance(error, ImportError) and text else f"{type(error).__name__}: {text}".rstrip(": ")
