"""Finding plugins and asking each what it offers. Whatever one of them does, the others are not touched."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from alchemi_core import hookspecs
from alchemi_core.compatibility import check_core_fits
from alchemi_core.distributions import CORE, PluginSource, core_version, plugin_sources
from alchemi_core.errors import PluginError, nearest
from alchemi_core.hookspecs import HOOKS, PROJECT
from alchemi_core.plugin_records import PluginFailure, PluginRecord, attempt
from alchemi_core.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.offers import Offer

OTHER_VERSION = "made for another version of alchemi"


@attrs.frozen
class Discovery:
    """Everything found.

    Parameters
    ----------
    records : tuple of PluginRecord
        Plugins that loaded, the core's own first.
    failures : tuple of PluginFailure
        Plugins and hooks that did not, and names in the environment that fit nothing.
    blocked : tuple of PluginFailure
        Plugins that the environment keeps out.
    """

    records: tuple[PluginRecord, ...]
    failures: tuple[PluginFailure, ...]
    blocked: tuple[PluginFailure, ...]


def discover(environ: Mapping[str, str]) -> Discovery:
    """Load every installed plugin that `environ` lets in, and ask it what it offers.

    Parameters
    ----------
    environ : mapping of str to str
        Read for ``ALCHEMI_PLUGINS`` and ``ALCHEMI_BLOCK_PLUGINS``.
    """
    sources, unreadable = plugin_sources()
    selection = Selection.from_environ(environ)
    blocked = [source.failure(reason) for source in sources if (reason := selection.objection(source))]
    running = core_version()
    core = PluginSource(CORE, CORE, running, (), _load_builtins)
    admitted = [core, *(source for source in sources if not selection.objection(source))]
    taken = [take(source, running) for source in admitted]
    failures = chain(unreadable, selection.misnomers(sources), *(failed for _, failed in taken))
    return Discovery(tuple(record for record, _ in taken if record), tuple(failures), tuple(blocked))


def _load_builtins() -> Any:
    from alchemi_core import builtins

    return builtins


def take(source: PluginSource, running: str) -> tuple[PluginRecord | None, tuple[PluginFailure, ...]]:
    """Load one plugin and call its hooks, each in its own ``try``.

    Parameters
    ----------
    source : PluginSource
        The plugin.
    running : str
        Version of the core, which the plugin must fit.

    Returns
    -------
    record, failures
        No record when the plugin failed as a whole. A hook that fails leaves what the plugin's other hooks offer.
    """
    manager = attempt(partial(_manager, source, running), source.failure())
    if isinstance(manager, PluginFailure):
        return None, (manager,)
    asked = [attempt(partial(_offers, manager, hook), source.failure(hook)) for hook in HOOKS]
    failures = tuple(result for result in asked if isinstance(result, PluginFailure))
    offers = [offer for result in asked if not isinstance(result, PluginFailure) for offer in result]
    record = PluginRecord(source.plugin, source.distribution, source.version, tuple(offers))
    return (None if failures and not offers else record), failures


def _manager(source: PluginSource, running: str) -> pluggy.PluginManager:
    """Load a plugin into a manager of its own.

    One manager for all would skip the second of two plugins of one name without a word, keep half of a plugin whose
    registration fails, and let the hook wrappers of one plugin change what another offers.
    """
    check_core_fits(source, running)
    plugin = source.load()
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, source.plugin)
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{OTHER_VERSION}: {error}", fix=_other_version(source)) from error
    _check_hooks(manager, plugin, source)
    return manager


def _other_version(source: PluginSource) -> str:
    return f"pip install --upgrade {CORE} {source.distribution}"


def _check_hooks(manager: pluggy.PluginManager, plugin: Any, source: PluginSource) -> None:
    """Refuse hooks that nobody calls: unknown ones, those without their mark, and plugins without any."""
    callers = {caller.name: caller for caller in manager.get_hookcallers(plugin) or ()}
    unknown = [name for name, caller in callers.items() if not (caller.has_spec() or _optional(caller))]
    if unknown:
        near = nearest(unknown[0], HOOKS)
        found = f"{OTHER_VERSION}: there is no hook {unknown[0]!r}" + (f", but {near!r}" if near else "")
        raise PluginError(found, expected="one of " + ", ".join(HOOKS), fix=_other_version(source))
    if unmarked := [hook for hook in HOOKS if callable(getattr(plugin, hook, None)) and hook not in callers]:
        raise PluginError(f"{unmarked[0]} lacks its mark", fix=f"@hookimpl above def {unmarked[0]}")
    if not callers:
        raise PluginError("it implements no hook", expected="one of " + ", ".join(HOOKS))


def _optional(caller: pluggy.HookCaller) -> bool:
    """Whether the plugin itself says that the hook need not exist, to serve several versions of the core."""
    return all(implementation.optionalhook for implementation in caller.get_hookimpls())


def _offers(manager: pluggy.PluginManager, hook: str) -> tuple[Offer, ...]:
    """Call one hook of one plugin and check what comes back."""
    caller = getattr(manager.hook, hook)
    implementations = [one for one in caller.get_hookimpls() if not (one.wrapper or one.hookwrapper)]
    results = caller()
    # pluggy leaves out what is None, which would hide a forgotten return.
    results += [None] * (len(implementations) - len(results))
    return tuple(chain.from_iterable(_checked(result, HOOKS[hook]) for result in results))


def _checked(result: object, kind: type[Offer]) -> tuple[Offer, ...]:
    if not isinstance(result, Iterable) or isinstance(result, str):
        raise PluginError(f"returned {_shown(result)}", expected=f"a list of {kind.__name__}")
    offers = tuple(result)
    for offer in offers:
        if not isinstance(offer, kind):
            raise PluginError(f"offered {_shown(offer)}", expected=kind.__name__)
    return offers


def _shown(value: object) -> str:
    return "None" if value is None else f"{reprlib.repr(value)}, of type {type(value).__name__}"
