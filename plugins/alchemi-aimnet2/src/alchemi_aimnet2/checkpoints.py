"""Which file a name or path stands for. Nothing is downloaded and nothing is opened here but to take its digest.

The names are those of aimnet's registry, read from its file: importing the module that serves it would configure the
logging of the whole process.
"""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
from aimnet.config import load_yaml

from alchemi_core.errors import InputFileError, OptionError, nearest

WHO = "aimnet2"
DEFAULT = "aimnet2"


@attrs.frozen
class Registered:
    """Published weights.

    Parameters
    ----------
    name : str
        Full name in aimnet's registry, such as ``aimnet2-wb97m-d3_0``.
    family : str
        Family they belong to.
    file, url, sha256 : str
        Name in the cache, where it is published, and the digest of its content.
    """

    name: str
    family: str
    file: str
    url: str
    sha256: str


@attrs.frozen
class Registry:
    """The registry of the installed aimnet.

    Parameters
    ----------
    models : mapping of str to Registered
        By full name.
    aliases : mapping of str to str
        Full names by the others in use.
    d3_parameters : mapping of str to mapping
        Damping parameters, by family, of the D3 that aimnet adds to weights whose files may not say so.
    neutral_only : frozenset of str
        Families that were fitted to neutral systems alone.
    """

    models: dict[str, Registered]
    aliases: dict[str, str]
    d3_parameters: dict[str, dict[str, float]]
    neutral_only: frozenset[str]

    def named(self, name: str) -> Registered | None:
        """Return what a name stands for, None for other texts."""
        return self.models.get(self.aliases.get(name, name))

    def with_digest(self, sha256: str) -> Registered | None:
        """Return the published weights with that content, whatever their file is called now."""
        return next((one for one in self.models.values() if one.sha256 == sha256), None)


@attrs.frozen
class Checkpoint:
    """A file with weights.

    Parameters
    ----------
    path : Path
        Where it is.
    registered : Registered, optional
        What aimnet's registry knows of it, told by its content.
    """

    path: Path
    registered: Registered | None


def read_registry() -> Registry:
    """Read the registry that comes with aimnet."""
    content: Any = load_yaml(str(_folder() / "model_registry.yaml"))
    keys = ("family", "file", "url", "sha256")
    models = {name: Registered(name, *(str(entry[key]) for key in keys)) for name, entry in content["models"].items()}
    families = {name: policy or {} for name, policy in content["families"].items()}
    return Registry(
        models,
        dict(content["aliases"]),
        {name: policy["posthoc_d3_params"] for name, policy in families.items() if policy.get("posthoc_d3_params")},
        frozenset(name for name, policy in families.items() if policy.get("supports_charged_systems") is False),
    )


def cache_folder() -> Path:
    """Return where aimnet keeps downloaded weights: ``AIMNET_CACHE_DIR``, or else ``~/.cache/aimnet``."""
    given = os.environ.get("AIMNET_CACHE_DIR")
    return Path.home() / ".cache" / "aimnet" if given is None else Path(given)


def find_checkpoint(given: str | Path, registry: Registry) -> Checkpoint:
    """Return the file that a name or path stands for; as for aimnet, a name goes before a file that is called like it.

    Raises
    ------
    OptionError
        If it is neither a known name nor a file, or a name whose file was not downloaded yet.
    InputFileError
        If the file of a name is not the published one.
    """
    entry = registry.named(str(given))
    if entry is not None:
        return Checkpoint(_published(entry, str(given)), entry)
    path = Path(given)
    if not path.is_file():
        raise _unknown(given, registry)
    return Checkpoint(path, registry.with_digest(_digest(path)))


def _folder() -> Path:
    spec = find_spec("aimnet")
    if spec is None or not spec.submodule_search_locations:
        raise OptionError("aimnet is not installed", expected="its registry", who=WHO, fix="pip install aimnet")
    return Path(spec.submodule_search_locations[0]) / "calculators"


def _published(entry: Registered, given: str) -> Path:
    """Return the file of published weights, from the cache or from aimnet's own folder, after a look at its content."""
    places = (cache_folder() / entry.file, _folder() / "assets" / entry.file)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise _not_there(entry, given, places[0])
    if _digest(path) != entry.sha256:
        raise InputFileError(
            f"{path} is not what was published as {entry.name}: its SHA-256 digest is not that of aimnet's registry",
            expected=f"the file of {entry.url}",
            who=WHO,
            fix=f"remove it and run: aimnet download {entry.name}; or give your own weights as checkpoint='path'",
        )
    return path


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputFileError(f"{path}: {error}", expected="a file that can be read", who=WHO) from error


def _not_there(entry: Registered, given: str, place: Path) -> OptionError:
    return OptionError(
        f"the weights {given!r} are not on this machine: there is no {place}",
        expected="weights that were downloaded before; nothing is downloaded while a model is made",
        who=WHO,
        fix=f"run: aimnet download {given}; or get {entry.url} and give checkpoint='path/to/{entry.file}'",
    )


def _unknown(given: str | Path, registry: Registry) -> OptionError:
    text = str(given)
    names = sorted(name for name in registry.aliases if "_" not in name)
    near = nearest(text, [*registry.aliases, *registry.models])
    kind = "a folder" if Path(given).is_dir() else "no file"
    return OptionError(
        f"checkpoint {text!r} is {kind}",
        expected=f"one of {', '.join(names)}, a full name such as {DEFAULT}-wb97m-d3_0, or the path of a file",
        who=WHO,
        fix=f"checkpoint={near!r}" if near else "checkpoint='path/to/model.pt'",
    )
