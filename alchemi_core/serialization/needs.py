"""The plugins that a pipeline needs: written with a file, compared with what is installed before it is rebuilt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
from packaging.version import InvalidVersion, Version

from alchemi_core.distributions import CORE, normalized
from alchemi_core.errors import SerializationError
from alchemi_core.refusals import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alchemi_core.plugin_records import PluginRecord
    from alchemi_core.registry import Registry

# What may stand in a command that users are told to type (https://peps.python.org/pep-0508/#names).
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_OFFER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_NAME = 100
_MAX_NEEDS = 200


@attrs.frozen
class Need:
    """One distribution.

    Parameters
    ----------
    distribution, version : str
        Which one, as it was when the file was written.
    offers : tuple of (str, str)
        Kind and name of what is needed of it.
    """

    distribution: str
    version: str
    offers: tuple[tuple[str, str], ...]

    @property
    def requirement(self) -> str:
        """What pip is to install; of a version that somebody built for himself, what it was made of."""
        version = _version(self.version)
        return f"{self.distribution}>={version.public if version else self.version}"


def needs_of(offers: Iterable[tuple[str, str]], registry: Registry) -> tuple[Need, ...]:
    """Return what brings the offers of some kinds and names; the core's own need nothing."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for kind, name in dict.fromkeys(offers):
        owner = registry.owner(registry.find(kind, name))
        if owner.distribution != CORE:
            found.setdefault((owner.distribution, owner.version), []).append((kind, name))
    return tuple(Need(*owner, tuple(sorted(own))) for owner, own in sorted(found.items()))


def describe_needs(needs: Iterable[Need]) -> list[dict[str, Any]]:
    """Return them as JSON values."""
    return [
        {"plugin": one.distribution, "version": one.version, "offers": [list(offer) for offer in one.offers]}
        for one in needs
    ]


def read_needs(described: Any) -> tuple[Need, ...]:
    """Return needs as they stand in a file.

    Raises
    ------
    SerializationError
        If they are not what `describe_needs` writes.
    """
    if not isinstance(described, list) or len(described) > _MAX_NEEDS:
        raise _strange(described)
    return tuple(_read(one) for one in described)


def _read(described: Any) -> Need:
    match described:
        case {"plugin": str(name), "version": str(version), "offers": [*offers]}:
            pairs, known = tuple(_offer(offer) for offer in offers), _version(version)
            if len(name) <= _MAX_NAME and _NAME.fullmatch(name) and known is not None:
                return Need(name, str(known), pairs)
    raise _strange(described)


def _offer(offer: Any) -> tuple[str, str]:
    match offer:
        case [str(kind), str(name)] if kind.isidentifier() and _OFFER.fullmatch(name):
            return kind, name
    raise _strange(offer)


def _version(text: str) -> Version | None:
    try:
        return Version(text) if len(text) <= _MAX_NAME else None
    except InvalidVersion:
        return None


def _strange(described: Any) -> SerializationError:
    found = f"says that it needs {described!r:.80}"
    return SerializationError(found, expected="plugins with versions and offers", who="pipeline file")


def unmet(needs: Iterable[Need], registry: Registry, *, older: bool = False) -> dict[Need, str]:
    """Return why needs are not met here; empty when all is there.

    Parameters
    ----------
    needs : iterable of Need
        Of a file.
    registry : Registry
        What is on offer here.
    older : bool
        Whether versions older than those of the file will do.
    """
    reasons = {need: _objection(need, registry, older=older) for need in needs}
    return {need: reason for need, reason in reasons.items() if reason}


def _objection(need: Need, registry: Registry, *, older: bool) -> str:
    records = [one for one in registry.records if normalized(one.distribution) == normalized(need.distribution)]
    if not records:
        return _absence(need, registry)
    here, wanted = _version(records[0].version), _version(need.version)
    if not older and here is not None and wanted is not None and here < wanted:
        return f"{records[0].label} {_OLDER}"
    missing = [f"{kind} {name!r}" for kind, name in need.offers if not _offered(kind, name, records)]
    return f"{records[0].label} does not offer {', '.join(missing)}" if missing else ""


def _absence(need: Need, registry: Registry) -> str:
    named = [one for one in registry.failures if normalized(one.distribution) == normalized(need.distribution)]
    kept = [one for one in registry.blocked if normalized(one.distribution) == normalized(need.distribution)]
    if kept:
        return f"{kept[0].label} {_KEPT_OUT} ({kept[0].reason})"
    return f"{named[0].label} does not load ({named[0].reason})" if named else "it is not installed"


def _offered(kind: str, name: str, records: Iterable[PluginRecord]) -> bool:
    return any(offer.kind == kind and offer.name == name for record in records for offer in record.offers)


def check_needs(needs: Iterable[Need], registry: Registry, path: str, *, older: bool) -> None:
    """Refuse to rebuild a pipeline without its plugins, all of them named at once.

    Raises
    ------
    SerializationError
        With the versions wanted and the command that installs them.
    """
    lacking = unmet(needs, registry, older=older)
    if not lacking:
        return
    texts = [f"{need.distribution} {need.version} or later: {reason}" for need, reason in lacking.items()]
    raise SerializationError(
        f"it needs {'; '.join(texts)}" + quote(registry.failures, ()),
        expected="the plugins that the pipeline was saved with, or later ones",
        who=path,
        fix="; ".join(remedies(lacking)),
    )


def remedies(lacking: Mapping[Need, str]) -> list[str]:
    """Return what to do about needs that are not met."""
    kept = [need for need, reason in lacking.items() if _KEPT_OUT in reason]
    wanted = " ".join(f"'{need.requirement}'" for need in lacking if need not in kept)
    found = [f"pip install {wanted}"] if wanted else []
    if kept:
        names = ", ".join(need.distribution for need in kept)
        found.append(f"let {names} in again: ALCHEMI_PLUGINS and ALCHEMI_BLOCK_PLUGINS keep it out")
    if any(reason.endswith(_OLDER) for reason in lacking.values()):
        found.append("or load_pipeline(path, allow={'older-plugins'})")
    return found


_KEPT_OUT, _OLDER = "is kept out", "is older"


def without_models(needs: Iterable[Need], names: Mapping[str, Any] | set[str]) -> tuple[Need, ...]:
    """Return what is still needed when the user hands over all models of some names."""
    left = [
        attrs.evolve(need, offers=tuple(one for one in need.offers if not (one[0] == "model" and one[1] in names)))
        for need in needs
    ]
    return tuple(need for need in left if need.offers)
